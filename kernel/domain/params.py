"""Every number of the strategy, validated. Defaults and the file of record: `config/trading_params.json`."""

import hashlib
import json
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kernel.domain.options import Strategy

Percent = Annotated[Decimal, Field(gt=0, le=100, allow_inf_nan=False)]
#: A share that may be more than the whole: a day's premium, for one, of equity.
PositivePercent = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
#: A quality score.
Points = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveUsd = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class Params(BaseModel):
    """Base of all parameter groups: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TierParams(Params):
    """One account tier. `up_to_usd` is inclusive; the last tier has none."""

    name: str
    up_to_usd: PositiveUsd | None = None
    risk_pct: Percent
    max_contracts: Annotated[int, Field(gt=0)]
    swing_multiplier: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class SmoothAnchor(Params):
    """A point of the smooth scaling: at `amount_usd`, risk `risk_pct` percent."""

    amount_usd: PositiveUsd
    risk_pct: Percent


class SizerParams(Params):
    """Tiers, scaling and the ticket's bounds."""

    tiers: tuple[TierParams, ...]
    risk_scaling: Literal["step", "smooth"]
    smooth_anchors: tuple[SmoothAnchor, ...]
    day_trade_multiplier: Annotated[Decimal, Field(gt=0)]
    premium_seller_multiplier: Annotated[Decimal, Field(gt=0)]
    price_collar_pct: Percent
    tick_usd: PositiveUsd
    ticket_ttl_s: Positive

    @model_validator(mode="after")
    def _tiers_ascend_and_end_open(self) -> Self:
        bounds = [t.up_to_usd for t in self.tiers]
        closed = [b for b in bounds[:-1] if b is not None]
        if (
            not bounds
            or bounds[-1] is not None
            or len(closed) != len(bounds) - 1
            or closed != sorted(set(closed))
        ):
            msg = "sizer.tiers must ascend by up_to_usd and end with one tier without it"
            raise ValueError(msg)
        amounts = [a.amount_usd for a in self.smooth_anchors]
        if len(amounts) < 2 or amounts != sorted(set(amounts)):
            msg = "sizer.smooth_anchors needs at least two points, ascending by amount_usd"
            raise ValueError(msg)
        return self


class StrategyParams(Params):
    """A strategy's windows. Days to expiration and bands are inclusive at both ends; delta is absolute."""

    dte_min: Annotated[int, Field(ge=0)]
    dte_max: Annotated[int, Field(ge=0)]
    delta_min: NonNegative
    delta_max: NonNegative
    distance_min_pct: NonNegative
    distance_max_pct: NonNegative

    @model_validator(mode="after")
    def _windows_are_windows(self) -> Self:
        if (
            self.dte_min > self.dte_max
            or self.delta_min > self.delta_max
            or self.distance_min_pct > self.distance_max_pct
        ):
            msg = "a strategy's minimum exceeds its maximum (dte, delta or distance)"
            raise ValueError(msg)
        return self


class ScoringParams(Params):
    """Points of the four parts and the scales over which they fall."""

    spread_points: NonNegative
    spread_pct_zero: Positive
    volume_points: NonNegative
    volume_scale: Positive
    delta_points: NonNegative
    delta_falloff: Positive
    distance_points: NonNegative
    distance_falloff_pct: Positive


class SelectorParams(Params):
    """Filters and score of the selector."""

    min_score: Points
    spread_pct_below: Percent
    premium_usd_min: PositiveUsd
    day_volume_min: Annotated[int, Field(ge=0)]
    volume_basis: Literal["day", "day_or_previous"]
    quote_age_s_max: Positive
    open_interest_min: Annotated[int, Field(ge=0)]
    expiry_day_cutoff_min: NonNegative
    scoring: ScoringParams
    strategies: dict[Strategy, StrategyParams]

    @model_validator(mode="after")
    def _every_strategy_is_there(self) -> Self:
        missing = set(Strategy) - set(self.strategies)
        if missing:
            msg = f"selector.strategies lacks {', '.join(sorted(missing))}"
            raise ValueError(msg)
        return self


class SignalsParams(Params):
    """How long a signal lives, and the figures of the scanner's strategies."""

    expiry_s: dict[Strategy, Positive]
    opening_range_min: Annotated[int, Field(gt=0)]
    opening_range_atr_stop: Positive
    opening_range_atr_target: Positive
    opening_range_volume_ratio_min: NonNegative
    opening_range_last_entry_min: Annotated[int, Field(gt=0)]
    pullback_fast_ema: Annotated[int, Field(gt=1)]
    pullback_slow_ema: Annotated[int, Field(gt=1)]
    pullback_depth_atr_max: Positive
    pullback_atr_stop: Positive
    pullback_atr_target: Positive
    atr_bars: Annotated[int, Field(gt=1)]


class GateParams(Params):
    """Bounds of the gates before an order; they belong to the allowed side. Percentages of USD amounts are of equity.

    The defaults are those of the file: records made before there was a gate are read with them.
    """

    contracts_max: Annotated[int, Field(gt=0)] = 10
    order_premium_usd_max: PositiveUsd = Decimal(5000)
    order_premium_pct_max: PositivePercent = Decimal(30)
    day_premium_usd_max: PositiveUsd = Decimal(20000)
    day_premium_pct_max: PositivePercent = Decimal(100)
    risk_usd_max: PositiveUsd = Decimal(20000)
    risk_pct_max: PositivePercent = Decimal(60)
    underlying_usd_max: PositiveUsd = Decimal(10000)
    underlying_pct_max: PositivePercent = Decimal(30)
    open_positions_max: Annotated[int, Field(gt=0)] = 10
    price_collar_pct: Percent = Decimal(10)
    intrinsic_tolerance_pct: Annotated[Decimal, Field(ge=0, le=100, allow_inf_nan=False)] = Decimal(1)
    quote_age_s_max: Positive = 420
    spread_pct_max: PositivePercent = Decimal(15)
    underlyings: tuple[str, ...] = ()
    same_order_window_s: NonNegative = 60
    orders_per_minute_max: Annotated[int, Field(gt=0)] = 10
    consecutive_rejects_max: Annotated[int, Field(gt=0)] = 3
    daily_loss_pct_max: Percent = Decimal(10)
    drawdown_pct_max: Percent = Decimal(25)


class ExecutorParams(Params):
    """Bounds of the executor. Walk, patience and gates have defaults: records made before them are read with those."""

    lookup_attempts: Annotated[int, Field(ge=2)]
    lookup_settle_s: Positive
    clock_skew_s_max: Positive
    walk_steps: Annotated[int, Field(ge=1, le=20)] = 4
    walk_step_s: Positive = 10.0
    walk_rest_s: NonNegative = 60.0
    walk_collar_pct: Percent = Decimal(5)
    readiness_patience_s: NonNegative = 10
    gates: GateParams = GateParams()


class TradingParams(Params):
    """The whole of `config/trading_params.json`."""

    version: Literal[1]
    sizer: SizerParams
    selector: SelectorParams
    signals: SignalsParams
    executor: ExecutorParams

    @property
    def config_hash(self) -> str:
        """Twelve hex digits that change with any parameter."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]
