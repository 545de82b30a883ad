"""An option chain as arrays: what markets compute, and the quickest thing for the venue to serialise.

1. Row i of every array is the contract `listing.symbols[i]`; rows ascend by symbol.
2. What is absent is 0 in a time column and NaN in a price column; no other column is to be read there.
3. Arrays are shared between callers and must not be written to.
"""

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Days = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListingColumns:
    """The contracts themselves. `strike` in USD; `expiration` as datetime64[D], as the OCC symbol names it."""

    symbols: tuple[str, ...]
    strike: Floats
    is_call: Bools
    expiration: Days

    def __len__(self) -> int:
        return len(self.symbols)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuoteColumns:
    """Best bid and ask in USD per share, 0.0 on a side nobody quotes; `at_us` 0 where there never was a quote."""

    at_us: Ints
    bid: Floats
    bid_size: Ints
    ask: Floats
    ask_size: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TradeColumns:
    """Latest trades; `at_us` 0 where there was none."""

    at_us: Ints
    price: Floats
    size: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarColumns:
    """One bar per contract; `at_us` (its start) is 0 where nothing traded."""

    at_us: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Ints
    trades: Ints
    vwap: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GreekColumns:
    """Per share: theta per day, vega per point of volatility, rho per point of rate. All five are NaN together."""

    delta: Floats
    gamma: Floats
    theta: Floats
    vega: Floats
    rho: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChainColumns:
    """A whole chain at one instant. Times are microseconds since the Unix epoch, UTC (`moment` turns one back)."""

    listing: ListingColumns
    quote: QuoteColumns
    trade: TradeColumns
    day_bar: BarColumns
    minute_bar: BarColumns
    previous_day_bar: BarColumns
    implied_volatility: Floats
    greeks: GreekColumns


C = TypeVar("C", QuoteColumns, TradeColumns, BarColumns)


def take(columns: C, rows: Ints) -> C:
    """Return the chosen rows of quotes, trades or bars."""
    return replace(columns, **{field.name: getattr(columns, field.name)[rows] for field in fields(columns)})


def no_bars(count: int) -> BarColumns:
    """Return `count` absent bars."""
    none, nan = np.zeros(count, np.int64), np.full(count, np.nan)
    return BarColumns(at_us=none, open=nan, high=nan, low=nan, close=nan, volume=none, trades=none, vwap=nan)


def no_trades(count: int) -> TradeColumns:
    """Return `count` absent trades."""
    none = np.zeros(count, np.int64)
    return TradeColumns(at_us=none, price=np.full(count, np.nan), size=none)


def no_chain() -> ChainColumns:
    """Return a chain without contracts."""
    none, nothing = np.zeros(0, np.int64), np.zeros(0)
    return ChainColumns(
        listing=ListingColumns(
            symbols=(), strike=nothing, is_call=np.zeros(0, np.bool_), expiration=np.zeros(0, "datetime64[D]")
        ),
        quote=QuoteColumns(at_us=none, bid=nothing, bid_size=none, ask=nothing, ask_size=none),
        trade=no_trades(0),
        day_bar=no_bars(0),
        minute_bar=no_bars(0),
        previous_day_bar=no_bars(0),
        implied_volatility=nothing,
        greeks=GreekColumns(delta=nothing, gamma=nothing, theta=nothing, vega=nothing, rho=nothing),
    )
