"""A market that replays one recorded day of one underlying.

1. A bar is known at its end: every figure at an instant comes from bars that ended by then.
2. Between the ends of bars nothing changes, so a chain is computed once for each.
3. After the recorded day its last figures stand; before its first bar there are none.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from kernel.domain.calendar import market_day
from kernel.domain.clock import MARKET_ZONE
from simulator.markets.columns import ChainColumns, Ints, no_chain, take
from simulator.markets.market import Bar, ListedContract, OptionSnapshot, Quote, StockSnapshot, Trade
from simulator.markets.recorded.archive import find_recording
from simulator.markets.recorded.chain import chain_at
from simulator.markets.recorded.contract import contract_bars, contract_trades
from simulator.markets.recorded.day import UNKNOWN, load_day
from simulator.markets.recorded.files import Progress, unheard
from simulator.markets.recorded.stock import day_bars, minute_bars, session_close, snapshot_at
from simulator.markets.rows import SnapshotRows, quote_at

#: Yearly, continuous. Short rates of 2014 and 2015 lay within a quarter of a percent of zero; over the weeks of a
#: trade neither they nor a dividend move a delta by a hundredth, and zero is what anyone can recompute.
RATE = 0.0
DIVIDEND = 0.0
_CHAINS_KEPT = 8
_LISTINGS_KEPT = 4
_DAY_MINUTES = 390


class RecordedMarket:
    """The recorded day. See `market.Market` for what each method answers."""

    def __init__(
        self,
        folder: Path,
        symbol: str,
        day: date,
        *,
        rate: float = RATE,
        dividend: float = DIVIDEND,
        progress: Progress = unheard,
    ) -> None:
        """Load the day at once (a second or two), telling `progress`; raises ConfigError when it is not there."""
        self._day = load_day(find_recording(folder, symbol, day), progress)
        self._rate = rate
        self._dividend = dividend
        self.name = f"recorded {symbol} {day}"
        self.calendar = self._day.calendar
        session = self._day.session
        middle = session.opens_at + (session.closes_at - session.opens_at) / 2
        # The hour before the middle of the session: volumes have grown, and much of the day is left.
        self.starts_at = middle.astimezone(MARKET_ZONE).replace(minute=0, second=0).astimezone(UTC)
        self.quote_interval_s = self._day.recording.interval_ms // 1000
        self._row_of = {name: row for row, name in enumerate(self._day.options.listing.symbols)}
        self._listed = lru_cache(_LISTINGS_KEPT)(self._make_listed)
        self._contracts = lru_cache(_LISTINGS_KEPT)(self._make_contracts)
        self._columns = lru_cache(_CHAINS_KEPT)(self._make_columns)

    def underlyings(self) -> Sequence[str]:
        return (self._day.recording.symbol,)

    def contracts(self, underlying: str, at: datetime) -> Sequence[ListedContract]:
        if underlying != self._day.recording.symbol:
            return ()
        return self._contracts(market_day(at), self._day.time.ms(at) >= self._day.options.interest_known_ms)

    def chain(self, underlying: str, at: datetime) -> Sequence[OptionSnapshot]:
        return SnapshotRows(self.chain_columns(underlying, at))

    def chain_columns(self, underlying: str, at: datetime) -> ChainColumns:
        if underlying != self._day.recording.symbol:
            return no_chain()
        return self._columns(market_day(at), self._boundary(at))

    def option_quote(self, symbol: str, at: datetime) -> Quote | None:
        row = self._row_of.get(symbol)
        if row is None or self._day.options.last_days[row] < market_day(at):
            return None
        quotes = self._day.options.quotes
        entry = quotes.series.last(np.array([row]), self._day.time.ms(at))
        return quote_at(take(quotes.quote, entry), 0)

    def stock(self, symbol: str, at: datetime) -> StockSnapshot | None:
        if symbol != self._day.recording.symbol:
            return None
        return snapshot_at(self._day, self._day.time.ms(at))

    def official_close(self, symbol: str, day: date) -> float | None:
        if symbol != self._day.recording.symbol or day != self._day.recording.day:
            return None
        return session_close(self._day)

    def stock_bars(
        self, symbol: str, minutes: int, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Bar]:
        if symbol != self._day.recording.symbol:
            return ()
        if minutes >= _DAY_MINUTES:
            return day_bars(self._day, start, end, at)
        return minute_bars(self._day, minutes, start, end, at)

    def option_trades(self, symbol: str, start: datetime, end: datetime, at: datetime) -> Sequence[Trade]:
        row = self._row_of.get(symbol)
        return () if row is None else contract_trades(self._day, row, start, end, at)

    def option_bars(
        self, symbol: str, minutes: int, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Bar]:
        row = self._row_of.get(symbol)
        return () if row is None else contract_bars(self._day, row, minutes, start, end, at=at)

    def _boundary(self, at: datetime) -> int:
        """Return the last instant, in milliseconds of the day, at which something became known by `at`."""
        boundaries = self._day.boundaries_ms
        return int(boundaries[np.searchsorted(boundaries, self._day.time.ms(at), side="right") - 1])

    def _make_listed(self, today: date) -> Ints:
        """Return the contracts whose last session is not over before `today`."""
        return np.array(
            [row for row, last in enumerate(self._day.options.last_days) if last >= today], dtype=np.int64
        )

    def _make_columns(self, today: date, boundary_ms: int) -> ChainColumns:
        return chain_at(self._day, self._listed(today), boundary_ms, rate=self._rate, dividend=self._dividend)

    def _make_contracts(self, today: date, interest_is_known: bool) -> Sequence[ListedContract]:
        options = self._day.options
        counted_on = self.calendar.sessions[self.calendar.sessions.index(self._day.session) - 1].day
        found = []
        for row in self._listed(today):
            known = interest_is_known and options.interest[row] != UNKNOWN
            found.append(
                ListedContract(
                    symbol=options.contracts[row],
                    open_interest=int(options.interest[row]) if known else None,
                    open_interest_date=counted_on if known else None,
                    close_price=None,
                    close_price_date=None,
                )
            )
        return found
