"""Trading sessions as plain values; where they come from (the venue, a library) is an adapter's business."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from kernel.domain.clock import MARKET_ZONE


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day; `opens_at` and `closes_at` are aware datetimes (a half day closes early)."""

    day: date
    opens_at: datetime
    closes_at: datetime


class TradingCalendar:
    """The sessions of a span of days, in order. Questions outside the span raise LookupError."""

    def __init__(self, sessions: Iterable[Session], *, covers_to: date | None = None) -> None:
        """`covers_to`: last calendar day the sessions answer for (days after the last session may be holidays)."""
        self.sessions: tuple[Session, ...] = tuple(sorted(sessions, key=lambda s: s.day))
        self._days = [s.day for s in self.sessions]
        self.covers_to = covers_to or (self._days[-1] if self._days else None)

    def session_on(self, day: date) -> Session | None:
        """Return the session of `day`, or None on a weekend or holiday."""
        index = bisect_right(self._days, day) - 1
        return self.sessions[index] if index >= 0 and self._days[index] == day else None

    def last_session_on_or_before(self, day: date) -> Session:
        """Return the last session not after `day`: old contracts expire on Saturdays but last trade on Fridays."""
        index = bisect_right(self._days, day) - 1
        if index < 0 or self.covers_to is None or day > self.covers_to:
            msg = f"the calendar does not cover {day}"
            raise LookupError(msg)
        return self.sessions[index]

    def is_open(self, now: datetime) -> bool:
        """Tell whether the regular session is running at `now` (open inclusive, close exclusive)."""
        session = self.session_on(market_day(now))
        return session is not None and session.opens_at <= now < session.closes_at

    def time_to_close(self, now: datetime) -> timedelta | None:
        """Return what is left of the running session, or None when closed."""
        session = self.session_on(market_day(now))
        if session is None or not session.opens_at <= now < session.closes_at:
            return None
        return session.closes_at - now


def market_day(now: datetime) -> date:
    """Return the trading date of an instant, in the exchange's zone."""
    return now.astimezone(MARKET_ZONE).date()
