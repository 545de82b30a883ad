"""The sizer's messages, made out of a decision and the facts it was decided on."""

from kernel.contracts.base import Meta
from kernel.contracts.messages import Rejection, Selection, Ticket
from kernel.contracts.parts import AccountView, Action
from kernel.domain.account import Account
from kernel.domain.money import plain
from kernel.domain.tiers import RiskBudget
from services.sizer.core.facts import Facts, Reservation
from services.sizer.core.sizing import Refused, Sized


def ticket_of(meta: Meta, selection: Selection, sized: Sized, account: Account) -> Ticket:
    """Return the order to send."""
    sizing = sized.sizing
    return Ticket(
        meta=meta,
        idea=selection.idea,
        structure=selection.structure,
        legs=selection.legs,
        action=Action.BUY_TO_OPEN,
        contracts=sizing.contracts,
        limit_price=sizing.prices.limit,
        price_ceiling=sizing.prices.ceiling,
        mid=sizing.mid,
        max_loss_per_contract_usd=sizing.max_loss_per_contract_usd,
        total_risk_usd=sizing.total_risk_usd,
        reserved_usd=sizing.reserved_usd,
        in_flight_usd=sizing.in_flight_usd,
        max_contracts=sizing.budget.tier.max_contracts,
        bound_by=sizing.bound_by,
        account=_view(account, sizing.budget),
        score=selection.score,
        selection_id=selection.meta.id,
        selected_at=selection.observed_at,
        expires_at=sized.expires_at,
    )


def rejection_of(meta: Meta, selection: Selection, refused: Refused, facts: Facts) -> Rejection:
    """Return the no, with the account as it was seen and what was in flight, which its risk budget lacks."""
    return Rejection(
        meta=meta,
        idea=selection.idea,
        code=refused.code,
        message=refused.message,
        figures={"in_flight_usd": plain(facts.in_flight_usd)} | refused.figures,
        account=_view(facts.account, refused.budget),
        observed_at=selection.observed_at,
    )


def reservation_of(ticket: Ticket) -> Reservation:
    """Return what the ticket holds of its account's buying power."""
    return Reservation(
        ticket_id=ticket.meta.id,
        account_id=ticket.account.account_id,
        signal_id=ticket.meta.correlation_id,
        underlying=ticket.idea.underlying,
        occ_symbol=ticket.legs[0].occ_symbol,
        reserved_usd=ticket.reserved_usd,
        risk_usd=ticket.total_risk_usd,
        expires_at=ticket.expires_at,
    )


def _view(account: Account, budget: RiskBudget) -> AccountView:
    return AccountView(
        account_id=account.account_id,
        equity_usd=account.equity_usd,
        options_buying_power_usd=account.options_buying_power_usd,
        tier=budget.tier.name,
        risk_pct=budget.risk_pct,
        risk_budget_usd=budget.budget_usd,
    )
