"""Bars made of trades, or of shorter bars: what a longer one is of what it spans.

Bars within a day stand on multiples of their length from midnight in New York, as the venue's do.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import groupby

from kernel.domain.calendar import market_day
from kernel.domain.clock import MARKET_ZONE
from simulator.markets.market import Bar, Trade

_VWAP_DIGITS = 4


def bar_start(at: datetime, minutes: int) -> datetime:
    """Return when the bar of `minutes` begins that `at` lies in."""
    midnight = datetime.combine(market_day(at), time(), tzinfo=MARKET_ZONE).astimezone(UTC)
    length = timedelta(minutes=minutes)
    return midnight + (at - midnight) // length * length


def join_trades(trades: Sequence[Trade], minutes: int, at: datetime, *, closes_at: datetime) -> Sequence[Bar]:
    """Return the bars that ended by `at`; a trade at `closes_at`, the day's last instant, belongs to the last bar."""
    last = closes_at - timedelta(microseconds=1)
    length = timedelta(minutes=minutes)
    parts = groupby(trades, key=lambda trade: bar_start(min(trade.at, last), minutes))
    return [_of_trades(begins, list(part)) for begins, part in parts if min(begins + length, closes_at) <= at]


def join_bars(bars: Sequence[Bar], begins: Callable[[Bar], datetime]) -> Sequence[Bar]:
    """Return one bar for each run of bars that `begins` gives the same start."""
    return [_of_bars(start, list(part)) for start, part in groupby(bars, key=begins)]


def _of_trades(begins: datetime, trades: Sequence[Trade]) -> Bar:
    prices = [trade.price for trade in trades]
    volume = sum(trade.size for trade in trades)
    paid = sum(trade.price * trade.size for trade in trades)
    return Bar(
        at=begins,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        volume=volume,
        trades=len(trades),
        vwap=round(paid / max(volume, 1), _VWAP_DIGITS),
    )


def _of_bars(begins: datetime, bars: Sequence[Bar]) -> Bar:
    volume = sum(bar.volume for bar in bars)
    paid = sum(bar.vwap * bar.volume for bar in bars)
    return Bar(
        at=begins,
        open=bars[0].open,
        high=max(bar.high for bar in bars),
        low=min(bar.low for bar in bars),
        close=bars[-1].close,
        volume=volume,
        trades=sum(bar.trades for bar in bars),
        vwap=round(paid / max(volume, 1), _VWAP_DIGITS),
    )
