"""Whether a selected contract is bought, and how many.

Entry point: `size`. What can refuse, in this order:
1. the signal has expired (at its expiry it is already too late);
2. the venue blocks the account;
3. the structure is not one bought option, whose worst case is the only one known here;
4. the ask is below one tick: no price of an order would be at most the ask;
5. not one contract fits the risk budget, or the buying power that is left.
A size of one or more contracts is a `Sized`; its ticket lives no longer than its signal.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from kernel.contracts.messages import RejectionCode, Selection
from kernel.contracts.parts import BoundBy, Side
from kernel.domain.account import Account
from kernel.domain.money import plain
from kernel.domain.options import Strategy
from kernel.domain.params import SizerParams
from kernel.domain.tiers import RiskBudget, risk_budget
from services.sizer.core.arithmetic import Sizing, price_bounds


@dataclass(frozen=True, slots=True)
class Sized:
    """A size of at least one contract; the ticket may be sent until `expires_at`."""

    sizing: Sizing
    expires_at: datetime

    @property
    def budget(self) -> RiskBudget:
        return self.sizing.budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A no, with the figures that explain it."""

    code: RejectionCode
    message: str
    budget: RiskBudget
    figures: dict[str, str] = field(default_factory=dict)


def size(
    selection: Selection, account: Account, in_flight_usd: Decimal, params: SizerParams, now: datetime
) -> Sized | Refused:
    """Return the size of `selection` in `account`, of whose buying power tickets in flight hold `in_flight_usd`."""
    budget = _budget_of(account, in_flight_usd, selection.idea.strategy, params)
    if now >= selection.idea.expires_at:
        return _expired(selection, budget, now)
    if account.blocked_by:
        return _blocked(account, budget)
    if not _is_one_bought_option(selection):
        return _not_built(selection, budget)
    if selection.legs[0].ask < params.tick_usd:
        return _below_a_tick(selection, budget, params)
    sizing = Sizing(
        budget=budget,
        options_buying_power_usd=account.options_buying_power_usd,
        in_flight_usd=in_flight_usd,
        mid=selection.mid,
        prices=price_bounds(selection.mid, selection.legs[0].ask, params),
    )
    if sizing.contracts == 0:
        return _too_small(sizing)
    ticket_life = timedelta(seconds=params.ticket_ttl_s)
    return Sized(sizing, min(selection.idea.expires_at, now + ticket_life))


def _budget_of(
    account: Account, in_flight_usd: Decimal, strategy: Strategy, params: SizerParams
) -> RiskBudget:
    """Return what one trade may risk of the buying power not in flight; the tier is that of the whole account."""
    buying_power = account.options_buying_power_usd
    return risk_budget(max(account.equity_usd, buying_power), buying_power - in_flight_usd, strategy, params)


def _is_one_bought_option(selection: Selection) -> bool:
    legs = selection.legs
    return len(legs) == 1 and legs[0].side is Side.BUY and legs[0].ratio == 1


def _expired(selection: Selection, budget: RiskBudget, now: datetime) -> Refused:
    expires_at = selection.idea.expires_at
    late_s = (now - expires_at).total_seconds()
    return Refused(
        code=RejectionCode.SIGNAL_EXPIRED,
        message=f"the signal expired {late_s:.3f} s before it could be sized",
        budget=budget,
        figures={"expires_at": expires_at.isoformat(), "now": now.isoformat(), "late_s": f"{late_s:.3f}"},
    )


def _blocked(account: Account, budget: RiskBudget) -> Refused:
    return Refused(
        code=RejectionCode.ACCOUNT_BLOCKED,
        message=f"the venue lets this account open nothing: {', '.join(account.blocked_by)}",
        budget=budget,
        figures=dict.fromkeys(account.blocked_by, "true"),
    )


def _not_built(selection: Selection, budget: RiskBudget) -> Refused:
    legs = [f"{leg.side} {leg.ratio} {leg.occ_symbol}" for leg in selection.legs]
    return Refused(
        code=RejectionCode.STRUCTURE_NOT_AVAILABLE,
        message="only a single bought option can be sized in this version",
        budget=budget,
        figures={"structure": selection.structure, "legs": ", ".join(legs)},
    )


def _below_a_tick(selection: Selection, budget: RiskBudget, params: SizerParams) -> Refused:
    ask, tick = plain(selection.legs[0].ask), plain(params.tick_usd)
    return Refused(
        code=RejectionCode.LIMIT_ABOVE_CEILING,
        message=f"the lowest limit there is, {tick}, is above the ask {ask}",
        budget=budget,
        figures={"ask": ask, "tick_usd": tick},
    )


def _too_small(sizing: Sizing) -> Refused:
    """Refuse for want of money. Where both are too small the risk budget is named; figures and message say what is in flight."""
    loss, cost = sizing.max_loss_per_contract_usd, sizing.cost_per_contract_usd
    left = f"${plain(sizing.options_buying_power_usd)} less ${plain(sizing.in_flight_usd)} in flight"
    if sizing.bound_by is BoundBy.RISK_BUDGET:
        code = RejectionCode.RISK_BUDGET_TOO_SMALL
        message = (
            f"one contract risks ${plain(loss)}, the risk budget is ${plain(sizing.budget.budget_usd)}"
            f" ({plain(sizing.budget.risk_pct)} % of ${plain(sizing.available_usd)}: {left})"
        )
    else:
        code = RejectionCode.BUYING_POWER_TOO_SMALL
        message = (
            f"one contract may cost ${plain(cost)}, ${plain(sizing.available_usd)} of buying power is left"
            f" ({left})"
        )
    return Refused(code=code, message=message, budget=sizing.budget, figures=sizing.figures())
