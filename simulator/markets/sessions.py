"""The sessions of the US stock exchanges, half days included, as the kernel's calendar."""

import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, cast

import exchange_calendars

from kernel.domain.calendar import Session, TradingCalendar, market_day

_EXCHANGE = "XNYS"


def exchange_calendar(first: date, last: date) -> TradingCalendar:
    """Return the regular sessions from `first` to `last`."""
    with warnings.catch_warnings():
        # The library's own use of pandas is ahead of a deprecation there; nothing of it reaches us.
        warnings.filterwarnings("ignore", message="Series.values", category=DeprecationWarning)
        schedule = exchange_calendars.get_calendar(_EXCHANGE, start=first, end=last).schedule
    sessions = [
        Session(day.date(), _utc(opens_at), _utc(closes_at))
        for day, opens_at, closes_at in zip(schedule.index, schedule["open"], schedule["close"], strict=True)
    ]
    return TradingCalendar(sessions, covers_to=last)


class SessionIndex:
    """Finds the session an instant belongs to, which between sessions is the one that ended last."""

    def __init__(self, calendar: TradingCalendar) -> None:
        self.calendar = calendar
        self._days = [session.day for session in calendar.sessions]
        self._opens = [session.opens_at for session in calendar.sessions]

    def current(self, at: datetime) -> Session:
        """Return the last session opened by `at`; raises LookupError before the first."""
        index = bisect_right(self._opens, at) - 1
        if index < 0:
            msg = f"this market begins at {self._opens[0].isoformat()}, the instant asked for was {at.isoformat()}"
            raise LookupError(msg)
        return self.calendar.sessions[index]

    def between(self, start: datetime, end: datetime) -> Sequence[Session]:
        """Return the sessions whose day, midnight to midnight in New York, meets [start, end]."""
        first = bisect_left(self._days, market_day(start))
        return self.calendar.sessions[first : bisect_right(self._days, market_day(end))]

    def previous(self, session: Session) -> Session | None:
        """Return the session before `session`, or None for the first."""
        index = bisect_right(self._opens, session.opens_at) - 2
        return self.calendar.sessions[index] if index >= 0 else None


def second_of(session: Session, at: datetime) -> int:
    """Return whole seconds since the open, held at 0 before it and at the session's length after the close."""
    return int((min(max(at, session.opens_at), session.closes_at) - session.opens_at).total_seconds())


def length_s(session: Session) -> int:
    """Return the session's length in seconds."""
    return int((session.closes_at - session.opens_at).total_seconds())


def _utc(stamp: Any) -> datetime:
    """Return a pandas Timestamp as a datetime in Python's own UTC."""
    return cast("datetime", stamp.to_pydatetime()).astimezone(UTC)
