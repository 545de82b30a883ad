"""How many contracts: three whole numbers, the smallest of which is the size.

Entry points: `price_bounds`, `Sizing`.
1. contracts = min(⌊risk budget ÷ max loss per contract⌋, cap, ⌊available buying power ÷ cost per contract⌋).
2. The max loss of a long option is its premium × 100, the premium being the mid; its cost is the price ceiling × 100,
   so an order that is walked up to its ceiling still fits the buying power.
3. available = options buying power − what tickets in flight have reserved. The risk budget is taken from what is
   available, as if the venue held the money of tickets in flight already; the tier is the account's, which they leave
   as it is.
4. `bound_by` is the smallest of the three; on a tie the risk budget is named before the cap, the cap before the
   buying power.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from kernel.contracts.parts import BoundBy
from kernel.domain.money import (
    floor_to_contracts,
    floor_to_tick,
    plain,
    round_to_tick,
    usd_per_contract,
)
from kernel.domain.params import SizerParams
from kernel.domain.tiers import RiskBudget


@dataclass(frozen=True, slots=True)
class PriceBounds:
    """Where the order starts and what it may never pass, USD per share."""

    limit: Decimal
    ceiling: Decimal


def price_bounds(mid: Decimal, ask: Decimal, params: SizerParams) -> PriceBounds:
    """Return the limit (the mid rounded to the tick) and the ceiling (the ask, or a collar above the mid if lower).

    Neither is above the ask, which must be one tick at least: where the rounded mid is, the limit is the mid floored
    (a mid of 0.305 under an ask of 0.3051 starts at 0.30). The ceiling is floored too, but never below the limit.
    """
    limit = max(round_to_tick(mid, params.tick_usd), params.tick_usd)
    if limit > ask:
        limit = floor_to_tick(mid, params.tick_usd)
    collar = mid * (1 + params.price_collar_pct / 100)
    return PriceBounds(limit, max(floor_to_tick(min(ask, collar), params.tick_usd), limit))


@dataclass(frozen=True, kw_only=True)
class Sizing:
    """The whole arithmetic of one size; amounts in USD, prices in USD per share."""

    budget: RiskBudget
    options_buying_power_usd: Decimal
    in_flight_usd: Decimal
    mid: Decimal
    prices: PriceBounds

    @property
    def available_usd(self) -> Decimal:
        """Buying power that no ticket in flight has reserved."""
        return self.options_buying_power_usd - self.in_flight_usd

    @property
    def max_loss_per_contract_usd(self) -> Decimal:
        return usd_per_contract(self.mid)

    @property
    def cost_per_contract_usd(self) -> Decimal:
        return usd_per_contract(self.prices.ceiling)

    @cached_property
    def bounds(self) -> Mapping[BoundBy, int]:
        """Contracts each constraint allows, in the order in which ties are named."""
        return {
            BoundBy.RISK_BUDGET: floor_to_contracts(self.budget.budget_usd, self.max_loss_per_contract_usd),
            BoundBy.MAX_CONTRACTS: self.budget.tier.max_contracts,
            BoundBy.BUYING_POWER: floor_to_contracts(self.available_usd, self.cost_per_contract_usd),
        }

    @property
    def contracts(self) -> int:
        return min(self.bounds.values())

    @property
    def bound_by(self) -> BoundBy:
        bounds = self.bounds
        return min(bounds, key=bounds.__getitem__)  # the first of equals

    @property
    def total_risk_usd(self) -> Decimal:
        return self.max_loss_per_contract_usd * self.contracts

    @property
    def reserved_usd(self) -> Decimal:
        return self.cost_per_contract_usd * self.contracts

    def figures(self) -> dict[str, str]:
        """Return every figure as text, enough to do the arithmetic again by hand."""
        bounds = self.bounds
        amounts = {
            "base_risk_pct": self.budget.base_risk_pct,
            "multiplier": self.budget.multiplier,
            "risk_pct": self.budget.risk_pct,
            "risk_budget_usd": self.budget.budget_usd,
            "options_buying_power_usd": self.options_buying_power_usd,
            "in_flight_usd": self.in_flight_usd,
            "available_usd": self.available_usd,
            "mid": self.mid,
            "limit_price": self.prices.limit,
            "price_ceiling": self.prices.ceiling,
            "max_loss_per_contract_usd": self.max_loss_per_contract_usd,
            "cost_per_contract_usd": self.cost_per_contract_usd,
        }
        return {
            "tier": self.budget.tier.name,
            **{name: plain(amount) for name, amount in amounts.items()},
            "contracts_by_risk_budget": str(bounds[BoundBy.RISK_BUDGET]),
            "contracts_by_buying_power": str(bounds[BoundBy.BUYING_POWER]),
            "max_contracts": str(bounds[BoundBy.MAX_CONTRACTS]),
            "contracts": str(self.contracts),
        }
