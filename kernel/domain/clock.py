"""Time as a collaborator: whoever needs the present takes a Clock."""

from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

#: The zone of every US options session; used to name trading days and to show times, never to store them.
MARKET_ZONE = ZoneInfo("America/New_York")


class Clock(Protocol):
    """Tells the present of one timeline (the venue's, or the machine's)."""

    def now(self) -> datetime:
        """Return the present as an aware UTC datetime."""
        ...


def require_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; a naive datetime is a programming error and raises ValueError."""
    if moment.tzinfo is None:
        msg = f"a naive datetime was passed where UTC is required: {moment!r}"
        raise ValueError(msg)
    return moment.astimezone(UTC)
