"""Bars to detect things in: a Friday's minutes and the sessions before it.

`a_breakout_day` closes above its opening range; `a_pullback_history` is a rising market that dips to its fast average.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from kernel.domain.calendar import Session
from kernel.runtime.params import load_params
from kernel.runtime.settings import PROJECT_ROOT
from services.signals.core.bars import DailyBar, MinuteBar
from services.signals.core.setups import MarketView

DAY = date(2026, 6, 5)
OPENS_AT = datetime(2026, 6, 5, 13, 30, tzinfo=UTC)
SESSION = Session(DAY, OPENS_AT, datetime(2026, 6, 5, 20, 0, tzinfo=UTC))
PARAMS = load_params(PROJECT_ROOT / "config" / "trading_params.json").signals


def minute(number: int, close: str, *, volume: int = 1000, reach: str = "0.10") -> MinuteBar:
    """Return the bar of minute `number` of the session, `reach` above and below its close."""
    price, half = Decimal(close), Decimal(reach)
    return MinuteBar(
        starts_at=OPENS_AT + timedelta(minutes=number),
        open=price,
        high=price + half,
        low=price - half,
        close=price,
        volume=volume,
    )


def minutes(closes: Sequence[str], *, volume: int = 1000) -> tuple[MinuteBar, ...]:
    """Return the session's first bars with these closes."""
    return tuple(minute(number, close, volume=volume) for number, close in enumerate(closes))


def a_breakout_day(*, direction: int = 1) -> tuple[MinuteBar, ...]:
    """Return 15 minutes between 519.40 and 520.60 and a 16th that closes at 520.70 (or, mirrored, 519.30) on volume."""
    swing = ["520.00", "520.50", "520.00", "519.50"] * 4
    last = Decimal(520) + direction * Decimal("0.70")
    return (*minutes(swing[:15]), minute(15, str(last), volume=3000))


def daily(number_back: int, close: Decimal, *, reach: str = "2") -> DailyBar:
    """Return the bar `number_back` calendar days before DAY."""
    return DailyBar(
        day=DAY - timedelta(days=number_back),
        open=close,
        high=close + Decimal(reach),
        low=close - Decimal(reach),
        close=close,
        volume=1_000_000,
    )


def a_pullback_history(*, direction: int = 1, dip: str = "3") -> tuple[DailyBar, ...]:
    """Return 80 sessions rising a dollar each to 500, then three that fall by `dip` dollars each."""
    closes = [Decimal(500 - 79 + n) for n in range(80)]
    closes += [Decimal(500) - Decimal(dip) * n for n in (1, 2, 3)]
    mirrored = [Decimal(500) + direction * (close - 500) for close in closes]
    return tuple(daily(len(closes) - n, close) for n, close in enumerate(mirrored))


def a_view(
    minute_bars: Sequence[MinuteBar] = (), daily_bars: Sequence[DailyBar] = (), underlying: str = "SPY"
) -> MarketView:
    """Return what the scanner saw."""
    return MarketView(
        underlying=underlying,
        session=SESSION,
        minute_bars=tuple(minute_bars),
        daily_bars=tuple(daily_bars),
    )
