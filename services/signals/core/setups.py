"""What a strategy answers: a setup to trade, or a typed no with its figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from kernel.domain.calendar import Session
from kernel.domain.money import CENT, MICRO
from kernel.domain.options import Direction, Strategy
from services.signals.core.bars import DailyBar, MinuteBar


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """One underlying as the scanner saw it; bars in any order, bars that are not over yet included."""

    underlying: str
    session: Session
    minute_bars: tuple[MinuteBar, ...]
    daily_bars: tuple[DailyBar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A reason to trade. Prices are the underlying's, USD per share; `found_at` is the end of the bar that showed it."""

    rule: str
    strategy: Strategy
    direction: Direction
    underlying: str
    day: date
    found_at: datetime
    expires_at: datetime
    reference_price: Decimal
    stop_price: Decimal
    target_price: Decimal
    atr: Decimal

    @property
    def cause(self) -> str:
        """Name this setup: one per rule, underlying, day and direction, whoever finds it and however often."""
        return f"scan:{self.rule}:{self.underlying}:{self.day.isoformat()}:{self.direction.value}"


class NoSetupReason(StrEnum):
    """Why there is nothing to trade."""

    RANGE_NOT_OVER = "RANGE_NOT_OVER"
    RANGE_WITHOUT_BARS = "RANGE_WITHOUT_BARS"
    RANGE_FLAT = "RANGE_FLAT"
    NO_BREAKOUT = "NO_BREAKOUT"
    HISTORY_TOO_SHORT = "HISTORY_TOO_SHORT"
    NO_TREND = "NO_TREND"
    NO_PULLBACK = "NO_PULLBACK"
    PULLBACK_TOO_DEEP = "PULLBACK_TOO_DEEP"
    NOT_RESUMED = "NOT_RESUMED"
    LEVEL_NOT_POSITIVE = "LEVEL_NOT_POSITIVE"
    PAST = "PAST"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSetup:
    """A typed no."""

    rule: str
    direction: Direction
    underlying: str
    reason: NoSetupReason
    figures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Where to get in, where the idea is wrong, where it has paid: distances in USD from the reference price."""

    reference_price: Decimal
    stop_distance: Decimal
    target_distance: Decimal
    atr: Decimal


@dataclass(frozen=True, slots=True)
class Rule:
    """One strategy looking at one underlying in one direction; turns findings into answers."""

    name: str
    strategy: Strategy
    direction: Direction
    view: MarketView

    @property
    def sign(self) -> int:
        """+1 when a rise pays, −1 when a fall does: both directions are one rule mirrored."""
        return 1 if self.direction is Direction.BULLISH else -1

    def no(self, reason: NoSetupReason, **figures: object) -> NoSetup:
        """Refuse, with the figures that decided."""
        return NoSetup(
            rule=self.name,
            direction=self.direction,
            underlying=self.view.underlying,
            reason=reason,
            figures={name: _shown(value) for name, value in figures.items()},
        )

    def found(self, bar: MinuteBar, levels: Levels, *, expiry_s: float, now: datetime) -> Setup | NoSetup:
        """Return the setup that `bar` showed, unless it has expired or one of its levels is no price."""
        expires_at = bar.ends_at + timedelta(seconds=expiry_s)
        if now > expires_at:
            return self.no(NoSetupReason.PAST, found_at=bar.ends_at, expired_at=expires_at)
        stop = _to_cents(levels.reference_price - self.sign * levels.stop_distance)
        target = _to_cents(levels.reference_price + self.sign * levels.target_distance)
        atr = levels.atr.quantize(MICRO)
        if min(stop, target, atr) <= 0:
            return self.no(NoSetupReason.LEVEL_NOT_POSITIVE, stop_price=stop, target_price=target, atr=atr)
        return Setup(
            rule=self.name,
            strategy=self.strategy,
            direction=self.direction,
            underlying=self.view.underlying,
            day=self.view.session.day,
            found_at=bar.ends_at,
            expires_at=expires_at,
            reference_price=levels.reference_price,
            stop_price=stop,
            target_price=target,
            atr=atr,
        )


def _shown(figure: object) -> str:
    if isinstance(figure, Decimal) and figure != figure.quantize(MICRO):
        return str(figure.quantize(MICRO))
    return str(figure)


def _to_cents(price: Decimal) -> Decimal:
    # Half to even, unlike money: a stop must fall on the same cent whichever direction it is seen from.
    return price.quantize(CENT, rounding=ROUND_HALF_EVEN)
