"""The executor's stage edge to edge: tickets in, one order at the venue, steps in the ledger and the outbox."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.contracts.messages import Evidence, OrderStatus, RejectionCode, Ticket
from kernel.contracts.origin import Origin
from kernel.contracts.topics import TICKETS
from kernel.domain.errors import DatabaseUnavailable, UnprocessableError, VenueUnavailable
from kernel.domain.ids import derive_id
from kernel.testing.builders import NOW, a_leg, a_ticket
from kernel.testing.clock import FixedClock
from kernel.testing.driver import StageDriver
from services.executor.core.answers import Answer
from services.executor.core.orders import OrderRequest, client_order_id_of, request_of
from services.executor.core.steps import Reservation, Steps
from services.executor.stage import ExecutorStage
from tests.fakes.executor import Crash, FakeBroker, FakeOrders, FakePause, FakeSessions, Outcome
from tests.fakes.params import PARAMS

S = OrderStatus
#: Expires a week on, so that no cut-off is near.
TICKET = a_ticket(legs=(a_leg(occ_symbol="SPY260612C00520000"),))
ORDER_ID = client_order_id_of(TICKET.meta.id)


class Desk:
    """A stage over fakes that outlive it, as the venue and the database outlive a process."""

    def __init__(self) -> None:
        self.clock = FixedClock()
        self.broker = FakeBroker(self.clock)
        self.orders = FakeOrders()
        self.pause = FakePause(self.clock.advance)
        self.skew_s: float | None = None

    async def deliver(self, ticket: Ticket = TICKET) -> None:
        """Hand a ticket to a stage that has just started."""
        await StageDriver(self.stage(), TICKETS).send(ticket)

    async def deliver_until_done(self, ticket: Ticket = TICKET) -> None:
        """Deliver again after each failure, as the shell and the log do."""
        for _ in range(20):
            try:
                await self.deliver(ticket)
            except (Crash, VenueUnavailable, DatabaseUnavailable):
                continue
            return
        pytest.fail("the ticket was never done with")

    def stage(self) -> ExecutorStage:
        return ExecutorStage(
            broker=self.broker,
            orders=self.orders,
            sessions=FakeSessions(),
            clock=self.clock,
            clock_skew_s=None if self.skew_s is None else lambda: self.skew_s or 0.0,
            pause=self.pause,
            params=PARAMS,
            steps=Steps(Origin("executor", "test", "test")),
        )

    @property
    def statuses(self) -> list[OrderStatus]:
        return [execution.status for execution in self.orders.executions]

    def assert_one_order(self) -> None:
        """What must hold after anything: one order at the venue, a ledger without gaps, each message said once."""
        assert self.broker.accepted == Counter({ORDER_ID: 1})
        assert [e.sequence for e in self.orders.executions] == list(range(1, len(self.orders.executions) + 1))
        ids = [message.meta.id for message in self.orders.messages]
        assert len(ids) == len(set(ids))


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_ticket_becomes_one_limit_order_and_two_steps(desk: Desk) -> None:
    await desk.deliver()

    (request,) = desk.broker.posts
    assert request == request_of(TICKET)
    assert (request.contracts, request.limit_price) == (4, Decimal("2.50"))
    assert desk.statuses == [S.SENDING, S.ACKNOWLEDGED]
    assert desk.orders.reservation is Reservation.AT_VENUE
    desk.assert_one_order()


async def test_the_intent_is_committed_before_anything_is_sent(desk: Desk) -> None:
    seen: list[list[OrderStatus]] = []
    desk.broker.trap = lambda point: seen.append(desk.statuses) if point == "before the post" else None

    await desk.deliver()

    assert seen == [[S.SENDING]]


async def test_execution_ids_are_derived_from_the_ticket_and_the_step(desk: Desk) -> None:
    await desk.deliver()

    first, second = desk.orders.executions
    assert first.meta.id == derive_id(TICKET.meta.id, "execution-1")
    assert second.meta.id == derive_id(TICKET.meta.id, "execution-2")
    assert {first.meta.correlation_id, second.meta.correlation_id} == {TICKET.meta.correlation_id}


async def test_the_gates_leave_their_evidence_before_the_first_step(desk: Desk) -> None:
    await desk.deliver()

    evidence = desk.orders.messages[0]
    assert isinstance(evidence, Evidence)
    assert evidence.input_id == TICKET.meta.id
    assert b'"2026-06-05"' in evidence.items[0].body


async def test_the_stage_itself_emits_nothing(desk: Desk) -> None:
    assert await desk.stage().handle(TICKET) == []


@pytest.mark.parametrize("times", [1, 2])
async def test_a_redelivered_ticket_sends_nothing_again(desk: Desk, times: int) -> None:
    await desk.deliver()
    before = list(desk.orders.messages)

    for _ in range(times):
        await desk.deliver()

    assert len(desk.broker.posts) == 1
    assert desk.orders.messages == before


async def test_a_ticket_of_the_same_id_and_other_content_is_not_executed(desk: Desk) -> None:
    await desk.deliver()

    with pytest.raises(UnprocessableError):
        await desk.deliver(TICKET.model_copy(update={"contracts": 5}))

    desk.assert_one_order()


# What the venue can do


async def test_an_order_accepted_in_silence_is_found_and_adopted(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.ACCEPT_AND_STAY_SILENT])

    await desk.deliver()

    assert len(desk.broker.posts) == 1
    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.ACKNOWLEDGED]
    desk.assert_one_order()


async def test_an_order_that_shows_late_is_found_and_not_sent_again(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.ACCEPT_AND_STAY_SILENT])
    desk.broker.hidden_finds[ORDER_ID] = 3

    await desk.deliver()

    assert len(desk.broker.posts) == 1
    assert len(desk.broker.finds) == 4
    desk.assert_one_order()


async def test_an_order_that_was_never_accepted_is_sent_again_only_after_the_settling_time(
    desk: Desk,
) -> None:
    desk.broker.plan = deque([Outcome.STAY_SILENT])

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.SENDING, S.ACKNOWLEDGED]
    assert len(desk.broker.posts) == 2
    assert len({post.client_order_id for post in desk.broker.posts}) == 1
    assert len(desk.broker.finds) >= 2
    assert sum(desk.pause.waited_s) >= PARAMS.executor.lookup_settle_s
    desk.assert_one_order()


async def test_an_order_that_shows_after_the_settling_time_still_is_one_order(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.ACCEPT_AND_STAY_SILENT])
    desk.broker.hidden_finds[ORDER_ID] = PARAMS.executor.lookup_attempts

    await desk.deliver()

    assert len(desk.broker.posts) == 2
    assert desk.statuses[-1] is S.ACKNOWLEDGED
    desk.assert_one_order()


async def test_a_look_up_that_fails_proves_nothing(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.STAY_SILENT])
    desk.broker.finds_to_fail = 1

    with pytest.raises(VenueUnavailable):
        await desk.deliver()

    assert len(desk.broker.posts) == 1
    assert desk.statuses == [S.SENDING, S.UNKNOWN]
    await desk.deliver_until_done()
    desk.assert_one_order()


async def test_a_refused_order_ends_with_the_venues_reason_and_frees_its_money(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.REFUSE])

    await desk.deliver()
    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.REJECTED]
    (rejection,) = desk.orders.rejections
    assert rejection.code is RejectionCode.VENUE_REJECTED
    assert "insufficient options buying power" in rejection.message
    assert rejection.figures["venue_code"] == "40310000"
    assert desk.orders.reservation is Reservation.RELEASE
    assert len(desk.broker.posts) == 1


async def test_a_refusal_of_the_second_request_is_no_word_on_the_first(desk: Desk) -> None:
    """The first order shows later than the settling time, and holds the money for want of which the second is refused."""
    desk.broker.plan = deque([Outcome.ACCEPT_AND_STAY_SILENT, Outcome.REFUSE])
    desk.broker.hidden_finds[ORDER_ID] = PARAMS.executor.lookup_attempts

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.SENDING, S.UNKNOWN, S.ACKNOWLEDGED]
    assert not desk.orders.rejections
    desk.assert_one_order()


async def test_a_second_request_refused_with_nothing_there_ends_refused(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.STAY_SILENT, Outcome.REFUSE])

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.SENDING, S.UNKNOWN, S.REJECTED]
    assert len(desk.orders.rejections) == 1


async def test_the_rate_limit_delays_an_order_and_changes_nothing_else(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.RATE_LIMIT, Outcome.RATE_LIMIT])

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.ACKNOWLEDGED]
    assert desk.pause.waited_s == [1.0, 2.0]
    assert not desk.broker.finds
    desk.assert_one_order()


async def test_an_order_held_up_by_the_rate_limit_is_not_sent_once_its_ticket_expired(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.RATE_LIMIT] * 50)

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.REJECTED]
    assert [r.code for r in desk.orders.rejections] == [RejectionCode.TICKET_EXPIRED]
    assert not desk.broker.accepted


async def test_a_malformed_order_ends_refused_once_it_is_sure_not_to_be_there(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.CALL_IT_MALFORMED])

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.REJECTED]
    assert sum(desk.pause.waited_s) >= PARAMS.executor.lookup_settle_s


async def test_an_id_the_venue_calls_taken_is_never_given_up(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.CLAIM_DUPLICATE])

    with pytest.raises(VenueUnavailable):
        await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN]
    await desk.deliver_until_done()
    desk.assert_one_order()


async def test_another_order_under_our_id_ends_the_ticket_without_an_order_of_ours(desk: Desk) -> None:
    desk.broker.accept(replace(request_of(TICKET), contracts=1))

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.REJECTED]
    (rejection,) = desk.orders.rejections
    assert rejection.figures["contracts"] == "1"
    assert desk.broker.accepted == Counter({ORDER_ID: 1})


async def test_an_order_filled_before_its_look_up_is_filled_in_one_step(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.ACCEPT_AND_STAY_SILENT])
    desk.broker.trap = lambda point: _fill(desk) if point == "after the post" else None

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.FILLED]
    assert desk.orders.executions[-1].notional_usd == Decimal(1000)
    assert desk.orders.reservation is Reservation.RELEASE


def _fill(desk: Desk) -> None:
    desk.broker.fill(ORDER_ID, 4)


# Tickets that may not be sent


async def test_a_gates_no_ends_the_ticket_without_a_request(desk: Desk) -> None:
    desk.clock.set(TICKET.expires_at + timedelta(seconds=1))

    await desk.deliver()
    await desk.deliver()

    assert not desk.broker.posts
    assert desk.statuses == [S.REJECTED]
    assert [r.code for r in desk.orders.rejections] == [RejectionCode.TICKET_EXPIRED]
    assert desk.orders.reservation is Reservation.RELEASE


async def test_a_skewed_clock_stops_new_orders(desk: Desk) -> None:
    desk.skew_s = 2.1

    await desk.deliver()

    assert not desk.broker.posts
    assert [r.code for r in desk.orders.rejections] == [RejectionCode.CLOCK_SKEW]


async def test_an_unknown_order_whose_ticket_expired_is_not_sent_again(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.STAY_SILENT])
    desk.broker.trap = _expire_after_the_post(desk)

    await desk.deliver()

    assert len(desk.broker.posts) == 1
    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.REJECTED]
    assert [r.code for r in desk.orders.rejections] == [RejectionCode.TICKET_EXPIRED]
    assert desk.orders.reservation is Reservation.RELEASE


async def test_an_unknown_order_whose_ticket_expired_is_adopted_when_found(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.ACCEPT_AND_STAY_SILENT])
    desk.broker.trap = _expire_after_the_post(desk)

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.ACKNOWLEDGED]
    assert not desk.orders.rejections
    desk.assert_one_order()


def _expire_after_the_post(desk: Desk) -> Callable[[str], None]:
    return lambda point: (
        desk.clock.set(TICKET.expires_at + timedelta(minutes=1)) if point == "after the post" else None
    )


# Failures between the steps

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
