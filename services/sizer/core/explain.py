"""The size of a trade for a person: by the configured scaling, with both scalings beside it."""

from decimal import Decimal
from typing import Literal, get_args

from kernel.domain.options import Strategy
from kernel.domain.params import SizerParams
from kernel.domain.tiers import risk_budget
from services.sizer.core.arithmetic import Sizing, price_bounds

Scaling = Literal["step", "smooth"]


def explain_size(
    *,
    buying_power_usd: Decimal,
    premium: Decimal,
    strategy: Strategy,
    params: SizerParams,
    equity_usd: Decimal | None = None,
    scaling: Scaling | None = None,
) -> dict[str, object]:
    """Return what a trade of `premium` USD per share would be, ready for JSON (amounts as numbers).

    Keys: tier, risk_pct (multiplier included), risk_budget_usd, contracts, max_contracts, total_usd (contracts × premium
    × 100), bound_by, scaling, and `scalings`: the same seven under `step` and `smooth`. Without `equity_usd` the account
    has nothing invested: its equity is its buying power. Without an ask the collar alone sets the price ceiling, and no
    ticket is in flight. Raises ValueError on a premium that is not positive.
    """
    if not (premium.is_finite() and premium > 0):
        msg = f"the premium must be above zero, was {premium}"
        raise ValueError(msg)
    equity = buying_power_usd if equity_usd is None else equity_usd
    scalings = {
        name: _explain(equity, buying_power_usd, premium, strategy, _with_scaling(params, name))
        for name in get_args(Scaling)
    }
    chosen = scaling or params.risk_scaling
    return {**scalings[chosen], "scaling": chosen, "scalings": scalings}


def _with_scaling(params: SizerParams, scaling: Scaling) -> SizerParams:
    return params.model_copy(update={"risk_scaling": scaling})


def _explain(
    equity_usd: Decimal,
    buying_power_usd: Decimal,
    premium: Decimal,
    strategy: Strategy,
    params: SizerParams,
) -> dict[str, object]:
    sizing = Sizing(
        budget=risk_budget(equity_usd, buying_power_usd, strategy, params),
        options_buying_power_usd=buying_power_usd,
        in_flight_usd=Decimal(0),
        mid=premium,
        prices=price_bounds(premium, Decimal("Infinity"), params),
    )
    return {
        "tier": sizing.budget.tier.name,
        "risk_pct": float(sizing.budget.risk_pct),
        "risk_budget_usd": float(sizing.budget.budget_usd),
        "contracts": sizing.contracts,
        "max_contracts": sizing.budget.tier.max_contracts,
        "total_usd": float(sizing.total_risk_usd),
        "bound_by": str(sizing.bound_by),
    }
