"""Account tiers and the money one trade may risk.

Entry points: `get_account_tier`, `risk_pct_for`, `risk_budget`.
1. A tier's upper bound is inclusive: exactly $5,000 is small.
2. The tier is that of the larger of equity and options buying power, so that deploying capital never makes an
   account look smaller (and allowed to risk more).
3. The money at risk is risk % × strategy multiplier × options buying power, whatever the tier was taken from.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from kernel.domain.money import floor_to_micro
from kernel.domain.options import Strategy
from kernel.domain.params import SizerParams, TierParams


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskBudget:
    """What one trade may risk. `risk_pct` includes `multiplier`; amounts in USD."""

    tier: TierParams
    base_risk_pct: Decimal
    multiplier: Decimal
    risk_pct: Decimal
    budget_usd: Decimal


def get_account_tier(amount: Decimal, params: SizerParams) -> TierParams:
    """Return the tier of an account worth `amount` dollars."""
    for tier in params.tiers:
        if tier.up_to_usd is None or amount <= tier.up_to_usd:
            return tier
    msg = "the last tier has no upper bound"  # validated in SizerParams
    raise AssertionError(msg)


def strategy_multiplier(tier: TierParams, strategy: Strategy, params: SizerParams) -> Decimal:
    """Return the factor a strategy applies to the risk percentage."""
    match strategy:
        case Strategy.SWING:
            return tier.swing_multiplier
        case Strategy.DAY_TRADE:
            return params.day_trade_multiplier
        case Strategy.PREMIUM_SELLER:
            return params.premium_seller_multiplier


def base_risk_pct(amount: Decimal, params: SizerParams) -> Decimal:
    """Return the percentage at risk before the multiplier, by the table (step) or interpolated (smooth)."""
    if params.risk_scaling == "step":
        return get_account_tier(amount, params).risk_pct
    return _smooth_pct(amount, params)


def risk_budget(
    equity_usd: Decimal, options_buying_power_usd: Decimal, strategy: Strategy, params: SizerParams
) -> RiskBudget:
    """Return what one trade of `strategy` may risk in this account."""
    amount = max(equity_usd, options_buying_power_usd)
    tier = get_account_tier(amount, params)
    base = base_risk_pct(amount, params)
    multiplier = strategy_multiplier(tier, strategy, params)
    # Both go into messages that keep six decimals: decide on the rounded figures, so that they can be checked.
    risk_pct = floor_to_micro(min(base * multiplier, Decimal(100)))
    budget = floor_to_micro(max(Decimal(0), options_buying_power_usd) * risk_pct / 100)
    return RiskBudget(
        tier=tier, base_risk_pct=base, multiplier=multiplier, risk_pct=risk_pct, budget_usd=budget
    )


def _smooth_pct(amount: Decimal, params: SizerParams) -> Decimal:
    """Interpolate linearly in ln(amount) between the anchors; flat outside. Rounded to four decimals of a percent."""
    anchors = params.smooth_anchors
    if amount <= anchors[0].amount_usd:
        return anchors[0].risk_pct
    for low, high in pairwise(anchors):
        if amount <= high.amount_usd:
            position = math.log(amount / low.amount_usd) / math.log(high.amount_usd / low.amount_usd)
            return (low.risk_pct + (high.risk_pct - low.risk_pct) * Decimal(str(position))).quantize(
                Decimal("0.0001")
            )
    return anchors[-1].risk_pct
