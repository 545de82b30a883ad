"""The arithmetic of a size, line by line, from a ticket or from the figures of a refused one. Pure.

Entry points: `of_ticket`, `of_rejection`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, DecimalException

from kernel.contracts.messages import Rejection, Ticket
from kernel.contracts.parts import BoundBy
from kernel.domain.money import floor_to_contracts, usd_per_contract


@dataclass(frozen=True, slots=True)
class Bound:
    """One of the three whole numbers: what it allows, and how that comes about. Amounts in USD."""

    by: BoundBy
    contracts: int
    formula: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeArithmetic:
    """The smallest of `bounds` is `contracts`; the first of equals is what bound it."""

    tier: str
    risk_pct: Decimal
    risk_budget_usd: Decimal
    available_usd: Decimal
    in_flight_usd: Decimal
    max_loss_per_contract_usd: Decimal
    cost_per_contract_usd: Decimal
    max_contracts: int

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """In the order in which ties are named."""
        budget, loss = self.risk_budget_usd, self.max_loss_per_contract_usd
        available, cost = self.available_usd, self.cost_per_contract_usd
        return (
            Bound(
                BoundBy.RISK_BUDGET,
                floor_to_contracts(budget, loss),
                f"risk budget ${budget:,.2f} ÷ max loss ${loss:,.2f} a contract",
            ),
            Bound(BoundBy.MAX_CONTRACTS, self.max_contracts, f"cap of tier {self.tier}"),
            Bound(
                BoundBy.BUYING_POWER,
                floor_to_contracts(available, cost),
                f"available ${available:,.2f} ÷ cost at the ceiling ${cost:,.2f} a contract",
            ),
        )

    @property
    def binding(self) -> Bound:
        """What kept the size from being larger."""
        return min(self.bounds, key=lambda bound: bound.contracts)


def of_ticket(ticket: Ticket) -> SizeArithmetic:
    """Return how a ticket's size came about."""
    account = ticket.account
    return SizeArithmetic(
        tier=account.tier,
        risk_pct=account.risk_pct,
        risk_budget_usd=account.risk_budget_usd,
        available_usd=account.options_buying_power_usd - ticket.in_flight_usd,
        in_flight_usd=ticket.in_flight_usd,
        max_loss_per_contract_usd=ticket.max_loss_per_contract_usd,
        cost_per_contract_usd=usd_per_contract(ticket.price_ceiling),
        max_contracts=ticket.max_contracts,
    )


def of_rejection(rejection: Rejection) -> SizeArithmetic | None:
    """Return why no size came about, or None where the no was about something else than money."""
    figures: Mapping[str, str] = rejection.figures
    try:
        amounts = {name: Decimal(figures[name]) for name in _AMOUNTS}
        if amounts["max_loss_per_contract_usd"] <= 0 or amounts["cost_per_contract_usd"] <= 0:
            return None
        return SizeArithmetic(tier=figures["tier"], max_contracts=int(figures["max_contracts"]), **amounts)
    except (KeyError, ValueError, DecimalException):
        return None


_AMOUNTS = (
    "risk_pct",
    "risk_budget_usd",
    "available_usd",
    "in_flight_usd",
    "max_loss_per_contract_usd",
    "cost_per_contract_usd",
)
