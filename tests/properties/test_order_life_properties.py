"""The invariants of services/executor/core/order_life.py, by their numbers, and of the stage around it."""

import asyncio
from collections import Counter, deque
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.messages import OrderStatus
from kernel.contracts.origin import Origin
from kernel.domain.errors import DatabaseUnavailable, VenueUnavailable
from kernel.testing.builders import NOW, a_leg, a_ticket
from kernel.testing.clock import FixedClock
from services.executor.core.order_life import (
    ENDED,
    TRANSITIONS,
    WORKING,
    Order,
    advance,
    apply,
    new_order,
)
from services.executor.core.orders import request_of
from services.executor.core.steps import Steps
from services.executor.core.venue_reports import VenueReport
from services.executor.stage import ExecutorStage
from tests.fakes.executor import Crash, FakeBroker, FakeOrders, FakePause, Outcome
from tests.fakes.executor_facts import facts_at
from tests.fakes.params import PARAMS

S = OrderStatus
TICKET = a_ticket(legs=(a_leg(occ_symbol="SPY260612C00520000"),), contracts=9)
REQUEST = request_of(TICKET)
#: The words of a venue's order that is alive.
ALIVE = ["new", "accepted", "pending_new", "pending_cancel", "a word nobody knows"]


def a_report(status: OrderStatus, filled: int, price: str = "2.50", word: str | None = None) -> VenueReport:
    return VenueReport(
        client_order_id=REQUEST.client_order_id,
        venue_order_id="venue-1",
        occ_symbol=REQUEST.occ_symbol,
        side=REQUEST.side,
        contracts=REQUEST.contracts,
        limit_price=REQUEST.limit_price,
        status=status,
        word=word or status.value.lower(),
        filled_contracts=filled,
        average_fill_price=Decimal(price) if filled else None,
        updated_at=NOW + timedelta(seconds=filled),
    )


@st.composite
def histories(draw: st.DrawFn) -> list[VenueReport]:
    """What a venue truly shows of one order, oldest first: alive, then more and more filled, then ended once."""
    levels = sorted(draw(st.sets(st.integers(1, 9), max_size=5)))
    alive = [a_report(S.ACKNOWLEDGED, 0, word=draw(st.sampled_from(ALIVE)))]
    partial = [a_report(S.PARTIALLY_FILLED, n, f"2.{n}") for n in levels if n < 9]
    filled = levels[-1] if levels else 0
    if filled == 9:
        return [*alive, *partial, a_report(S.FILLED, 9, "2.9")]
    ending = draw(st.sampled_from([S.CANCELED, S.EXPIRED, S.REJECTED]))
    return [*alive, *partial, a_report(ending, filled, f"2.{filled}")]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[VenueReport], list[VenueReport]]:
    """A history, and its reports as they may arrive: some lost (never the last), some repeated, in any order."""
    history = draw(histories())
    arrived = draw(st.lists(st.sampled_from(history), max_size=12))
    return history, draw(st.permutations([*arrived, history[-1]]))


def started(status: OrderStatus) -> Order:
    """An order in one of our own states."""
    order = advance(new_order(TICKET), S.SENDING)
    return advance(order, status) if status is S.UNKNOWN else order


def run(order: Order, reports: list[VenueReport]) -> list[Order]:
    """The order after each step the reports lead to."""
    steps = [order]
    for report in reports:
        moved = apply(steps[-1], report)
        if moved is not None:
            steps.append(moved)
    return steps


def settled(order: Order) -> tuple[object, ...]:
    return order.status, order.filled_contracts, order.average_fill_price, order.venue_order_id, order.reason


@given(deliveries(), st.sampled_from([S.SENDING, S.UNKNOWN]))
def test_3_any_order_loss_or_repetition_of_reports_ends_the_same(
    delivery: tuple[list[VenueReport], list[VenueReport]], status: OrderStatus
) -> None:
    history, arrived = delivery

    straight, shuffled = run(started(status), history), run(started(status), arrived)

    assert settled(shuffled[-1]) == settled(straight[-1])
    assert shuffled[-1].status in ENDED


