"""What the venue needs of a market: a pure view of prices at an instant.

1. Every answer is a function of the arguments alone: the same market, symbol and `at` give the same figures.
2. Nothing that was not known at `at` is ever told (a bar is known at its end).
Prices are floats in USD per share exactly as quoted (cents, or the recorded deci-cents); the venue turns them into
Decimal through `str`. Times are aware UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from kernel.domain.calendar import TradingCalendar
from kernel.domain.options import OptionSymbol
from simulator.markets.columns import ChainColumns


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedContract:
    """A contract of the option contracts endpoint. Figures of the previous day may be unknown."""

    symbol: OptionSymbol
    open_interest: int | None
    open_interest_date: date | None
    close_price: Decimal | None
    close_price_date: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Best bid and ask; 0.0 on a side that nobody quotes. Sizes in contracts (options) or shares (stocks)."""

    at: datetime
    bid: float
    bid_size: int
    ask: float
    ask_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """The latest trade."""

    at: datetime
    price: float
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Open, high, low, close and volume of the interval that starts at `at`."""

    at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int
    trades: int
    vwap: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """Per share and Black-Scholes: theta per day, vega per point of volatility, rho per point of rate."""

    delta: float
    gamma: float
    theta: float
    vega: float
    rho: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionSnapshot:
    """One contract as the snapshot endpoint tells it; a block that is None is absent there."""

    symbol: str
    quote: Quote | None
    trade: Trade | None
    day_bar: Bar | None
    minute_bar: Bar | None
    previous_day_bar: Bar | None
    implied_volatility: float | None
    greeks: Greeks | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockSnapshot:
    """An underlying at an instant."""

    symbol: str
    quote: Quote | None
    trade: Trade | None
    minute_bar: Bar | None
    day_bar: Bar | None
    previous_day_bar: Bar | None


class Market(Protocol):
    """A source of prices."""

    name: str
    #: Sessions this market trades, with a few weeks around them, so that expirations can be placed.
    calendar: TradingCalendar
    #: A sensible instant to start the venue's clock at.
    starts_at: datetime
    #: How coarse the quotes are: 1 for a live-like market, 60 or 3600 for recorded bars.
    quote_interval_s: int

    def underlyings(self) -> Sequence[str]:
        """Return every underlying with listed options, indexes included."""
        ...

    def indexes(self) -> Sequence[str]:
        """Return those of the underlyings that nobody trades: they have a level, no quote and no volume."""
        ...

    def contracts(self, underlying: str, at: datetime) -> Sequence[ListedContract]:
        """Return the contracts listed at `at`, not yet expired, by symbol; empty for an unknown underlying."""
        ...

    def chain(self, underlying: str, at: datetime) -> Sequence[OptionSnapshot]:
        """Return a snapshot of every listed contract, ordered by symbol; must be fast when asked again at the same `at`."""
        ...

    def chain_columns(self, underlying: str, at: datetime) -> ChainColumns:
        """Return the same chain as arrays (see `simulator.markets.columns`), for serialising without an object per row.

        `chain` is a lazy view of it: each row becomes an OptionSnapshot only when it is read. An unknown underlying
        gives columns of length zero.
        """
        ...

    def option_quote(self, symbol: str, at: datetime) -> Quote | None:
        """Return one contract's current quote (the fill engine asks this often), or None."""
        ...

    def stock(self, symbol: str, at: datetime) -> StockSnapshot | None:
        """Return an underlying's snapshot, or None when it is unknown."""
        ...

    def official_close(self, symbol: str, day: date) -> float | None:
        """Return what expiring contracts of `day` are settled by: the underlying's last price of the regular session.

        None for an unknown underlying or a day without a session here. Not to be asked before that session's close.
        """
        ...

    def stock_bars(
        self, symbol: str, minutes: int, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Bar]:
        """Return bars of `minutes` (390 and more: whole days) that start in [start, end] and ended by `at`."""
        ...

    def option_trades(self, symbol: str, start: datetime, end: datetime, at: datetime) -> Sequence[Trade]:
        """Return one contract's trades in [start, end] that happened by `at`, in order; none for an unknown one."""
        ...

    def option_bars(
        self, symbol: str, minutes: int, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Bar]:
        """Return one contract's bars, as `stock_bars` does; where nothing traded there is none."""
        ...
