"""One underlying's recorded days in a row.

1. From a session's open on, its own recording answers; until then the one before it stands (the first one answers for
   what came before it as well). So figures jump from one recorded day to the next, as they do over night.
2. The underlying's extended hours are its day's, from midnight on, as soon as the day has traded.
3. A day is read when it is first asked for, and the few asked for last are kept.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property, lru_cache

from kernel.domain.calendar import Session, TradingCalendar, market_day
from kernel.domain.errors import ConfigError
from simulator.markets.market import Bar, StockSnapshot
from simulator.markets.recorded.archive import Recording
from simulator.markets.recorded.daily import DailyBars
from simulator.markets.recorded.day import RecordedDay, load_day
from simulator.markets.recorded.files import Progress
from simulator.markets.recorded.stock import minute_bars, session_bar, snapshot_at
from simulator.markets.sessions import SessionIndex

#: A day is a hundred megabytes at most; what is asked for is today's and the one before.
_DAYS_KEPT = 3


class Reel:
    """The recorded days of one underlying."""

    def __init__(
        self, recordings: Sequence[Recording], calendar: TradingCalendar, progress: Progress
    ) -> None:
        """`recordings` by day; `calendar` has every session of the exchange, recorded or not, to the last expiration."""
        self.symbol = recordings[0].symbol
        self.is_index = recordings[0].is_index
        self.interval_s = max(recording.interval_ms for recording in recordings) // 1000
        self._recordings = {recording.day: recording for recording in recordings}
        self._days = sorted(self._recordings)
        self._calendar = calendar
        self._sessions = SessionIndex(calendar)
        self._opens = [opens_at(calendar, day) for day in self._days]
        self._progress = progress
        self.load = lru_cache(_DAYS_KEPT)(self._load)

    @property
    def roots(self) -> set[str]:
        """What its option symbols begin with."""
        return {files.root for recording in self._recordings.values() for files in recording.roots}

    @property
    def first_day(self) -> date:
        """The first recorded day."""
        return self._days[0]

    def day_at(self, at: datetime) -> RecordedDay:
        """Return the day whose options answer at `at`."""
        return self.load(self._days[max(bisect_right(self._opens, at) - 1, 0)])

    def session_before(self, day: RecordedDay) -> Session:
        """Return the exchange's session before `day`."""
        before = self._sessions.previous(day.session)
        assert before is not None, "the calendar begins well before the first recorded day"
        return before

    def day_before(self, day: RecordedDay) -> RecordedDay | None:
        """Return the session before `day`, where it was recorded too."""
        before = self.session_before(day).day
        return self.load(before) if before in self._recordings else None

    def stock(self, at: datetime) -> StockSnapshot:
        """Return the underlying's snapshot."""
        index = max(bisect_right(self._days, market_day(at)) - 1, 0)
        day = self.load(self._days[index])
        told = snapshot_at(day, day.time.ms(at))
        if told.trade is None and index > 0:
            day = self.load(self._days[index - 1])
            told = snapshot_at(day, day.time.ms(at))
        return replace(told, previous_day_bar=self.session_bar(self.session_before(day).day))

    def session_bar(self, day: date) -> Bar | None:
        """Return the whole session's bar of `day`, from its minutes or else from the daily file."""
        if day in self._recordings:
            return session_bar(self.load(day))
        return self._daily.on(day)

    def official_close(self, day: date) -> float | None:
        """Return the close of `day`, or after the recorded days that of the last one before it."""
        told = self.session_bar(day)
        if told is None and day > self._days[0]:
            told = self.session_bar(self._days[bisect_right(self._days, day) - 1])
        return told.close if told else None

    def day_bars(self, start: datetime, end: datetime, at: datetime) -> Sequence[Bar]:
        """Return the bars of sessions that were over by `at` and start in [start, end]."""
        known = {bar.at: bar for bar in self._daily.between(market_day(start), market_day(end))}
        for day in self._days:
            if market_day(start) <= day <= market_day(end) and (bar := self.session_bar(day)):
                known[bar.at] = bar
        return [known[t] for t in sorted(known) if start <= t <= end and self._is_over(market_day(t), at)]

    def minute_bars(self, minutes: int, start: datetime, end: datetime, at: datetime) -> Sequence[Bar]:
        """Return bars of `minutes` of the recorded days; see `stock.minute_bars`."""
        days = self.days_between(start, min(end, at))
        return [bar for day in days for bar in minute_bars(day, minutes, start, end, at)]

    def days_between(self, start: datetime, end: datetime) -> Iterator[RecordedDay]:
        """Yield the recorded days that meet [start, end]."""
        for day in self._days:
            if market_day(start) <= day <= market_day(end):
                yield self.load(day)

    def _is_over(self, day: date, at: datetime) -> bool:
        session = self._calendar.session_on(day)
        return at >= session.closes_at if session else market_day(at) > day

    @cached_property
    def _daily(self) -> DailyBars:
        return DailyBars(self._recordings[self._days[0]])

    def _load(self, day: date) -> RecordedDay:
        return load_day(self._recordings[day], self._calendar, self._progress)


def opens_at(calendar: TradingCalendar, day: date) -> datetime:
    """Return when `day` opened; raises ConfigError when the exchange was closed."""
    session = calendar.session_on(day)
    if session is None:
        msg = f"the exchange was closed on {day}; choose another recorded day"
        raise ConfigError(msg)
    return session.opens_at
