"""Gates of size: what one order, one day, one underlying and the whole account may have at stake."""

from decimal import Decimal

from kernel.contracts.messages import Ticket
from kernel.domain.tiers import get_account_tier
from services.executor.core.facts import Facts
from services.executor.core.gates.gate import (
    ZERO,
    No,
    cost_usd,
    equity_usd,
    no,
    positive,
    root_of,
    smaller_bound,
    within,
)
from services.executor.core.gates.limits import Limits


def contracts(ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    tier_max = _tier_maximum(facts, limits)
    most = None if tier_max is None else min(limits.gates.contracts_max, tier_max)
    if most is not None and 0 < ticket.contracts <= most:
        return None
    return no(
        f"{ticket.contracts} contracts are more than any order of this account may have",
        contracts=ticket.contracts,
        contracts_max=limits.gates.contracts_max,
        tier_max_contracts=tier_max,
    )


def order_premium(ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    bound = smaller_bound(
        limits.gates.order_premium_usd_max, limits.gates.order_premium_pct_max, equity_usd(facts.account)
    )
    return _capped("the order may cost", cost_usd(ticket), ZERO, bound)


def day_premium(ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    bound = smaller_bound(
        limits.gates.day_premium_usd_max, limits.gates.day_premium_pct_max, equity_usd(facts.account)
    )
    spent = None if facts.book is None else facts.book.day_premium_usd
    return _capped("with the day's other orders it may cost", cost_usd(ticket), spent, bound)


def risk(ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    bound = smaller_bound(limits.gates.risk_usd_max, limits.gates.risk_pct_max, equity_usd(facts.account))
    return _capped("with all that is at stake already it is", cost_usd(ticket), _at_stake(facts), bound)


def underlying_exposure(ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    gates = limits.gates
    bound = smaller_bound(gates.underlying_usd_max, gates.underlying_pct_max, equity_usd(facts.account))
    root = root_of(ticket.legs[0].occ_symbol)
    held = None if root is None else _at_stake(facts, root)
    return _capped(f"with what is at stake in {root} already it is", cost_usd(ticket), held, bound)


def open_positions(ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    most = limits.gates.open_positions_max
    if facts.book is None or facts.positions is None:
        return no("the open positions are not known", open_positions=None, open_positions_max=most)
    symbols = {position.occ_symbol for position in facts.positions}
    symbols |= {order.occ_symbol for order in facts.book.orders}
    count = len(symbols | {ticket.legs[0].occ_symbol})
    if count <= most:
        return None
    return no(
        f"with this one there would be {count} open positions", open_positions=count, open_positions_max=most
    )


def buying_power(ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    power = None if facts.account is None else facts.account.options_buying_power_usd
    in_flight = None
    if facts.book is not None:
        in_flight = sum((order.beyond_venue_usd for order in facts.book.orders), ZERO)
    left = None if power is None or in_flight is None else power - in_flight
    if positive(power) and within(cost_usd(ticket), left):
        return None
    return no(
        "the order may cost more than the buying power that is left",
        cost_usd=cost_usd(ticket),
        options_buying_power_usd=power,
        in_flight_usd=in_flight,
        left_usd=left,
    )


def _capped(what: str, cost: Decimal, before: Decimal | None, bound: Decimal | None) -> No | None:
    total = None if before is None else before + cost
    if within(total, bound) and total is not None and total >= cost:
        return None
    figures = {"cost_usd": cost, "before_usd": before, "total_usd": total, "maximum_usd": bound}
    said = no("", **figures).figures
    return no(f"{what} ${said['total_usd']}, the most is ${said['maximum_usd']}", **figures)


def _tier_maximum(facts: Facts, limits: Limits) -> int | None:
    account = facts.account
    equity = equity_usd(account)
    power = None if account is None else account.options_buying_power_usd
    if equity is None or power is None or not power.is_finite():
        return None
    return get_account_tier(max(equity, power), limits.sizer).max_contracts


def _at_stake(facts: Facts, root: str | None = None) -> Decimal | None:
    """Return the premium of positions and of orders of ours that may become some; of one root or of all."""
    if facts.book is None or facts.positions is None:
        return None
    held = [(p.occ_symbol, p.at_stake_usd) for p in facts.positions]
    held += [(order.occ_symbol, order.premium_usd) for order in facts.book.orders]
    return sum((usd for symbol, usd in held if root in (None, root_of(symbol))), ZERO)
