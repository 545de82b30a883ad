"""Trend pullback (swing): in a trend, a dip to the fast average that ends is a chance to join.

Entry points: `trend_pullback`; `sessions_needed`, for whoever asks for the bars.
1. Trend and pullback are read from the daily bars of sessions before today; the trigger from today's minute bars that
   are over at `now`.
2. Trend: the fast average of closes is beyond the slow one, and the last close beyond the slow one.
3. Pullback: after the trend's extreme of the last `pullback_fast_ema` sessions, prices came back at least to the fast
   average, and at most `pullback_depth_atr_max` ATR past it (deeper is no dip, it is a turn).
4. Resumption: the first minute of today that closes beyond the previous session's extreme. Looking later finds the same.
5. Long and short are the same rule mirrored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from kernel.domain.options import Direction, Strategy
from kernel.domain.params import SignalsParams
from services.signals.core.bars import (
    DailyBar,
    MinuteBar,
    average_true_range,
    ended_by,
    exponential_average,
    sessions_before,
)
from services.signals.core.setups import Levels, MarketView, NoSetup, NoSetupReason, Rule, Setup

NAME = "trend_pullback"


@dataclass(frozen=True, slots=True)
class _Trend:
    fast: Decimal
    slow: Decimal
    atr: Decimal


def trend_pullback(
    view: MarketView, direction: Direction, params: SignalsParams, now: datetime
) -> Setup | NoSetup:
    """Return today's resumption of a trend in `direction`, or why there is none at `now`."""
    rule = Rule(NAME, Strategy.SWING, direction, view)
    daily = sessions_before(view.daily_bars, view.session.day)
    trend = _trend(daily, params)
    if trend is None:
        return rule.no(NoSetupReason.HISTORY_TOO_SHORT, sessions=len(daily), needed=sessions_needed(params))
    refusal = _no_trend(rule, daily, trend) or _no_pullback(rule, daily, trend, params)
    if refusal is not None:
        return refusal
    trigger_price = _extreme(daily[-1], rule.sign)
    bar = _first_beyond(view, trigger_price, rule.sign, now)
    if bar is None:
        return rule.no(NoSetupReason.NOT_RESUMED, trigger_price=trigger_price)
    levels = Levels(
        reference_price=bar.close,
        stop_distance=Decimal(str(params.pullback_atr_stop)) * trend.atr,
        target_distance=Decimal(str(params.pullback_atr_target)) * trend.atr,
        atr=trend.atr,
    )
    return rule.found(bar, levels, expiry_s=params.expiry_s[Strategy.SWING], now=now)


def sessions_needed(params: SignalsParams) -> int:
    """Return how many sessions the slowest of the averages is made of."""
    return max(params.pullback_slow_ema, params.pullback_fast_ema, params.atr_bars)


def _trend(daily: Sequence[DailyBar], params: SignalsParams) -> _Trend | None:
    closes = [bar.close for bar in daily]
    fast = exponential_average(closes, params.pullback_fast_ema)
    slow = exponential_average(closes, params.pullback_slow_ema)
    atr = average_true_range(daily, params.atr_bars)
    return None if fast is None or slow is None or atr is None else _Trend(fast, slow, atr)


def _no_trend(rule: Rule, daily: Sequence[DailyBar], trend: _Trend) -> NoSetup | None:
    last = daily[-1].close
    ordered = rule.sign * (trend.fast - trend.slow) > 0 and rule.sign * (last - trend.slow) > 0
    if ordered and trend.atr > 0:
        return None
    return rule.no(
        NoSetupReason.NO_TREND, fast_ema=trend.fast, slow_ema=trend.slow, last_close=last, atr=trend.atr
    )


def _no_pullback(
    rule: Rule, daily: Sequence[DailyBar], trend: _Trend, params: SignalsParams
) -> NoSetup | None:
    dip = _bars_after_extreme(daily[-params.pullback_fast_ema :], rule.sign)
    if not dip:
        return rule.no(NoSetupReason.NO_PULLBACK, bars_since_extreme=0)
    far = [_extreme(bar, -rule.sign) for bar in dip]
    turn = min(far) if rule.sign > 0 else max(far)
    depth_atr = rule.sign * (trend.fast - turn) / trend.atr
    if depth_atr < 0:
        return rule.no(NoSetupReason.NO_PULLBACK, fast_ema=trend.fast, turned_at=turn, depth_atr=depth_atr)
    if depth_atr > Decimal(str(params.pullback_depth_atr_max)):
        return rule.no(
            NoSetupReason.PULLBACK_TOO_DEEP,
            depth_atr=depth_atr,
            depth_atr_max=params.pullback_depth_atr_max,
        )
    return None


def _bars_after_extreme(bars: Sequence[DailyBar], sign: int) -> Sequence[DailyBar]:
    """Return the bars after the last one that reached the highest high (long) or the lowest low (short)."""
    best = max(sign * _extreme(bar, sign) for bar in bars)
    last = max(index for index, bar in enumerate(bars) if sign * _extreme(bar, sign) == best)
    return bars[last + 1 :]


def _extreme(bar: DailyBar, sign: int) -> Decimal:
    return bar.high if sign > 0 else bar.low


def _first_beyond(view: MarketView, price: Decimal, sign: int, now: datetime) -> MinuteBar | None:
    session = view.session
    for bar in ended_by(view.minute_bars, now):
        in_session = session.opens_at <= bar.starts_at and bar.ends_at <= session.closes_at
        if in_session and sign * (bar.close - price) > 0:
            return bar
    return None
