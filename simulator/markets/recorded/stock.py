"""The underlying of a recorded day: snapshot and bars."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from kernel.domain.clock import microseconds, moment
from simulator.markets.columns import BarColumns, Ints
from simulator.markets.market import Bar, StockSnapshot
from simulator.markets.recorded.day import RecordedDay
from simulator.markets.recorded.daytime import MINUTE_MS
from simulator.markets.rows import bar_at, quote_at, trade_at

_ONLY = np.zeros(1, dtype=np.int64)
_MINUTE_US = MINUTE_MS * 1000
_VWAP_DIGITS = 4


def snapshot_at(day: RecordedDay, at_ms: int) -> StockSnapshot:
    """Return the underlying as known `at_ms` after midnight; its day's bar holds the regular session alone."""
    stock = day.stock
    traded = int(stock.trades.series.last(_ONLY, at_ms)[0])
    return StockSnapshot(
        symbol=day.recording.symbol,
        quote=quote_at(stock.quotes.quote, int(stock.quotes.series.last(_ONLY, at_ms)[0])),
        trade=trade_at(stock.trades.trade, traded),
        minute_bar=bar_at(stock.trades.bar, traded),
        day_bar=bar_at(stock.regular.day, int(stock.regular.series.last(_ONLY, at_ms)[0])),
        previous_day_bar=None,
    )


def session_bar(day: RecordedDay) -> Bar | None:
    """Return the regular session's bar once it is over, None where it saw no trade."""
    return bar_at(day.stock.regular.day, day.stock.regular.series.owner.size - 1)


def minute_bars(
    day: RecordedDay, minutes: int, start: datetime, end: datetime, at: datetime
) -> Sequence[Bar]:
    """Return bars of `minutes` that start in [start, end] and ended by `at`, extended hours included.

    They stand on multiples of `minutes` from midnight in New York; where nothing traded there is none.
    """
    bar = day.stock.trades.bar
    length_us = minutes * _MINUTE_US
    begins = day.time.midnight_us + (bar.at_us - day.time.midnight_us) // length_us * length_us
    wanted = (bar.at_us > 0) & (begins >= microseconds(start)) & (begins <= microseconds(end))
    rows = np.flatnonzero(wanted & (begins + length_us <= microseconds(at)))
    parts = np.split(rows, np.flatnonzero(np.diff(begins[rows])) + 1)
    return [_joined(bar, part, int(begins[part[0]])) for part in parts if part.size]


def _joined(bar: BarColumns, part: Ints, starts_us: int) -> Bar:
    # An index has no volume: its bars weigh alike.
    weight = np.maximum(bar.volume[part], 1)
    return Bar(
        at=moment(starts_us),
        open=float(bar.open[part[0]]),
        high=float(bar.high[part].max()),
        low=float(bar.low[part].min()),
        close=float(bar.close[part[-1]]),
        volume=int(bar.volume[part].sum()),
        trades=part.size,
        vwap=round(float(np.average(bar.vwap[part], weights=weight)), _VWAP_DIGITS),
    )
