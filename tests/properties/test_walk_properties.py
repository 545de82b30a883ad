"""Whatever the venue answers and wherever the process dies: a walk never has two attempts alive, and never too many fills."""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.messages import OrderStatus
from kernel.contracts.origin import Origin
from kernel.testing.builders import NOW, a_ticket, an_idea
from kernel.testing.clock import FixedClock
from services.executor.core.order_life import WORKING, Order, advance, new_order
from services.executor.core.orders import OrderRequest, request_of
from services.executor.core.steps import Step, Steps
from services.executor.core.venue_reports import VenueReport
from services.executor.ports import Nbbo
from services.executor.walking import OrderWalker
from tests.fakes.executor import Crash, FakeBroker, FakeOrders, FakePause, FakeQuotes, Outcome
from tests.fakes.params import PARAMS

S = OrderStatus
STEPS = Steps(Origin("executor", "test", "test"))
END = NOW + timedelta(seconds=120)
CONTRACTS = 5
TICKET = a_ticket(
    idea=an_idea(expires_at=END),
    contracts=CONTRACTS,
    limit_price=Decimal("2.50"),
    mid=Decimal("2.50"),
    price_ceiling=Decimal("2.60"),
    expires_at=END,
)
POINTS = [
    *(f"{when} the {what}" for when in ("before", "after") for what in ("post", "patch")),
    "before the cancellation",
    "before ACKNOWLEDGED is committed",
    "after ACKNOWLEDGED is committed",
    "before PARTIALLY_FILLED is committed",
    "after PARTIALLY_FILLED is committed",
]


class Referee(FakeBroker):
    """A venue that fills what is alive whenever a request comes, and counts what it has alive."""

    fills: deque[int]
    hidden = 0
    most_alive = 0

    def accept(self, request: OrderRequest) -> VenueReport:
        self.hidden_finds[request.client_order_id] = self.hidden
        return super().accept(request)

    def watch(self, _point: str = "") -> None:
        alive = [o for o in self.orders.values() if o.status in WORKING and not o.waits]
        self.most_alive = max(self.most_alive, len(alive))
        for order in alive:
            more = self.fills.popleft() if self.fills else 0
            level = min(order.filled_contracts + more, order.contracts)
            if level > order.filled_contracts:
                self.fill(order.client_order_id, level)


@given(
    st.lists(st.sampled_from(Outcome), max_size=8),
    st.lists(st.sampled_from(POINTS), max_size=6),
    st.lists(st.integers(0, 2), max_size=20),
    st.tuples(st.integers(0, 7), st.integers(0, 9), st.integers(0, 9)),
    st.sets(st.integers(1, 125), max_size=12),
)
def test_any_run_of_answers_fills_and_crashes_has_one_attempt_alive_and_ends_settled(
    plan: list[Outcome], crashes: list[str], fills: list[int], delays: tuple[int, int, int], looks: set[int]
) -> None:
    clock = FixedClock()
    broker, orders = Referee(clock), FakeOrders()
    broker.fills = deque(fills)
    first = STEPS.report(advance(new_order(TICKET), S.SENDING), broker.accept(request_of(TICKET)), NOW)
    assert first is not None
    orders.orders[first.order.client_order_id] = first.order
    broker.plan = deque(plan)
    broker.hidden, broker.finds_before_arrival, broker.finds_before_cancelled = delays
    left = list(crashes)

    def trap(here: str) -> None:
        broker.watch()
        if here in left:
            left.remove(here)
            raise Crash(here)

    broker.trap = orders.trap = trap
    for second in sorted({*looks, 10, 20, 30, 40, 100, 101, 121, 122, 123, 124, *range(126, 140)}):
        clock.set(NOW + timedelta(seconds=second))
        asyncio.run(_look(broker, orders, clock))
    broker.watch()

    (order,) = orders.orders.values()
    assert broker.most_alive <= 1
    assert broker.traded <= CONTRACTS
    assert order.ended
    assert order.filled_contracts == broker.traded
    assert not [o for o in broker.orders.values() if o.status in WORKING and not o.waits]
    assert all(count == 1 for count in broker.accepted.values())
    assert all(
        Decimal("2.50") <= o.limit_price <= Decimal("2.60") for o in broker.orders.values() if o.limit_price
    )


async def _look(broker: FakeBroker, orders: FakeOrders, clock: FixedClock) -> None:
    """One look of the walk, by a worker that remembers nothing, and one of the sweep."""
    walker = OrderWalker(
        broker=broker,
        orders=orders,
        quotes=FakeQuotes(Nbbo(Decimal("2.40"), Decimal("2.60"))),
        clock=clock,
        pause=FakePause(),
        may_walk=_yes,
        params=PARAMS,
        steps=STEPS,
    )
    with suppress(Crash):
        try:
            await walker.walk()
        except* Crash as crashes:
            raise crashes.exceptions[0] from None
    for report in list(broker.orders.values()):
        with suppress(Crash):
            await orders.change(report.client_order_id, partial(_taken_over, report))


def _taken_over(report: VenueReport, order: Order) -> Step | None:
    return STEPS.report(order, report, NOW)


async def _yes() -> bool:
    return True
