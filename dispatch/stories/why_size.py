"""Why this size, or why none; and for a no that came too late, the times. Pure.

Entry points: `why_size`, `why_late`.
"""

from datetime import datetime
from decimal import Decimal

from dispatch.stories.parameters import InForce
from dispatch.stories.sizes import SizeArithmetic, of_rejection, of_ticket
from dispatch.stories.story import Story
from dispatch.stories.what_it_takes import Need, what_it_takes
from dispatch.stories.why import Why
from kernel.contracts.messages import Rejection, RejectionCode, Ticket
from kernel.domain.money import CENT, CONTRACT_MULTIPLIER, plain
from kernel.domain.tiers import risk_budget

_LATE = frozenset({RejectionCode.SIGNAL_EXPIRED, RejectionCode.TICKET_EXPIRED})


def why_size(answer: Ticket | Rejection, in_force: InForce) -> Why:
    """Explain the sizer's answer: the arithmetic, and for a no for want of money what it would have taken."""
    if isinstance(answer, Ticket):
        size = of_ticket(answer)
        return Why(stage=answer.meta.stage, answer_id=answer.meta.id, title="Why this size", size=size)
    arithmetic = of_rejection(answer)
    return Why(
        stage=answer.meta.stage,
        answer_id=answer.meta.id,
        title="Why no size",
        size=arithmetic,
        lines=() if arithmetic is None else _for_one(answer, arithmetic, in_force),
        warnings=(in_force.warning,) if arithmetic is not None and in_force.warning else (),
    )


def why_late(story: Story, answer: Rejection) -> Why | None:
    """Return the times behind a no that says "too late", or None for any other no."""
    if answer.code not in _LATE:
        return None
    ticket, signal = story.ticket, story.signal
    arose = None if signal is None else signal.meta.occurred_at
    sized = None if ticket is None else ticket.meta.occurred_at
    good_until = ticket.expires_at if ticket and answer.code is RejectionCode.TICKET_EXPIRED else None
    times: list[tuple[str, datetime | None]] = [
        ("the signal arose", arose),
        ("the ticket was made", sized),
        ("the ticket was good until", good_until),
        ("the signal was good until", answer.idea.expires_at),
        (f"the {answer.meta.stage} decided", answer.meta.occurred_at),
    ]
    told = sorted(((name, at) for name, at in times if at is not None), key=lambda time: time[1])
    deadline = good_until or answer.idea.expires_at
    late_s = (answer.meta.occurred_at - deadline).total_seconds()
    return Why(
        stage=answer.meta.stage,
        answer_id=answer.meta.id,
        title="Why too late",
        lines=(f"{late_s:.3f} s of market time too late", *_lived(arose, deadline)),
        times=tuple(told),
    )


def _lived(arose: datetime | None, deadline: datetime) -> tuple[str, ...]:
    return (
        ()
        if arose is None
        else (f"it had {(deadline - arose).total_seconds():g} s of market time to be acted on",)
    )


def _for_one(answer: Rejection, size: SizeArithmetic, in_force: InForce) -> tuple[str, ...]:
    lines = (_highest_prices(size), _more_money(answer, size, in_force), _freed(answer, size, in_force))
    return tuple(line for line in lines if line)


def _highest_prices(size: SizeArithmetic) -> str:
    premium = _per_share(size.risk_budget_usd)
    ceiling = _per_share(size.available_usd)
    return (
        f"one contract would have fitted at a premium of at most ${premium:.2f} per share (was"
        f" ${plain(size.max_loss_per_contract_usd / CONTRACT_MULTIPLIER)}) and a price ceiling of at most ${ceiling:.2f}"
        f" (was ${plain(size.cost_per_contract_usd / CONTRACT_MULTIPLIER)})"
    )


def _more_money(answer: Rejection, size: SizeArithmetic, in_force: InForce) -> str | None:
    account = answer.account
    if account is None:
        return None
    need = Need(
        risk_usd=size.max_loss_per_contract_usd,
        cost_usd=size.cost_per_contract_usd,
        in_flight_usd=size.in_flight_usd,
    )
    return what_it_takes(
        need,
        answer.idea.strategy,
        account.equity_usd,
        account.options_buying_power_usd,
        in_force.params.sizer,
    )


def _freed(answer: Rejection, size: SizeArithmetic, in_force: InForce) -> str | None:
    """Tell whether the money of the tickets in flight would have been enough."""
    account = answer.account
    if account is None or not size.in_flight_usd:
        return None
    budget = risk_budget(
        account.equity_usd, account.options_buying_power_usd, answer.idea.strategy, in_force.params.sizer
    )
    fits = (
        budget.budget_usd >= size.max_loss_per_contract_usd
        and account.options_buying_power_usd >= size.cost_per_contract_usd
    )
    would = "one contract would have fitted" if fits else "not even one contract would have fitted"
    return f"without the ${plain(size.in_flight_usd)} in flight {would}"


def _per_share(amount_usd: Decimal) -> Decimal:
    return (max(amount_usd, Decimal(0)) / CONTRACT_MULTIPLIER // CENT) * CENT
