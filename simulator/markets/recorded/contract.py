"""One contract of a recorded day: its trades and bars. A recorded bar counts as one trade, at its close and end."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from kernel.domain.clock import microseconds
from simulator.markets.columns import Ints
from simulator.markets.joining import bar_start, join_bars
from simulator.markets.market import Bar, Trade
from simulator.markets.recorded.day import RecordedDay
from simulator.markets.recorded.daytime import MINUTE_MS
from simulator.markets.rows import bar_at, trade_at

_DAY_MINUTES = 390


def contract_trades(
    day: RecordedDay, row: int, start: datetime, end: datetime, at: datetime
) -> Sequence[Trade]:
    """Return the trades in [start, end] that were known by `at`."""
    first, last = microseconds(start), microseconds(min(end, at))
    times = day.options.trades.trade.at_us
    rows = [entry for entry in _entries(day, row, at) if first <= times[entry] <= last]
    return [trade for entry in rows if (trade := trade_at(day.options.trades.trade, entry))]


def contract_bars(
    day: RecordedDay, row: int, minutes: int, start: datetime, end: datetime, *, at: datetime
) -> Sequence[Bar]:
    """Return bars of `minutes` (390 and more: the day) that start in [start, end] and ended by `at`.

    There are none shorter than the recorded ones.
    """
    entries = _entries(day, row, at)
    if not entries.size or minutes * MINUTE_MS < day.recording.interval_ms:
        return ()
    if minutes >= _DAY_MINUTES:
        whole = bar_at(day.options.trades.day, int(entries[-1]))
        bars: Sequence[Bar] = [whole] if whole and day.session.closes_at <= at else []
    else:
        known = [bar for entry in entries if (bar := bar_at(day.options.trades.bar, int(entry)))]
        joined = join_bars(known, lambda bar: bar_start(bar.at, minutes))
        last_start = bar_start(at, minutes)
        bars = [bar for bar in joined if bar.at < last_start or at >= day.session.closes_at]
    return [bar for bar in bars if start <= bar.at <= end]


def _entries(day: RecordedDay, row: int, at: datetime) -> Ints:
    series = day.options.trades.series
    return np.flatnonzero((series.owner == row) & (series.known_ms <= day.time.ms(at)))
