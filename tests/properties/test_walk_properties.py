"""Whatever the venue answers and wherever the process dies: a walk never has two attempts alive, and never too many fills."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.messages import OrderStatus
from kernel.contracts.origin import Origin
from kernel.domain.errors import VenueUnavailable
from kernel.testing.builders import NOW, a_ticket, an_idea
from kernel.testing.clock import FixedClock
from services.executor.core.order_life import WORKING, advance, new_order
from services.executor.core.orders import OrderRequest, request_of
from services.executor.core.steps import Steps
from services.executor.core.venue_reports import VenueReport
from services.executor.tracking import OrderTracker
from services.executor.walk_conditions import WalkConditions
from services.executor.walking import OrderWalker
from tests.fakes.executor import (
    Crash,
    FakeBroker,
    FakeOrders,
    FakePause,
    FakeQuotes,
    FakeSwitch,
    FakeTradeUpdates,
    Outcome,
)
from tests.fakes.executor_facts import FakeReadiness
from tests.fakes.executor_sessions import FakeSessions
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
    """A venue that fills what is alive whenever a request comes, and counts what it has alive.

    `made_by_then`: how many orders it had made when a person cancelled what was alive.
    """

    fills: deque[int]
    hidden = 0
    most_alive = 0
    made_by_then: int | None = None

    def accept(self, request: OrderRequest) -> VenueReport:
        self.hidden_finds[request.client_order_id] = self.hidden
        return super().accept(request)

    def cancel_by_hand(self) -> None:
        """Do what a person does, except where we have asked for it ourselves."""
        alive = [o for o in self.orders.values() if o.status in WORKING and not o.waits]
        if alive and not self._cancelling:
            self.made_by_then = self.made_by_then or self.accepted.total()
            self.end(alive[0].client_order_id, S.CANCELED)

    async def open_orders(self) -> Sequence[VenueReport]:
        return [o for o in await super().open_orders() if not self.hidden_finds[o.client_order_id]]

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
    st.tuples(st.integers(0, 7), st.integers(0, 9) | st.integers(50, 150), st.integers(0, 9), st.booleans()),
    st.tuples(st.sets(st.integers(1, 125), max_size=12), st.none() | st.integers(1, 125)),
)
def test_any_run_of_answers_fills_and_crashes_has_one_attempt_alive_and_ends_settled(
    plan: list[Outcome],
    crashes: list[str],
    fills: list[int],
    venue: tuple[int, int, int, bool],
    when: tuple[set[int], int | None],
) -> None:
    clock = FixedClock()
    broker, orders = Referee(clock), FakeOrders()
    broker.fills = deque(fills)
    first = STEPS.report(advance(new_order(TICKET), S.SENDING), broker.accept(request_of(TICKET)), NOW)
    assert first is not None
    orders.orders[first.order.client_order_id] = first.order
    broker.plan = deque(plan)
    broker.hidden, broker.finds_before_arrival, broker.finds_before_cancelled, rejects = venue
    broker.rejects_replacements = rejects
    left = list(crashes)

    def trap(here: str) -> None:
        broker.watch()
        if here in left:
            left.remove(here)
            raise Crash(here)

    broker.trap = orders.trap = trap
    desk, (looks, by_hand) = Desk(broker, orders, clock), when
    for second in sorted({*looks, by_hand or 1, 10, 20, 30, 40, 100, 101, *range(121, 150)}):
        clock.set(NOW + timedelta(seconds=second))
        if second == by_hand:
            broker.cancel_by_hand()
        asyncio.run(desk.look())
    broker.watch()

    (order,) = orders.orders.values()
    assert broker.most_alive <= 1
    assert broker.traded <= CONTRACTS
    assert order.ended
    assert order.filled_contracts == broker.traded
    assert not [o for o in broker.orders.values() if o.status in WORKING and not o.waits]
    assert all(count == 1 for count in broker.accepted.values())
    assert broker.made_by_then in {None, broker.accepted.total()}
    assert all(
        Decimal("2.50") <= o.limit_price <= Decimal("2.60") for o in broker.orders.values() if o.limit_price
    )


class Desk:
    """The walk and the sweep of one worker after another: the next remembers nothing of the one that died."""

    def __init__(self, broker: FakeBroker, orders: FakeOrders, clock: FixedClock) -> None:
        self._broker, self._orders, self._clock = broker, orders, clock
        self._start()

    async def look(self) -> None:
        """One look of the walk and one of the sweep."""
        for work in (self._walker.walk, self._tracker.sweep):
            try:
                await work()
            except* Crash:
                self._start()
            except* VenueUnavailable:
                pass

    def _start(self) -> None:
        self._walker = OrderWalker(
            broker=self._broker,
            orders=self._orders,
            conditions=WalkConditions(
                switch=FakeSwitch(self._clock),
                readiness=FakeReadiness(),
                sessions=FakeSessions(),
                quotes=FakeQuotes(self._clock),
                clock=self._clock,
                params=PARAMS,
            ),
            clock=self._clock,
            pause=FakePause(),
            params=PARAMS,
            steps=STEPS,
        )
        self._tracker = OrderTracker(
            broker=self._broker,
            orders=self._orders,
            updates=FakeTradeUpdates(),
            clock=self._clock,
            steps=STEPS,
            sweep_s=3600,
        )
