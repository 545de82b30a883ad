"""Cancelling what works for as long as the switch says so."""

import asyncio
from contextlib import suppress
from decimal import Decimal

import pytest

from kernel.contracts.messages import OrderStatus
from kernel.contracts.origin import Origin
from kernel.contracts.parts import Action
from kernel.domain.control import ControlState
from kernel.domain.errors import DatabaseUnavailable, VenueUnavailable
from kernel.testing.builders import NOW, a_ticket
from kernel.testing.clock import FixedClock
from services.executor.core.answers import Accepted
from services.executor.core.attempts import request_of_attempt
from services.executor.core.order_life import Order, advance, begin_attempt, new_order
from services.executor.core.orders import request_of
from services.executor.core.steps import Step, Steps
from services.executor.stopping import OrderStopper
from tests.fakes.executor import FakeBroker, FakeOrders, FakePause, FakeSwitch

S = OrderStatus
STEPS = Steps(Origin("executor", "test", "test"))


class Desk:
    def __init__(self) -> None:
        self.clock = FixedClock()
        self.broker, self.orders = FakeBroker(self.clock), FakeOrders()
        self.switch = FakeSwitch(self.clock)
        self.pause = FakePause()
        self.stopper = OrderStopper(
            switch=self.switch,
            broker=self.broker,
            orders=self.orders,
            follow=self.follow,
            pause=self.pause,
        )

    def place(self, cause: str, action: Action = Action.BUY_TO_OPEN) -> Order:
        ticket = a_ticket(cause, action=action)
        step = STEPS.report(
            advance(new_order(ticket), S.SENDING), self.broker.accept(request_of(ticket)), NOW
        )
        assert step is not None
        self.orders.orders[step.order.client_order_id] = step.order
        return step.order

    async def follow(self, client_order_id: str) -> None:
        report = await self.broker.find(client_order_id)
        assert report is not None

        def decide(order: Order) -> Step | None:
            return STEPS.report(order, report, NOW)

        await self.orders.change(client_order_id, decide)

    def status(self, order: Order) -> OrderStatus:
        return self.orders.orders[order.client_order_id].status


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("state", list(ControlState))
async def test_stopping_alone_cancels_nothing(desk: Desk, state: ControlState) -> None:
    desk.place("one")
    desk.switch.set(state)

    await desk.stopper.look()

    assert desk.broker.cancelled == []


async def test_a_halt_that_cancels_ends_every_working_order_and_the_ledger_follows(desk: Desk) -> None:
    opening, closing = desk.place("one"), desk.place("two", Action.SELL_TO_CLOSE)
    desk.switch.set(ControlState.HALTED, cancel_orders=True)

    await desk.stopper.look()

    assert (desk.status(opening), desk.status(closing)) == (S.CANCELED, S.CANCELED)


async def test_reducing_leaves_the_orders_that_close(desk: Desk) -> None:
    opening, closing = desk.place("one"), desk.place("two", Action.SELL_TO_CLOSE)
    desk.switch.set(ControlState.REDUCING, cancel_orders=True)

    await desk.stopper.look()

    assert (desk.status(opening), desk.status(closing)) == (S.CANCELED, S.ACKNOWLEDGED)


async def test_an_order_that_turns_up_late_is_cancelled_then(desk: Desk) -> None:
    desk.switch.set(ControlState.HALTED, cancel_orders=True)
    await desk.stopper.look()
    late = desk.place("late")

    await desk.stopper.look()

    assert desk.status(late) is S.CANCELED


async def test_what_the_venue_does_not_take_is_asked_for_again_and_holds_up_nobody(desk: Desk) -> None:
    first, second = desk.place("one"), desk.place("two")
    cancel, troubles = desk.broker.cancel, [VenueUnavailable("away")]

    async def sometimes(venue_order_id: str) -> None:
        if troubles:
            raise troubles.pop()
        await cancel(venue_order_id)

    desk.broker.cancel = sometimes  # type: ignore[method-assign]
    desk.switch.set(ControlState.HALTED, cancel_orders=True)

    await desk.stopper.look()
    assert (desk.status(first), desk.status(second)) == (S.ACKNOWLEDGED, S.CANCELED)
    await desk.stopper.look()
    assert desk.status(first) is S.CANCELED


def cancelled_in_vain(desk: Desk) -> list[str]:
    """Halt with cancellation at a venue that cancels nothing; returns what it will have been asked to cancel."""
    asked: list[str] = []

    async def deaf(venue_order_id: str) -> None:
        asked.append(venue_order_id)

    desk.broker.cancel = deaf  # type: ignore[method-assign]
    desk.switch.set(ControlState.HALTED, cancel_orders=True)
    return asked


async def test_an_order_that_stays_is_not_asked_for_at_every_look(desk: Desk) -> None:
    order = desk.place("one")
    asked = cancelled_in_vain(desk)

    for _ in range(30):
        await desk.stopper.look()
    assert asked == [order.venue_order_id]
    await desk.stopper.look()
    assert len(asked) == 2


async def test_a_walked_order_that_stays_is_not_asked_for_at_every_look_either(desk: Desk) -> None:
    first = desk.place("one")
    order = begin_attempt(first, Decimal("2.55"), NOW, "a step", replaces=True)
    request = request_of_attempt(order.ticket, order.current)
    assert first.venue_order_id is not None
    assert isinstance(await desk.broker.replace(first.venue_order_id, request), Accepted)
    desk.orders.orders[order.client_order_id] = order
    await desk.follow(request.client_order_id)
    asked = cancelled_in_vain(desk)

    for _ in range(30):
        await desk.stopper.look()

    assert asked == [desk.broker.orders[request.client_order_id].venue_order_id]


async def test_it_goes_on_when_the_switch_cannot_be_read(desk: Desk) -> None:
    order = desk.place("one")
    desk.switch.set(ControlState.HALTED, cancel_orders=True)
    desk.switch.trouble = DatabaseUnavailable("gone")
    looks = 0

    async def pause(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            desk.switch.trouble = None
        if looks == 4:
            raise asyncio.CancelledError

    stopper = OrderStopper(
        switch=desk.switch, broker=desk.broker, orders=desk.orders, follow=desk.follow, pause=pause
    )
    with suppress(asyncio.CancelledError):
        await stopper.run()

    assert desk.status(order) is S.CANCELED
