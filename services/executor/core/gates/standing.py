"""Gates that ask whether orders may be sent at all: the switch, the host, what is known of the venue, the account."""

from kernel.contracts.messages import Ticket
from kernel.contracts.parts import Action
from kernel.domain.control import ControlState, Switch, sends
from kernel.domain.hosts import is_paper_url
from services.executor.core.facts import Facts
from services.executor.core.gates.gate import No, no, positive
from services.executor.core.gates.limits import Limits

_OPENING = frozenset({Action.BUY_TO_OPEN, Action.SELL_TO_OPEN})


def not_halted(_ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    switch = _switch(facts)
    if switch is not None and sends(switch.state, opens=False):
        return None
    if switch is None:
        return no("where the kill switch stands is not known", state=None)
    return _switched(switch, "trading is halted")


def not_reducing(ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    switch = _switch(facts)
    if switch is not None and sends(switch.state, opens=ticket.action in _OPENING):
        return None
    if switch is None:
        return no("where the kill switch stands is not known", state=None)
    said = "trading is halted" if switch.state is ControlState.HALTED else "only closing orders may be sent"
    return _switched(switch, said)


def host_allowed(_ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    if facts.venue_url is not None and is_paper_url(facts.venue_url):
        return None
    return no("the trading host is neither Alpaca's paper host nor a loopback address", host=facts.venue_url)


def stream_ready(_ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    if facts.readiness is not None and facts.readiness.stream_ready:
        return None
    return no("nobody listens to the venue's updates", stream_ready="false")


def reconciled(_ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    if facts.readiness is not None and facts.readiness.reconciled:
        return None
    return no("our books were not compared with the venue's yet", reconciled="false")


def no_drift(_ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    if facts.readiness is not None and not facts.readiness.drift:
        return None
    drift = () if facts.readiness is None else facts.readiness.drift
    return no(
        f"{len(drift)} differences between our books and the venue's are not explained",
        differences=len(drift),
        drift="; ".join(drift[:_TOLD]) or None,
    )


def account_usable(ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    account = facts.account
    if account is None:
        return no("the account could not be read", account_id=None)
    whole = all(
        positive(figure)
        for figure in (account.equity_usd, account.last_equity_usd, account.options_buying_power_usd)
    )
    if whole and not account.blocked_by and account.account_id == ticket.account.account_id:
        return None
    return no(
        f"account {account.account_id} cannot be used for a ticket of {ticket.account.account_id}",
        account_id=account.account_id,
        ticket_account_id=ticket.account.account_id,
        equity_usd=account.equity_usd,
        last_equity_usd=account.last_equity_usd,
        options_buying_power_usd=account.options_buying_power_usd,
        blocked_by=", ".join(account.blocked_by) or None,
    )


#: Differences named in a refusal; the rest are counted.
_TOLD = 5


def _switch(facts: Facts) -> Switch | None:
    return None if facts.book is None else facts.book.switch


def _switched(switch: Switch, said: str) -> No:
    return no(
        f"{said}: {switch.reason}",
        state=switch.state.value,
        reason=switch.reason,
        by=switch.by,
        since=switch.since,
    )
