"""Gates that look at the ticket alone: its shape, its price, its size, its life."""

from datetime import datetime

from kernel.contracts.messages import Ticket
from kernel.contracts.parts import Action, Side
from services.executor.core.facts import Facts
from services.executor.core.gates.gate import No, no, positive, root_of, within
from services.executor.core.gates.limits import Limits


def is_expired(ticket: Ticket, now: datetime) -> bool:
    """Tell whether the life of the ticket or of its idea is over: at its expiry it is, as in every stage."""
    return now >= min(ticket.expires_at, ticket.idea.expires_at)


def structure(ticket: Ticket, _facts: Facts, _limits: Limits) -> No | None:
    leg = ticket.legs[0]
    if (
        len(ticket.legs) == 1
        and (leg.side, leg.ratio) == (Side.BUY, 1)
        and ticket.action is Action.BUY_TO_OPEN
    ):
        return None
    return no(
        "only orders that buy one option to open can be sent",
        legs=len(ticket.legs),
        side=leg.side.value,
        ratio=leg.ratio,
        action=ticket.action.value,
    )


def limit_positive(ticket: Ticket, _facts: Facts, _limits: Limits) -> No | None:
    if positive(ticket.limit_price):
        return None
    return no("the limit is no price above zero", limit_price=ticket.limit_price)


def ceiling(ticket: Ticket, _facts: Facts, _limits: Limits) -> No | None:
    if within(ticket.limit_price, ticket.price_ceiling):
        return None
    figures = {"limit_price": ticket.limit_price, "price_ceiling": ticket.price_ceiling}
    said = no("", **figures).figures
    return no(f"the limit {said['limit_price']} is not within the ceiling {said['price_ceiling']}", **figures)


def own_maximum(ticket: Ticket, _facts: Facts, _limits: Limits) -> No | None:
    if 0 < ticket.contracts <= ticket.max_contracts:
        return None
    return no(
        f"{ticket.contracts} contracts are not within the maximum of {ticket.max_contracts}",
        contracts=ticket.contracts,
        max_contracts=ticket.max_contracts,
    )


def ticket_expired(ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    if facts.now < ticket.expires_at:
        return None
    return no(
        f"the ticket expired before its order could be sent, now {facts.now.isoformat()}",
        now=facts.now,
        ticket_expires_at=ticket.expires_at,
        idea_expires_at=ticket.idea.expires_at,
    )


def signal_expired(ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    if facts.now < ticket.idea.expires_at:
        return None
    return no(
        f"the signal expired before its order could be sent, now {facts.now.isoformat()}",
        now=facts.now,
        ticket_expires_at=ticket.expires_at,
        idea_expires_at=ticket.idea.expires_at,
    )


def underlying_allowed(ticket: Ticket, _facts: Facts, limits: Limits) -> No | None:
    allowed = limits.gates.underlyings
    root = root_of(ticket.legs[0].occ_symbol)
    if not allowed or (ticket.idea.underlying in allowed and root in {a.replace(".", "") for a in allowed}):
        return None
    return no(
        f"{ticket.idea.underlying} is not among the underlyings that may be traded",
        underlying=ticket.idea.underlying,
        occ_symbol=ticket.legs[0].occ_symbol,
        underlyings=", ".join(allowed),
    )
