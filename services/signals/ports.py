"""What the signals stage asks of the outside: the venue's time, sessions and bars, and a place to keep alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from kernel.contracts.messages import Signal
from kernel.domain.calendar import Session, TradingCalendar
from services.signals.core.alerts import Accepted, Alert, Conflicting
from services.signals.core.bars import DailyBar, MinuteBar


class MarketTime(Protocol):
    """The venue's present."""

    async def now(self) -> datetime:
        """Return it in UTC; raises VenueUnavailable while the venue has never told it."""
        ...


class Calendars(Protocol):
    """The venue's sessions."""

    async def around(self, day: date) -> TradingCalendar:
        """Return a calendar that holds the session of `day`, if there is one; raises VenueUnavailable."""
        ...


class Bars(Protocol):
    """The venue's price bars. An underlying it does not know is absent from the answer."""

    async def minute_bars(
        self, underlyings: Sequence[str], session: Session
    ) -> Mapping[str, Sequence[MinuteBar]]:
        """Return the session's bars so far, the running one possibly included; raises VenueUnavailable."""
        ...

    async def daily_bars(self, underlyings: Sequence[str], day: date) -> Mapping[str, Sequence[DailyBar]]:
        """Return the sessions up to `day`, enough for the slowest average; raises VenueUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAlert:
    """An alert as it was first taken in. `published`: the log has acknowledged its signal.

    `body` is what was sent, until it is published; None also for what a revision without bodies took in.
    """

    content_hash: str
    signal: Signal
    body: bytes | None
    published: bool


class Alerts(Protocol):
    """Alerts that were taken in, by their senders' own ids. All raise DatabaseUnavailable."""

    async def keep(self, external_id: str, content_hash: str, signal: Signal, body: bytes) -> KeptAlert:
        """Keep a new alert, or leave the one of that id as it is; returns what is kept now."""
        ...

    async def mark_published(self, external_id: str) -> None:
        """Note that the log has acknowledged the alert's signal and its evidence."""
        ...

    async def unpublished(self) -> Sequence[KeptAlert]:
        """Return the alerts whose signals nobody has seen yet, oldest first."""
        ...


class AlertIntake(Protocol):
    """What the web does with an alert it has read."""

    async def accept(self, alert: Alert, body: bytes) -> Accepted | Conflicting:
        """Take in the alert that was read from `body`; once this returns Accepted its signal is in the log. Raises TransientError."""
        ...
