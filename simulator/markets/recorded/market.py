"""A market that replays recorded days of one underlying or of several.

1. A bar is known at its end: every figure at an instant comes from bars that ended by then.
2. Between the ends of bars nothing changes, so a chain is computed once for each.
3. After the last recorded day its figures stand; before the first one's first bar there are none.
4. Between recorded days there is no session: the calendar leads from each to the next. A contract that expires between
   two of them is over with the earlier one.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import chain as chained
from pathlib import Path

import numpy as np

from kernel.domain.calendar import Session, TradingCalendar, market_day
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.options import OptionSymbol
from simulator.markets.columns import BarColumns, ChainColumns, Ints, no_bars, no_chain, take
from simulator.markets.market import Bar, ListedContract, OptionSnapshot, Quote, StockSnapshot, Trade
from simulator.markets.recorded.archive import find_recordings
from simulator.markets.recorded.chain import chain_at
from simulator.markets.recorded.contract import contract_bars, contract_trades
from simulator.markets.recorded.day import UNKNOWN, RecordedDay
from simulator.markets.recorded.daytime import DAY_MS
from simulator.markets.recorded.files import Progress, unheard
from simulator.markets.recorded.reel import Reel
from simulator.markets.rows import SnapshotRows, bar_at, quote_at
from simulator.markets.sessions import exchange_calendar

#: Yearly, continuous. Short rates of 2014 and 2015 lay within a quarter of a percent of zero; over the weeks of a
#: trade neither they nor a dividend move a delta by a hundredth, and zero is what anyone can recompute.
RATE = 0.0
DIVIDEND = 0.0
_CHAINS_KEPT = 8
_LISTINGS_KEPT = 4
_DAY_MINUTES = 390
_DAYS_AROUND = timedelta(days=60)


class RecordedMarket:
    """The recorded days. See `market.Market` for what each method answers."""

    def __init__(
        self,
        folder: Path,
        symbol: str | Sequence[str],
        first: date,
        last: date | None = None,
        *,
        rate: float = RATE,
        dividend: float = DIVIDEND,
        progress: Progress = unheard,
    ) -> None:
        """Open every recorded day from `first` to `last` (default: the one day) and read the first of each symbol.

        Reading a day takes a second or so and is told to `progress`. Raises ConfigError when a symbol has none.
        """
        symbols, last = (symbol,) if isinstance(symbol, str) else tuple(symbol), last or first
        found = {name: find_recordings(folder, name, first, last) for name in symbols}
        recordings = list(chained.from_iterable(found.values()))
        days = sorted({recording.day for recording in recordings})
        until = max(recording.last_expiration() for recording in recordings)
        exchange = exchange_calendar(days[0] - _DAYS_AROUND, max(until, days[-1]) + _DAYS_AROUND)
        self._reels = {name: Reel(of_name, exchange, progress) for name, of_name in found.items()}
        self._rate = rate
        self._dividend = dividend
        self.name = f"recorded {','.join(symbols)} {_span(days)}"
        self.calendar = bridged(exchange, days)
        self.quote_interval_s = max(reel.interval_s for reel in self._reels.values())
        for reel in self._reels.values():
            reel.load(reel.first_day)
        self.starts_at = _start_of(exchange.last_session_on_or_before(days[0]))
        self._roots = {root: reel for reel in self._reels.values() for root in reel.roots}
        self._listed = lru_cache(_LISTINGS_KEPT)(self._make_listed)
        self._contracts = lru_cache(_LISTINGS_KEPT)(self._make_contracts)
        self._columns = lru_cache(_CHAINS_KEPT)(self._make_columns)
        self._previous = lru_cache(_LISTINGS_KEPT)(self._make_previous)

    def underlyings(self) -> Sequence[str]:
        return tuple(self._reels)

    def indexes(self) -> Sequence[str]:
        return tuple(name for name, reel in self._reels.items() if reel.is_index)

    def contracts(self, underlying: str, at: datetime) -> Sequence[ListedContract]:
        reel = self._reels.get(underlying)
        if reel is None:
            return ()
        day = reel.day_at(at)
        return self._contracts(reel, day, market_day(at), day.time.ms(at) >= day.options.interest_known_ms)

    def chain(self, underlying: str, at: datetime) -> Sequence[OptionSnapshot]:
        return SnapshotRows(self.chain_columns(underlying, at))

    def chain_columns(self, underlying: str, at: datetime) -> ChainColumns:
        reel = self._reels.get(underlying)
        if reel is None:
            return no_chain()
        day = reel.day_at(at)
        return self._columns(reel, day, market_day(at), day.boundary(at))

    def option_quote(self, symbol: str, at: datetime) -> Quote | None:
        reel = self._reel_of(symbol)
        day = reel.day_at(at) if reel else None
        row = day.row_of.get(symbol) if day else None
        if day is None or row is None or day.options.last_days[row] < market_day(at):
            return None
        quotes = day.options.quotes
        return quote_at(take(quotes.quote, quotes.series.last(np.array([row]), day.time.ms(at))), 0)

    def stock(self, symbol: str, at: datetime) -> StockSnapshot | None:
        reel = self._reels.get(symbol)
        return reel.stock(at) if reel else None

    def official_close(self, symbol: str, day: date) -> float | None:
        reel = self._reels.get(symbol)
        return reel.official_close(day) if reel and self.calendar.session_on(day) else None

    def stock_bars(
        self, symbol: str, minutes: int, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Bar]:
        reel = self._reels.get(symbol)
        if reel is None:
            return ()
        if minutes >= _DAY_MINUTES:
            return reel.day_bars(start, end, at)
        return reel.minute_bars(minutes, start, end, at)

    def option_trades(self, symbol: str, start: datetime, end: datetime, at: datetime) -> Sequence[Trade]:
        reel = self._reel_of(symbol)
        days = reel.days_between(start, min(end, at)) if reel else ()
        rows = [(day, row) for day in days if (row := day.row_of.get(symbol)) is not None]
        return [trade for day, row in rows for trade in contract_trades(day, row, start, end, at)]

    def option_bars(
        self, symbol: str, minutes: int, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Bar]:
        reel = self._reel_of(symbol)
        days = reel.days_between(start, min(end, at)) if reel else ()
        rows = [(day, row) for day in days if (row := day.row_of.get(symbol)) is not None]
        return [bar for day, row in rows for bar in contract_bars(day, row, minutes, start, end, at=at)]

    def _reel_of(self, symbol: str) -> Reel | None:
        try:
            return self._roots.get(OptionSymbol.parse(symbol).root)
        except ValueError:
            return None

    def _make_listed(self, day: RecordedDay, today: date) -> Ints:
        """Return the contracts whose last session is not over before `today`."""
        return np.array(
            [row for row, last in enumerate(day.options.last_days) if last >= today], dtype=np.int64
        )

    def _make_columns(self, reel: Reel, day: RecordedDay, today: date, boundary_ms: int) -> ChainColumns:
        return chain_at(
            day,
            self._listed(day, today),
            boundary_ms,
            previous=self._previous(reel, day, today),
            rate=self._rate,
            dividend=self._dividend,
        )

    def _make_previous(self, reel: Reel, day: RecordedDay, today: date) -> BarColumns:
        """Return the day's bars of the session before `day`, where that was recorded, for today's contracts."""
        rows, before = self._listed(day, today), reel.day_before(day)
        if before is None:
            return no_bars(rows.size)
        symbols = day.options.listing.symbols
        there = np.array([before.row_of.get(symbols[row], UNKNOWN) for row in rows], dtype=np.int64)
        return take(before.options.trades.day, before.options.trades.series.last(there, DAY_MS))

    def _make_contracts(
        self, reel: Reel, day: RecordedDay, today: date, interest_is_known: bool
    ) -> Sequence[ListedContract]:
        options, previous = day.options, self._previous(reel, day, today)
        counted_on = reel.session_before(day).day
        found = []
        for place, row in enumerate(self._listed(day, today)):
            known = interest_is_known and options.interest[row] != UNKNOWN
            closed = bar_at(previous, place)
            found.append(
                ListedContract(
                    symbol=options.contracts[row],
                    open_interest=int(options.interest[row]) if known else None,
                    open_interest_date=counted_on if known else None,
                    close_price=Decimal(str(closed.close)) if closed else None,
                    close_price_date=counted_on if closed else None,
                )
            )
        return found


def bridged(calendar: TradingCalendar, days: Sequence[date]) -> TradingCalendar:
    """Return the sessions of `calendar` less those between the first and the last of `days` that are none of them."""
    kept = [s for s in calendar.sessions if s.day in set(days) or not days[0] < s.day < days[-1]]
    return TradingCalendar(kept, covers_to=calendar.covers_to)


def _start_of(session: Session) -> datetime:
    """Return the hour before the middle of the session: volumes have grown, and much of the day is left."""
    middle = session.opens_at + (session.closes_at - session.opens_at) / 2
    return middle.astimezone(MARKET_ZONE).replace(minute=0, second=0).astimezone(UTC)


def _span(days: Sequence[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]}..{days[-1]}"