@given(deliveries())
def test_2_the_ledger_counts_each_fill_once(
    delivery: tuple[list[VenueReport], list[VenueReport]],
) -> None:
    history, arrived = delivery

    ledger = run(started(S.SENDING), arrived)

    gains = [after.filled_contracts - before.filled_contracts for before, after in pairwise(ledger)]
    assert all(gain >= 0 for gain in gains)
    assert sum(gains) == history[-1].filled_contracts


@given(histories())
def test_2_a_repeated_report_is_no_step(history: list[VenueReport]) -> None:
    twice = [report for report in history for _ in range(2)]

    assert run(started(S.SENDING), twice) == run(started(S.SENDING), history)


@st.composite
def any_report(draw: st.DrawFn) -> VenueReport:
    """Anything `read_report` can return, whether or not a venue would ever say it in this order."""
    filled = draw(st.integers(0, 9))
    alive = S.PARTIALLY_FILLED if filled else S.ACKNOWLEDGED
    endings = [S.CANCELED, S.EXPIRED, S.REJECTED, *([S.FILLED] if filled == 9 else [])]
    return a_report(draw(st.sampled_from([alive, *endings])), filled)


@given(st.sampled_from([S.SENDING, S.UNKNOWN]), st.lists(any_report(), max_size=12))
def test_1_whatever_the_venue_says_every_step_is_in_the_table_and_nothing_goes_backwards(
    status: OrderStatus, reports: list[VenueReport]
) -> None:
    steps = run(started(status), reports)

    for before, after in pairwise(steps):
        assert after.status in TRANSITIONS[before.status]
        assert after.sequence == before.sequence + 1
        assert after.filled_contracts >= before.filled_contracts
        assert not (before.status in ENDED and after.status in WORKING)


@given(st.lists(any_report(), min_size=1, max_size=6))
def test_4_an_order_closed_on_our_own_word_comes_back_when_the_venue_shows_it(
    reports: list[VenueReport],
) -> None:
    closed = advance(started(S.UNKNOWN), S.REJECTED, "not there")

    steps = run(closed, reports)

    shown = [r for r in reports if r.status is not S.REJECTED]
    assert (len(steps) > 1) == bool(shown)


failures = st.sampled_from(
    [
        "before the post",
        "after the post",
        *(
            f"{when} {status} is committed"
            for when in ("before", "after")
            for status in ("SENDING", "UNKNOWN", "ACKNOWLEDGED")
        ),
    ]
)


@given(st.lists(st.sampled_from(Outcome), max_size=5), st.lists(failures, max_size=5), st.integers(0, 8))
def test_any_run_of_outcomes_and_crashes_ends_settled_with_at_most_one_order(
    plan: list[Outcome], crashes: list[str], hidden_finds: int
) -> None:
    clock = FixedClock()
    broker, orders = FakeBroker(clock, deque(plan)), FakeOrders()
    broker.hidden_finds[REQUEST.client_order_id] = hidden_finds
    left = list(crashes)

    def trap(here: str) -> None:
        if here in left:
            left.remove(here)
            raise Crash(here)

    broker.trap = orders.trap = trap

    asyncio.run(_deliver_until_done(broker, orders, clock))

    (order,) = orders.orders.values()
    assert broker.accepted == (
        Counter() if order.status is S.REJECTED else Counter({order.client_order_id: 1})
    )
    assert order.status in (S.ACKNOWLEDGED, S.REJECTED)
    assert [e.sequence for e in orders.executions] == list(range(1, order.sequence + 1))
    assert len(orders.rejections) == (order.status is S.REJECTED)


async def _deliver_until_done(broker: FakeBroker, orders: FakeOrders, clock: FixedClock) -> None:
    for _ in range(100):
        stage = ExecutorStage(
            broker=broker,
            orders=orders,
            facts=facts_at(clock),
            clock=clock,
            pause=FakePause(),
            params=PARAMS,
            steps=Steps(Origin("executor", "test", "test")),
        )
        try:
            await stage.handle(TICKET)
        except (Crash, VenueUnavailable, DatabaseUnavailable):
            continue
        return
    raise AssertionError("the ticket was never done with")
