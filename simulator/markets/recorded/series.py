"""Many contracts' bars in one sorted array, so that a whole chain is looked up at once.

1. An entry is known from the end of its bar on, never before.
2. What is found at an instant does not depend on any later entry.
3. An empty side of a quote means that it did not change: it is carried forward.
4. Entry 0 is nobody's and holds what is absent; a look-up that finds nothing returns it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulator.markets.columns import BarColumns, Ints, QuoteColumns, TradeColumns
from simulator.markets.recorded.daytime import DayTime
from simulator.markets.recorded.files import DECI_CENTS, MISSING

_TIME_BITS = 32
_NOBODY = -1
_VWAP_DIGITS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Entries by contract and time. `known_ms`: end of the bar, milliseconds since midnight in New York."""

    owner: Ints
    known_ms: Ints
    keys: Ints

    def last(self, contracts: Ints, at_ms: int) -> Ints:
        """Return the last entry known at `at_ms` of each contract, 0 where there is none."""
        entry = np.searchsorted(self.keys, (contracts << _TIME_BITS) | at_ms, side="right") - 1
        return np.where(self.owner[entry] == contracts, entry, 0)


@dataclass(frozen=True, slots=True, eq=False)
class QuoteSeries:
    """Closing bid and ask of each bar, with both sides carried forward."""

    series: Series
    quote: QuoteColumns


@dataclass(frozen=True, slots=True, eq=False)
class TradeSeries:
    """Trade bars: the bar itself, the day so far at its end, and its close as the latest trade.

    The recording holds no single trades: a bar counts as one, and its mean price is that of open, high, low and close.
    """

    series: Series
    bar: BarColumns
    day: BarColumns
    trade: TradeColumns


def quote_series(
    owner: Ints, starts_ms: Ints, fields: NDArray[np.int64], *, interval_ms: int, time: DayTime
) -> QuoteSeries:
    """Return the series of quotes; `fields` are bid, bid size, ask, ask size."""
    order, series = _sorted(owner, starts_ms, interval_ms)
    bid, bid_size, ask, ask_size = (np.insert(fields[order, i], 0, 0) for i in range(4))
    bid_from, ask_from = _carried(series, bid), _carried(series, ask)
    quote = QuoteColumns(
        at_us=_times(time, series.known_ms),
        bid=bid[bid_from] / DECI_CENTS,
        bid_size=bid_size[bid_from],
        ask=ask[ask_from] / DECI_CENTS,
        ask_size=ask_size[ask_from],
    )
    return QuoteSeries(series, quote)


def trade_series(
    owner: Ints, starts_ms: Ints, fields: NDArray[np.int64], *, interval_ms: int, time: DayTime
) -> TradeSeries:
    """Return the series of trades; `fields` are open, high, low, close, volume."""
    order, series = _sorted(owner, starts_ms, interval_ms)
    prices = np.insert(fields[order, :4] / DECI_CENTS, 0, np.nan, axis=0)
    volume = np.insert(fields[order, 4], 0, 0)
    bar = BarColumns(
        at_us=_times(time, series.known_ms - interval_ms),
        open=prices[:, 0],
        high=prices[:, 1],
        low=prices[:, 2],
        close=prices[:, 3],
        volume=volume,
        trades=np.insert(np.ones_like(order), 0, 0),
        vwap=np.round(prices.mean(axis=1), _VWAP_DIGITS),
    )
    trade = TradeColumns(at_us=_times(time, series.known_ms), price=bar.close, size=volume)
    return TradeSeries(series, bar, _so_far(series, bar, time.midnight_us), trade)


def _so_far(series: Series, bar: BarColumns, day_us: int) -> BarColumns:
    """Return the day's bar at the end of each entry."""
    first, high, low, paid = (np.full_like(bar.open, np.nan) for _ in range(4))
    # An index has no volume: its bars weigh alike.
    weight = np.maximum(bar.volume, 1)
    volume, trades = np.zeros_like(bar.volume), np.zeros_like(bar.trades)
    for part in _parts(series.owner):
        first[part] = bar.open[part.start]
        high[part] = np.maximum.accumulate(bar.high[part])
        low[part] = np.minimum.accumulate(bar.low[part])
        volume[part] = np.cumsum(bar.volume[part])
        trades[part] = np.cumsum(bar.trades[part])
        paid[part] = np.cumsum(bar.vwap[part] * weight[part]) / np.cumsum(weight[part])
    return BarColumns(
        at_us=np.where(series.owner == _NOBODY, 0, day_us),
        open=first,
        high=high,
        low=low,
        close=bar.close,
        volume=volume,
        trades=trades,
        vwap=np.round(paid, _VWAP_DIGITS),
    )


def _sorted(owner: Ints, starts_ms: Ints, interval_ms: int) -> tuple[Ints, Series]:
    """Return the order of the rows by contract and time, and the series that begins with nobody's entry."""
    keys = (owner << _TIME_BITS) | (starts_ms + interval_ms)
    order = np.argsort(keys, kind="stable")
    known_ms = np.insert(starts_ms[order] + interval_ms, 0, 0)
    return order, Series(
        np.insert(owner[order], 0, _NOBODY), known_ms, np.insert(keys[order], 0, _NOBODY << _TIME_BITS)
    )


def _parts(owner: Ints) -> Iterator[slice]:
    """Yield the slice of each contract's entries."""
    begins = np.flatnonzero(np.diff(owner)) + 1
    for begin, end in pairwise(np.append(begins, owner.size)):
        yield slice(int(begin), int(end))


def _carried(series: Series, values: Ints) -> Ints:
    """Return for each entry the last entry of the same contract that has a value, 0 where there is none."""
    source = np.maximum.accumulate(np.where(values != MISSING, np.arange(values.size), 0))
    return np.where(series.owner[source] == series.owner, source, 0)


def _times(time: DayTime, at_ms: Ints) -> Ints:
    """Return the entries' times in microseconds since the epoch, nobody's being absent."""
    times = time.us(at_ms)
    times[0] = 0
    return times
