"""The executor's stage edge to edge: tickets in, one order at the venue, steps in the ledger and the outbox."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.contracts.messages import Evidence, OrderStatus, RejectionCode
from kernel.domain.errors import UnprocessableError, VenueUnavailable
from kernel.domain.ids import derive_id
from services.executor.core.orders import request_of
from services.executor.core.steps import Reservation
from tests.fakes.executor import Outcome
from tests.fakes.executor_desk import ORDER_ID, TICKET, Desk
from tests.fakes.params import PARAMS

S = OrderStatus


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

    first, *others = desk.orders.messages
    assert isinstance(first, Evidence)
    assert (first.input_id, first.decided_at) == (TICKET.meta.id, others[0].meta.occurred_at)
    assert len(desk.orders.evidence) == 1


async def test_what_the_gates_decide_in_between_and_later_has_evidence_of_its_own(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.STAY_SILENT, *[Outcome.RATE_LIMIT] * 50])

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.SENDING, S.REJECTED]
    steps = [step for step in desk.orders.steps if isinstance(step.messages[0], Evidence)]
    assert [step.order.sequence for step in steps] == [1, 3, 4]
    assert all(step.messages[0].meta.occurred_at == step.at for step in steps)
    desk_ids = [message.meta.id for message in desk.orders.messages]
    assert len(desk_ids) == len(set(desk_ids))


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


async def test_an_id_the_venue_calls_taken_is_never_given_up_but_holds_nothing_up_after_its_expiry(
    desk: Desk,
) -> None:
    desk.broker.plan = deque([Outcome.CLAIM_DUPLICATE])
    desk.broker.hidden_finds[ORDER_ID] = 1_000

    for _ in range(2):
        with pytest.raises(VenueUnavailable, match="taken"):
            await desk.deliver()
    desk.clock.set(TICKET.expires_at)
    for _ in range(2):
        await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN]
    assert len(desk.broker.posts) == 1
    assert desk.orders.reservation is None
    desk.broker.hidden_finds.clear()
    await desk.deliver()
    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.ACKNOWLEDGED]
    assert desk.orders.reservation is Reservation.AT_VENUE
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
