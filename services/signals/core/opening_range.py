"""Opening-range breakout (day_trade): the first minutes draw a range, a close beyond it on volume is a trade.

Entry point: `opening_range_breakout`.
1. Only minute bars of this session that are over at `now` count.
2. The breakout is the first bar after the range that closes beyond it, with at least the wanted volume relative to
   the session's bars before it, up to the last entry time. It is a fact of the bars: looking later finds the same.
3. The stop lies at the middle of the range or `opening_range_atr_stop` ATR away, whichever is farther: a stop inside
   the noise of a narrow range would be hit by chance. The target is the range's height or
   `opening_range_atr_target` ATR away, whichever is farther.
4. Long and short are the same rule mirrored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from kernel.domain.options import Direction, Strategy
from kernel.domain.params import SignalsParams
from services.signals.core.bars import MinuteBar, average_true_range, ended_by
from services.signals.core.setups import Levels, MarketView, NoSetup, NoSetupReason, Rule, Setup

NAME = "opening_range_breakout"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    high: Decimal
    low: Decimal
    ends_at: datetime
    last_entry_at: datetime

    @property
    def height(self) -> Decimal:
        return self.high - self.low

    @property
    def middle(self) -> Decimal:
        return (self.high + self.low) / 2

    def broken_by(self, bar: MinuteBar, sign: int) -> bool:
        """Tell whether `bar` closes beyond the range while entries are taken."""
        in_time = self.ends_at <= bar.starts_at and bar.ends_at <= self.last_entry_at
        return in_time and (bar.close > self.high if sign > 0 else bar.close < self.low)


def opening_range_breakout(
    view: MarketView, direction: Direction, params: SignalsParams, now: datetime
) -> Setup | NoSetup:
    """Return the session's first breakout in `direction`, or why there is none at `now`."""
    rule = Rule(NAME, Strategy.DAY_TRADE, direction, view)
    opens_at = view.session.opens_at
    range_ends_at = opens_at + timedelta(minutes=params.opening_range_min)
    if now < range_ends_at:
        return rule.no(NoSetupReason.RANGE_NOT_OVER, range_ends_at=range_ends_at)
    bars = [bar for bar in ended_by(view.minute_bars, now) if opens_at <= bar.starts_at]
    opening = _opening_range(bars, opens_at, params)
    if opening is None:
        return rule.no(NoSetupReason.RANGE_WITHOUT_BARS, bars=len(bars))
    if opening.height == 0:
        return rule.no(NoSetupReason.RANGE_FLAT, price=opening.high)
    found = _first_breakout(bars, opening, rule.sign, params)
    if found is None:
        return rule.no(
            NoSetupReason.NO_BREAKOUT,
            range_high=opening.high,
            range_low=opening.low,
            last_close=bars[-1].close,
            bars=len(bars),
        )
    breakout, atr = found
    levels = _levels(breakout.close, opening, rule.sign, atr, params)
    return rule.found(breakout, levels, expiry_s=params.expiry_s[Strategy.DAY_TRADE], now=now)


def _opening_range(bars: Sequence[MinuteBar], opens_at: datetime, params: SignalsParams) -> _Range | None:
    ends_at = opens_at + timedelta(minutes=params.opening_range_min)
    first = [bar for bar in bars if bar.ends_at <= ends_at]
    if not first:
        return None
    return _Range(
        high=max(bar.high for bar in first),
        low=min(bar.low for bar in first),
        ends_at=ends_at,
        last_entry_at=opens_at + timedelta(minutes=params.opening_range_last_entry_min),
    )


def _first_breakout(
    bars: Sequence[MinuteBar], opening: _Range, sign: int, params: SignalsParams
) -> tuple[MinuteBar, Decimal] | None:
    """Return the breakout bar and the ATR up to and with it."""
    volume_before = 0
    for count, bar in enumerate(bars):
        busy = _busy(bar, volume_before, count, params.opening_range_volume_ratio_min)
        volume_before += bar.volume
        if opening.broken_by(bar, sign) and busy:
            atr = average_true_range(bars[: count + 1], params.atr_bars)
            if atr:  # too few bars yet, or none of them moved
                return bar, atr
    return None


def _busy(bar: MinuteBar, volume_before: int, bars_before: int, ratio_min: float) -> bool:
    """Tell whether volume ÷ mean volume of the bars before reaches the ratio; without volume before, any will do."""
    return bar.volume * bars_before >= Decimal(str(ratio_min)) * volume_before


def _levels(reference: Decimal, opening: _Range, sign: int, atr: Decimal, params: SignalsParams) -> Levels:
    to_middle = sign * (reference - opening.middle)
    return Levels(
        reference_price=reference,
        stop_distance=max(to_middle, Decimal(str(params.opening_range_atr_stop)) * atr),
        target_distance=max(opening.height, Decimal(str(params.opening_range_atr_target)) * atr),
        atr=atr,
    )
