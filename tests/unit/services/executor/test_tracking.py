import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.contracts.messages import OrderStatus, RejectionCode, Ticket
from kernel.contracts.origin import Origin
from kernel.domain.errors import VenueUnavailable
from kernel.testing.builders import NOW, a_ticket
from kernel.testing.clock import FixedClock
from services.executor.core.gates import Refusal
from services.executor.core.order_life import Order, advance, new_order
from services.executor.core.orders import request_of
from services.executor.core.steps import Steps
from services.executor.tracking import OrderTracker
from tests.fakes.executor import FakeBroker, FakeOrders, FakeTradeUpdates
from tests.fakes.waiting import eventually

S = OrderStatus
STEPS = Steps(Origin("executor", "test", "test"))
NO = Refusal(code=RejectionCode.TICKET_EXPIRED, message="expired")


class Desk:
    """A tracker over fakes. `place` puts an order where the stage would have left it."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.broker = FakeBroker(self.clock)
        self.orders = FakeOrders()
        self.updates = FakeTradeUpdates()
        self.tracker = OrderTracker(
            broker=self.broker,
            orders=self.orders,
            updates=self.updates,
            clock=self.clock,
            steps=STEPS,
            sweep_s=3600,
        )

    def place(self, cause: str = "signal-1", status: OrderStatus = S.ACKNOWLEDGED) -> Order:
        ticket = a_ticket(cause)
        order = advance(new_order(ticket), S.SENDING)
        if status is S.ACKNOWLEDGED:
            step = STEPS.report(order, self.broker.accept(request_of(ticket)), NOW)
            assert step is not None
            order = step.order
        elif status is not S.SENDING:
            order = advance(order, status)
        self.orders.orders[order.client_order_id] = order
        return order

    def status(self, order: Order) -> OrderStatus:
        return self.now(order).status

    def now(self, order: Order) -> Order:
        return self.orders.orders[order.client_order_id]

    def expire(self, ticket: Ticket) -> None:
        self.clock.set(ticket.expires_at + timedelta(seconds=1))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.tracker.run())
        await self.updates.listening.wait()
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def desk() -> Desk:
    return Desk()


# The sweep


async def test_a_fill_nobody_told_of_is_found(desk: Desk) -> None:
    order = desk.place()
    desk.broker.fill(order.client_order_id, 4, "2.48")

    await desk.tracker.sweep()

    assert desk.status(order) is S.FILLED
    assert desk.now(order).average_fill_price == Decimal("2.48")


async def test_a_partial_fill_is_taken_over_from_the_list_without_a_look_up(desk: Desk) -> None:
    order = desk.place()
    desk.broker.fill(order.client_order_id, 1)

    await desk.tracker.sweep()
    await desk.tracker.sweep()

    assert desk.status(order) is S.PARTIALLY_FILLED
    assert [e.filled_contracts for e in desk.orders.executions] == [1]
    assert not desk.broker.finds


async def test_an_order_cancelled_by_hand_is_found(desk: Desk) -> None:
    order = desk.place()
    desk.broker.end(order.client_order_id, S.CANCELED)

    await desk.tracker.sweep()

    assert desk.status(order) is S.CANCELED


@pytest.mark.parametrize("status", [S.SENDING, S.UNKNOWN])
async def test_an_unanswered_order_is_adopted_when_it_is_there(desk: Desk, status: OrderStatus) -> None:
    order = desk.place(status=status)
    desk.broker.accept(request_of(order.ticket))

    await desk.tracker.sweep()

    assert desk.status(order) is S.ACKNOWLEDGED


@pytest.mark.parametrize("status", [S.SENDING, S.UNKNOWN])
async def test_an_unanswered_order_that_is_not_there_is_left_to_its_stage(
    desk: Desk, status: OrderStatus
) -> None:
    order = desk.place(status=status)
    desk.expire(order.ticket)

    await desk.tracker.sweep()

    assert desk.status(order) is status
    assert not desk.orders.steps


async def test_every_order_is_compared(desk: Desk) -> None:
    orders = [desk.place(f"signal-{n}") for n in range(3)]
    for order in orders:
        desk.broker.fill(order.client_order_id, 4)

    await desk.tracker.sweep()

    assert [desk.status(order) for order in orders] == [S.FILLED] * 3


async def test_orders_of_others_are_left_alone(desk: Desk) -> None:
    order = desk.place()
    foreign = replace(
        desk.broker.orders[order.client_order_id], client_order_id="foreign", venue_order_id="f"
    )
    desk.broker.foreign.append(foreign)
    desk.expire(order.ticket)

    await desk.tracker.sweep()

    assert "f" not in desk.broker.cancelled
    assert set(desk.orders.orders) == {order.client_order_id}


async def test_a_venue_that_is_down_leaves_everything_as_it_was(desk: Desk) -> None:
    order = desk.place(status=S.UNKNOWN)
    desk.broker.finds_to_fail = 1

    with pytest.raises(VenueUnavailable):
        await desk.tracker.sweep()

    assert desk.status(order) is S.UNKNOWN


# Tickets that expire


async def test_a_working_order_is_cancelled_once_its_ticket_has_expired(desk: Desk) -> None:
    order = desk.place()
    desk.expire(order.ticket)

    await desk.tracker.sweep()

    assert desk.broker.cancelled == [desk.now(order).venue_order_id]
    assert desk.status(order) is S.CANCELED
    assert desk.now(order).reason == "cancelled after the ticket had expired"


async def test_a_working_order_is_left_to_work_up_to_its_tickets_expiry(desk: Desk) -> None:
    order = desk.place()
    desk.clock.set(order.ticket.expires_at - timedelta(microseconds=1))
    await desk.tracker.sweep()
    assert not desk.broker.cancelled

    desk.clock.set(order.ticket.expires_at)
    await desk.tracker.sweep()
    assert desk.status(order) is S.CANCELED


async def test_a_fill_that_beats_the_cancel_counts(desk: Desk) -> None:
    order = desk.place()
    desk.expire(order.ticket)
    desk.broker.fills_before_cancel = 4

    await desk.tracker.sweep()

    assert desk.status(order) is S.FILLED


async def test_a_partial_fill_that_beats_the_cancel_is_kept(desk: Desk) -> None:
    order = desk.place()
    desk.expire(order.ticket)
    desk.broker.fills_before_cancel = 1

    await desk.tracker.sweep()

    assert desk.status(order) is S.CANCELED
    assert desk.now(order).filled_contracts == 1


async def test_an_order_that_works_though_we_closed_it_is_adopted_and_cancelled(desk: Desk) -> None:
    """Its request was on its way for longer than the settling time; then it arrived, and its sender had died."""
    order = desk.place(status=S.UNKNOWN)
    desk.orders.orders[order.client_order_id] = STEPS.refuse(order, NO, NOW).order
    desk.broker.accept(request_of(order.ticket))
    desk.expire(order.ticket)

    await desk.tracker.sweep()

    assert [e.status for e in desk.orders.executions] == [S.ACKNOWLEDGED, S.CANCELED]


# Hints


async def test_a_hint_is_looked_up_before_it_counts(desk: Desk) -> None:
    order = desk.place()

    await desk.tracker.follow(order.client_order_id)

    assert desk.broker.finds == [order.client_order_id]
    assert desk.status(order) is S.ACKNOWLEDGED


async def test_a_hint_of_an_order_of_others_is_dropped(desk: Desk) -> None:
    await desk.tracker.follow("foreign")

    assert not desk.orders.orders


async def test_while_running_hints_bring_fills_at_once(desk: Desk) -> None:
    async with desk.running():
        order = desk.place()
        desk.broker.fill(order.client_order_id, 4)
        for _ in range(5):
            desk.updates.hint(order.client_order_id)
        await eventually(lambda: desk.status(order) is S.FILLED)

    assert [e.status for e in desk.orders.executions] == [S.FILLED]


async def test_while_running_a_reconnect_brings_a_sweep(desk: Desk) -> None:
    async with desk.running():
        order = desk.place()
        desk.broker.fill(order.client_order_id, 4)
        desk.updates.connect()
        await eventually(lambda: desk.status(order) is S.FILLED)


async def test_a_look_up_that_fails_does_not_end_the_listening(desk: Desk) -> None:
    async with desk.running():
        order = desk.place()
        desk.broker.fill(order.client_order_id, 4)
        desk.broker.finds_to_fail = 1
        desk.updates.hint(order.client_order_id)
        await eventually(lambda: not desk.broker.finds_to_fail)
        desk.updates.hint(order.client_order_id)
        await eventually(lambda: desk.status(order) is S.FILLED)
