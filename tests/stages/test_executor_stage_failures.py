"""The executor's stage through crashes, lost connections and a second worker: one order, whatever fails."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta

import pytest

from kernel.contracts.messages import OrderStatus
from kernel.contracts.origin import Origin
from kernel.domain.errors import VenueUnavailable
from kernel.testing.builders import NOW
from services.executor.core.answers import Answer
from services.executor.core.orders import OrderRequest, request_of
from services.executor.core.steps import Steps
from tests.fakes.executor import Crash, FakeBroker, Outcome
from tests.fakes.executor_desk import ORDER_ID, TICKET, Desk

S = OrderStatus


@pytest.fixture
def desk() -> Desk:
    return Desk()


POINTS = [
    "before SENDING is committed",
    "after SENDING is committed",
    "before the post",
    "after the post",
    "before UNKNOWN is committed",
    "after UNKNOWN is committed",
    "before ACKNOWLEDGED is committed",
    "after ACKNOWLEDGED is committed",
]
OUTCOMES = [
    Outcome.ACCEPT,
    Outcome.ACCEPT_AND_STAY_SILENT,
    Outcome.STAY_SILENT,
    Outcome.RATE_LIMIT,
    Outcome.CLAIM_DUPLICATE,
]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_anywhere_ends_with_one_order(desk: Desk, point: str, outcome: Outcome) -> None:
    desk.broker.plan = deque([outcome])
    desk.broker.trap = desk.orders.trap = _crash_once(point)

    await desk.deliver_until_done()
    await desk.deliver()

    assert desk.statuses[-1] is S.ACKNOWLEDGED
    desk.assert_one_order()


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("lost", ["commits_to_lose", "commits_to_doubt"])
@pytest.mark.parametrize("after_steps", [0, 1, 2])
async def test_a_lost_database_connection_ends_with_one_order(
    desk: Desk, outcome: Outcome, lost: str, after_steps: int
) -> None:
    desk.broker.plan = deque([outcome])
    steps = iter(range(100))

    def lose(point: str) -> None:
        if point.startswith("before") and next(steps) == after_steps:
            setattr(desk.orders, lost, 1)

    desk.orders.trap = lose

    await desk.deliver_until_done()

    assert desk.statuses[-1] is S.ACKNOWLEDGED
    desk.assert_one_order()


@pytest.mark.parametrize("point", ["before REJECTED is committed", "after REJECTED is committed"])
async def test_a_crash_around_a_refusal_ends_with_one_rejection(desk: Desk, point: str) -> None:
    desk.broker.plan = deque([Outcome.REFUSE, Outcome.REFUSE])
    desk.broker.trap = desk.orders.trap = _crash_once(point)

    await desk.deliver_until_done()

    assert desk.statuses[-1] is S.REJECTED
    assert len(desk.orders.rejections) == 1
    assert not desk.broker.accepted


def _crash_once(point: str) -> Callable[[str], None]:
    left = [point]

    def trap(here: str) -> None:
        if here in left:
            left.remove(here)
            raise Crash(here)

    return trap


# Two workers on one ticket


async def test_a_refusal_of_our_request_does_not_end_an_order_another_worker_placed(desk: Desk) -> None:
    """Our request was refused, but meanwhile another worker had doubted it, and had its own accepted."""
    desk.broker.plan = deque([Outcome.REFUSE])

    def other_worker() -> None:
        order = desk.orders.orders[ORDER_ID]
        steps = Steps(Origin("executor", "test", "test"))
        doubted = steps.doubt(order, "left without an answer", NOW).order
        report = desk.broker.accept(request_of(TICKET))
        step = steps.report(doubted, report, NOW)
        assert step is not None
        desk.orders.orders[ORDER_ID] = step.order

    desk.orders.before_change = other_worker

    await desk.deliver()

    assert desk.orders.orders[ORDER_ID].status is S.ACKNOWLEDGED
    assert not desk.orders.rejections


async def test_a_claim_counts_though_another_worker_moved_the_order_on(desk: Desk) -> None:
    """While our request was called a duplicate, another worker had doubted the order and would soon close it."""
    desk.broker.plan = deque([Outcome.CLAIM_DUPLICATE])
    desk.broker.hidden_finds[ORDER_ID] = 1_000

    def other_worker() -> None:
        order = desk.orders.orders[ORDER_ID]
        step = Steps(Origin("executor", "test", "test")).doubt(order, "left without an answer", NOW)
        desk.orders.orders[ORDER_ID] = step.order

    desk.orders.before_change = other_worker

    with pytest.raises(VenueUnavailable, match="is taken"):
        await desk.deliver()

    assert desk.orders.orders[ORDER_ID].status is S.UNKNOWN
    assert desk.orders.orders[ORDER_ID].current.id_claimed


class SlowFirstBroker(FakeBroker):
    """Holds the first POST on its way until `release` is set."""

    on_its_way: asyncio.Event
    release: asyncio.Event

    async def submit(self, request: OrderRequest) -> Answer:
        if not self.on_its_way.is_set():
            self.on_its_way.set()
            await self.release.wait()
        return await super().submit(request)


async def test_two_workers_on_one_ticket_place_one_order(desk: Desk) -> None:
    """The first worker's request hangs; the second takes the ticket over and places the order; then it arrives."""
    desk.broker = slow = SlowFirstBroker(desk.clock)
    slow.on_its_way, slow.release = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(desk.stage().handle(TICKET))
    await slow.on_its_way.wait()

    await desk.deliver()
    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.SENDING, S.ACKNOWLEDGED]
    slow.release.set()
    await first

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.SENDING, S.ACKNOWLEDGED]
    desk.assert_one_order()


async def test_a_request_that_arrives_after_its_ticket_was_closed_is_taken_over(desk: Desk) -> None:
    """The first worker stands still past the ticket's life; the second closes it; then the request is accepted."""
    desk.broker = slow = SlowFirstBroker(desk.clock)
    slow.on_its_way, slow.release = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(desk.stage().handle(TICKET))
    await slow.on_its_way.wait()
    desk.clock.set(TICKET.expires_at + timedelta(minutes=1))

    await desk.deliver()
    assert desk.statuses[-1] is S.REJECTED
    slow.release.set()
    await first

    assert desk.statuses[-1] is S.ACKNOWLEDGED
    desk.assert_one_order()
