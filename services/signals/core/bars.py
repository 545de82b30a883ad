"""Price bars and the two indicators the strategies stand on.

Prices are Decimal: a breakout is a comparison of prices as they were printed, and stops and targets go out as prices.
There are a few hundred bars per underlying and minute, so exactness costs nothing that matters.

1. A bar counts only from its end on: `ended_by` is the one way by which strategies get bars.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

ZERO = Decimal(0)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What was traded in a span of time: USD per share, and shares."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteBar(Prices):
    """One minute that began at `starts_at` (aware UTC)."""

    starts_at: datetime

    @property
    def ends_at(self) -> datetime:
        """The instant from which on the bar is known."""
        return self.starts_at + MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyBar(Prices):
    """One session."""

    day: date


def ended_by(bars: Sequence[MinuteBar], now: datetime) -> list[MinuteBar]:
    """Return the bars that are over at `now`, oldest first."""
    return sorted((bar for bar in bars if bar.ends_at <= now), key=lambda bar: bar.starts_at)


def sessions_before(bars: Sequence[DailyBar], day: date) -> list[DailyBar]:
    """Return the bars of the sessions before `day`, oldest first; today's own bar is still moving."""
    return sorted((bar for bar in bars if bar.day < day), key=lambda bar: bar.day)


def average_true_range(bars: Sequence[Prices], length: int) -> Decimal | None:
    """Return Wilder's average true range in USD (New Concepts in Technical Trading Systems, 1978), or None if short.

    The first `length` true ranges are averaged, each later one weighs 1 ÷ length. The first bar has no close before
    it: its true range is high − low.
    """
    if len(bars) < length:
        return None
    ranges = [bars[0].high - bars[0].low]
    ranges += [_true_range(bar, before.close) for before, bar in pairwise(bars)]
    average = sum(ranges[:length], ZERO) / length
    for true_range in ranges[length:]:
        average = (average * (length - 1) + true_range) / length
    return average


def exponential_average(values: Sequence[Decimal], length: int) -> Decimal | None:
    """Return the exponential moving average with weight 2 ÷ (length + 1), begun at the mean of the first `length` values.

    None when there are fewer.
    """
    if len(values) < length:
        return None
    weight = Decimal(2) / (length + 1)
    average = sum(values[:length], ZERO) / length
    for value in values[length:]:
        average += weight * (value - average)
    return average


def _true_range(bar: Prices, close_before: Decimal) -> Decimal:
    return max(bar.high, close_before) - min(bar.low, close_before)
