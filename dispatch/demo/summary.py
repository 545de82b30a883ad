"""The demo's account of itself: pure arithmetic over stories and the venue's journal.

1. orders + rejections = signals, or the run failed; `duplicate_orders` is judged by the venue's own journal, never by us.
2. A signal can be refused before anything was asked (it expired, its structure is not built). Such a row's equity and
   buying power are the account's at the start of the run, its market time is the decision's, and its tier is null.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from dispatch.candidate_view import contract_name
from dispatch.stories.story import Fate, Story
from dispatch.venue import AcceptedOrder, AccountFigures
from kernel.contracts.messages import Execution
from kernel.contracts.parts import AccountView, QualityScore
from kernel.domain.clock import MARKET_ZONE
from services.executor.core.attempts import attempt_id_of

Row = dict[str, Any]


def summarise(
    stories: Sequence[Story],
    accepted: Sequence[AcceptedOrder],
    intended_at: Mapping[str, datetime],
    at_start: AccountFigures | None = None,
) -> dict[str, Any]:
    """Return the summary document. `intended_at`: signal id → wall time at which it was meant to be sent.

    `at_start`: the account before the first signal, for rows whose decision read none.
    """
    rejected = [s for s in stories if s.fate is Fate.REJECTED]
    taken_ms = _latencies_ms(stories, accepted, intended_at)
    latencies_ms = sorted(taken_ms.values())
    return {
        "signals": len(intended_at),
        "selections": sum(s.selection is not None for s in stories),
        "tickets": sum(s.ticket is not None for s in stories),
        "orders": sum(s.reached_venue for s in stories),
        "fills": sum(s.fate is Fate.FILLED for s in stories),
        "rejections": dict(Counter(s.rejection.code.value for s in rejected if s.rejection).most_common()),
        "duplicate_orders": duplicate_orders(stories, accepted),
        "fill_model": ", ".join(sorted({order.fill_model for order in accepted})),
        "latency_ms": {
            "p50": _percentile(latencies_ms, 50),
            "p90": _percentile(latencies_ms, 90),
            "p99": _percentile(latencies_ms, 99),
            "max": latencies_ms[-1] if latencies_ms else None,
        },
        "executions": [
            execution_row(s, at_start) | {"signal_to_order_ms": taken_ms.get(s.signal_id)} for s in stories
        ],
    }


def all_accounted_for(summary: Mapping[str, Any]) -> bool:
    """Tell whether every signal became an order or a rejection, and no order was doubled."""
    settled = summary["orders"] + sum(summary["rejections"].values())
    return bool(settled == summary["signals"] and summary["duplicate_orders"] == 0)


def duplicate_orders(stories: Iterable[Story], accepted: Iterable[AcceptedOrder]) -> int:
    """Return how many orders the venue accepted beyond one for each signal that has a ticket."""
    ours = {client_order_id for s in stories for step in s.executions for client_order_id in _ids_of(step)}
    counts = Counter(order.client_order_id for order in accepted)
    repeated = sum(count - 1 for count in counts.values())
    foreign = sum(1 for client_order_id in counts if client_order_id not in ours)
    orders_per_story = [
        len({step.client_order_id for step in s.executions if step.venue_order_id}) for s in stories
    ]
    return repeated + foreign + sum(max(0, count - 1) for count in orders_per_story)


def _ids_of(step: Execution) -> set[str]:
    """Return the ids under which the venue knows an order: one for each attempt so far."""
    attempts = {attempt_id_of(step.ticket_id, number) for number in range(1, (step.attempt or 1) + 1)}
    return {step.client_order_id, *attempts}


def execution_row(story: Story, at_start: AccountFigures | None = None) -> Row:
    """Return what became of one signal, refused ones included. Times are market time with its zone."""
    signal, selection, ticket, rejection = story.signal, story.selection, story.ticket, story.rejection
    assert signal is not None
    account = ticket.account if ticket else _account(story)
    figures = account or at_start
    steps = story.executions
    ordered = story.reached_venue
    decided = selection or rejection
    observed = decided and (decided.observed_at or decided.meta.occurred_at)
    return {
        "signal_id": story.signal_id,
        "underlying": signal.idea.underlying,
        "strategy": signal.idea.strategy.value,
        "direction": signal.idea.direction.value,
        "equity": _number(figures.equity_usd) if figures else None,
        "buying_power": _number(figures.options_buying_power_usd) if figures else None,
        "tier": account.tier if account else None,
        "decision_time": _market_iso(decided.meta.occurred_at) if decided else None,
        "market_time": _market_iso(observed) if observed else None,
        "occ_symbol": ticket.legs[0].occ_symbol if ticket and ordered else None,
        "contracts": ticket.contracts if ticket and ordered else 0,
        "price": _price(story) if ordered else None,
        "score": _score(selection.score) if selection else None,
        "status": steps[-1].status.value if steps else story.fate.value.upper(),
        "reason": _reason(story),
    }


def describe(story: Story) -> str:
    """Return one line for a person about a story that settled, or whose order still works."""
    signal = story.signal
    assert signal is not None
    idea = signal.idea
    head = f"{idea.underlying:<5} {idea.direction.value:<7} {idea.strategy.value:<14}"
    ticket, selection = story.ticket, story.selection
    if ticket is None or selection is None or not story.reached_venue:
        return f"{head} no       {_reason(story)}"
    done = story.executions[-1]
    state = "working" if story.fate is Fate.WORKING else done.status.value.lower()
    price = done.average_fill_price or ticket.limit_price
    contract = contract_name(selection.legs[0].occ_symbol)
    return (
        f"{head} {state:<8} {done.filled_contracts}/{ticket.contracts} x {contract} @ ${price:.2f}"
        f"  score {selection.score.total:.1f}  spread {selection.spread_pct:.1f}%"
        f"  risk ${ticket.total_risk_usd:.0f} ({ticket.account.tier})"
    )


def _reason(story: Story) -> str | None:
    if story.fate is Fate.REJECTED and story.rejection is not None:
        return f"{story.rejection.code.value}: {story.rejection.message}"
    steps = story.executions
    if story.fate is Fate.ENDED_UNFILLED and steps:
        return f"{steps[-1].status.value}: {steps[-1].reason or 'not filled before the ticket expired'}"
    return None


def _account(story: Story) -> AccountView | None:
    if story.selection is not None:
        return story.selection.account
    return story.rejection.account if story.rejection else None


def _latencies_ms(
    stories: Iterable[Story], accepted: Iterable[AcceptedOrder], intended_at: Mapping[str, datetime]
) -> dict[str, float]:
    """Return signal id → milliseconds from when it was meant to be sent until the venue accepted its order."""
    first_accepted: dict[str, datetime] = {}
    for order in sorted(accepted, key=lambda o: o.wall_at):
        first_accepted.setdefault(order.client_order_id, order.wall_at)
    taken_ms: dict[str, float] = {}
    for story in stories:
        client_order_id = next((step.client_order_id for step in story.executions), None)
        if client_order_id in first_accepted and story.signal_id in intended_at:
            taken = first_accepted[client_order_id] - intended_at[story.signal_id]
            taken_ms[story.signal_id] = round(taken.total_seconds() * 1000, 3)
    return taken_ms


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    """Return the smallest value that at least `percent` of the values do not exceed (nearest rank)."""
    if not ordered:
        return None
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(0, rank - 1)]


def _price(story: Story) -> float | None:
    done = story.executions[-1]
    return _number(done.average_fill_price if done.average_fill_price is not None else done.limit_price)


def _score(score: QualityScore) -> dict[str, float]:
    return {name: round(value, 4) for name, value in score.model_dump().items()}


def _number(amount: Decimal) -> float:
    return float(amount)


def _market_iso(moment: datetime) -> str:
    return moment.astimezone(MARKET_ZONE).isoformat()
