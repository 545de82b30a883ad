"""A clock you advance by hand."""

from datetime import UTC, datetime, timedelta


class FixedClock:
    """Stands still until `advance` or `set`."""

    def __init__(self, now: datetime | None = None) -> None:
        self._now = now or datetime(2026, 6, 5, 14, 30, tzinfo=UTC)  # a Friday, 10:30 in New York

    def now(self) -> datetime:
        """Return the instant it stands at."""
        return self._now

    def advance(self, delta: timedelta) -> None:
        """Move on."""
        self._now += delta

    def set(self, now: datetime) -> None:
        """Jump."""
        self._now = now
