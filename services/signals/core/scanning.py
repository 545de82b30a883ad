"""Every strategy of the scanner over one underlying."""

from collections.abc import Callable
from datetime import datetime

from kernel.domain.options import Direction
from kernel.domain.params import SignalsParams
from services.signals.core.opening_range import opening_range_breakout
from services.signals.core.setups import MarketView, NoSetup, Setup
from services.signals.core.trend_pullback import trend_pullback

Detector = Callable[[MarketView, Direction, SignalsParams, datetime], Setup | NoSetup]

DETECTORS: tuple[Detector, ...] = (opening_range_breakout, trend_pullback)


def detect(view: MarketView, params: SignalsParams, now: datetime) -> list[Setup | NoSetup]:
    """Return each strategy's answer in both directions at `now`."""
    return [detector(view, direction, params, now) for detector in DETECTORS for direction in Direction]
