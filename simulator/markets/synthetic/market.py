"""A market drawn from a seed: every figure is a function of (seed, symbol, instant).

1. Prices move on a grid of one second of market time; between sessions they stand where the last one closed.
2. Everything kept is a cache: dropping it changes nothing but the time an answer takes.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from kernel.domain.errors import ConfigError
from kernel.domain.options import OptionSymbol
from simulator.markets.columns import ChainColumns, no_chain
from simulator.markets.market import Bar, ListedContract, OptionSnapshot, Quote, StockSnapshot, Trade
from simulator.markets.rows import SnapshotRows
from simulator.markets.sessions import SessionIndex, exchange_calendar
from simulator.markets.synthetic.boards import OptionBoards
from simulator.markets.synthetic.earnings import report_days
from simulator.markets.synthetic.factors import Factors
from simulator.markets.synthetic.surface import RATE
from simulator.markets.synthetic.tape import StockTape
from simulator.markets.synthetic.universe import INDEXES, UNDERLYINGS, Underlying

#: The day a market opens at when none is asked for, so that a seed alone names every figure: a Friday, on which every
#: name has contracts that expire; with the default seed opening ranges break after the start.
DEFAULT_DAY = date(2026, 6, 5)
_DAYS_BEFORE = 200
#: A year and more of sessions, and behind each the year of expirations that an index lists.
_DAYS_AFTER = 800
#: Late enough for an opening range to stand and for volumes to have grown.
_START_AFTER_OPEN = timedelta(minutes=45)


class SyntheticMarket:
    """The seeded market. See `market.Market` for what each method answers."""

    name = "synthetic"

    def __init__(
        self,
        seed: int = 1,
        day: date | None = None,
        underlyings: Sequence[Underlying] = (*UNDERLYINGS, *INDEXES),
        *,
        rate: float = RATE,
    ) -> None:
        """`day`: the session the market starts in (default `DEFAULT_DAY`); raises ConfigError when there is none."""
        day = day or DEFAULT_DAY
        self.calendar = exchange_calendar(
            day - timedelta(days=_DAYS_BEFORE), day + timedelta(days=_DAYS_AFTER)
        )
        session = self.calendar.session_on(day)
        if session is None:
            nearest = self.calendar.last_session_on_or_before(day).day
            msg = f"the exchange is closed on {day}; choose a session, e.g. {nearest}"
            raise ConfigError(msg)
        self.starts_at = session.opens_at.astimezone(UTC) + _START_AFTER_OPEN
        self.quote_interval_s = 1
        self._names = {name.symbol: name for name in underlyings}
        sessions = SessionIndex(self.calendar)
        factors = Factors(seed)
        self._seed = seed
        self._roots = {name.root: name for name in underlyings}
        self._tape = StockTape(seed, sessions, factors)
        self._boards = OptionBoards(seed, rate, sessions, self._tape, factors)

    def underlyings(self) -> Sequence[str]:
        return tuple(self._names)

    def indexes(self) -> Sequence[str]:
        return tuple(symbol for symbol, name in self._names.items() if name.is_index)

    def contracts(self, underlying: str, at: datetime) -> Sequence[ListedContract]:
        name = self._names.get(underlying)
        return self._boards.at(name, at)[0].contracts if name else ()

    def chain(self, underlying: str, at: datetime) -> Sequence[OptionSnapshot]:
        return SnapshotRows(self.chain_columns(underlying, at))

    def chain_columns(self, underlying: str, at: datetime) -> ChainColumns:
        name = self._names.get(underlying)
        if name is None:
            return no_chain()
        board, second = self._boards.at(name, at)
        return board.columns(second)

    def option_quote(self, symbol: str, at: datetime) -> Quote | None:
        found = self._contract(symbol)
        return self._boards.quote(*found, at) if found else None

    def stock(self, symbol: str, at: datetime) -> StockSnapshot | None:
        name = self._names.get(symbol)
        return self._tape.snapshot(name, at) if name else None

    def official_close(self, symbol: str, day: date) -> float | None:
        name = self._names.get(symbol)
        return self._tape.official_close(name, day) if name else None

    def earnings(self, symbol: str, first: date, last: date) -> Sequence[date]:
        """Return the evenings in [first, last] on which `symbol` reports; the next session opens with the gap."""
        name = self._names.get(symbol)
        return report_days(self._seed, name, first, last) if name else ()

    def stock_bars(
        self, symbol: str, minutes: int, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Bar]:
        name = self._names.get(symbol)
        return self._tape.bars(name, minutes, start, end, at) if name else ()

    def option_trades(self, symbol: str, start: datetime, end: datetime, at: datetime) -> Sequence[Trade]:
        found = self._contract(symbol)
        return self._boards.trades(*found, start, end, at) if found else ()

    def option_bars(
        self, symbol: str, minutes: int, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Bar]:
        found = self._contract(symbol)
        return self._boards.bars(*found, minutes, start, end, at=at) if found else ()

    def _contract(self, symbol: str) -> tuple[Underlying, OptionSymbol] | None:
        try:
            contract = OptionSymbol.parse(symbol)
        except ValueError:
            return None
        name = self._roots.get(contract.root)
        return (name, contract) if name else None
