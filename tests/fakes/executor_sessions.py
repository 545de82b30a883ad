"""Sessions from 9:30 to 16:00 in New York on every weekday."""

from datetime import date, datetime, time, timedelta

from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import MARKET_ZONE


class FakeSessions:
    """The weekdays around the day asked for, each until `closes`."""

    closes = time(16)

    async def around(self, day: date) -> TradingCalendar:
        return weekdays(day, closes=self.closes)


def weekdays(first: date, days: int = 15, closes: time = time(16)) -> TradingCalendar:
    """The sessions of the weekdays from `first` on."""
    every = [first + timedelta(days=n) for n in range(days)]
    sessions = [a_session(day, closes) for day in every if day.weekday() < 5]
    return TradingCalendar(sessions, covers_to=every[-1])


def a_session(day: date, closes: time = time(16)) -> Session:
    """A session of `day` from 9:30 in New York."""
    opens_at = datetime.combine(day, time(9, 30), MARKET_ZONE)
    return Session(day, opens_at, datetime.combine(day, closes, MARKET_ZONE))
