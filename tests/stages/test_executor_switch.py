"""What becomes of a ticket that meets a switch which stops it."""

import pytest

from kernel.contracts.messages import OrderStatus, RejectionCode
from kernel.domain.ids import derive_id
from services.executor.core.steps import Reservation
from tests.fakes.executor import Outcome
from tests.fakes.executor_desk import ORDER_ID, Desk

S = OrderStatus


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_an_order_that_was_never_sent_is_rejected_by_the_switch(desk: Desk) -> None:
    desk.broker.plan.append(Outcome.STOP)

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.REJECTED]
    (rejection,) = desk.orders.rejections
    assert rejection.code is RejectionCode.TRADING_HALTED
    assert desk.orders.reservation is Reservation.RELEASE
    assert (desk.broker.posts, desk.broker.finds) == ([], [])


async def test_a_ticket_that_comes_again_after_a_resume_is_not_sent(desk: Desk) -> None:
    desk.broker.plan.append(Outcome.STOP)
    await desk.deliver()

    await desk.deliver()

    assert desk.broker.posts == []


async def test_an_order_that_waited_for_the_rate_limit_is_rejected_too(desk: Desk) -> None:
    desk.broker.plan.extend([Outcome.RATE_LIMIT, Outcome.STOP])

    await desk.deliver()

    assert desk.statuses[-1] is S.REJECTED
    assert desk.broker.accepted == {}


async def test_an_unknown_order_that_is_not_there_is_closed_and_never_sent_again(desk: Desk) -> None:
    desk.broker.plan.extend([Outcome.STAY_SILENT, Outcome.STOP])

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.SENDING, S.UNKNOWN, S.REJECTED]
    assert len(desk.broker.posts) == 1
    assert [r.code for r in desk.orders.rejections] == [RejectionCode.TRADING_HALTED]


async def test_an_unknown_order_that_shows_late_is_taken_for_what_it_is(desk: Desk) -> None:
    desk.broker.plan.extend([Outcome.ACCEPT_AND_STAY_SILENT, Outcome.STOP])
    desk.broker.hidden_finds[ORDER_ID] = 8

    await desk.deliver()

    assert desk.statuses[-1] is S.ACKNOWLEDGED
    assert len(desk.broker.posts) == 1
    assert desk.orders.executions[-1].venue_order_id == derive_id(ORDER_ID, "venue")
    desk.assert_one_order()
