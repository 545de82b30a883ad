from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from kernel.contracts.messages import Execution, OrderStatus, Rejection, RejectionCode
from kernel.contracts.origin import Origin
from kernel.contracts.parts import Side
from kernel.domain.errors import InvariantBroken
from kernel.testing.builders import NOW, a_ticket
from services.executor.core.gates import Refusal
from services.executor.core.order_life import Order, advance, new_order
from services.executor.core.orders import request_of
from services.executor.core.steps import Reservation, Step, Steps, notional_usd
from services.executor.core.venue_reports import VenueReport

S = OrderStatus
STEPS = Steps(Origin("executor", "test", "test"))
TICKET = a_ticket()
SENDING = advance(new_order(TICKET), S.SENDING)


def a_report(status: OrderStatus, filled: int = 0, price: str = "2.48") -> VenueReport:
    request = request_of(TICKET)
    return VenueReport(
        client_order_id=request.client_order_id,
        venue_order_id="v-1",
        occ_symbol=request.occ_symbol,
        side=request.side,
        contracts=request.contracts,
        limit_price=request.limit_price,
        status=status,
        word=status.value.lower(),
        filled_contracts=filled,
        average_fill_price=Decimal(price) if filled else None,
        updated_at=NOW,
    )


def reported(order: Order, status: OrderStatus, filled: int = 0) -> Step:
    step = STEPS.report(order, a_report(status, filled), NOW)
    assert step is not None
    return step


@pytest.mark.parametrize(
    ("status", "filled", "notional"),
    [
        (S.ACKNOWLEDGED, 0, "1000"),
        (S.PARTIALLY_FILLED, 3, "744"),
        (S.FILLED, 4, "992"),
        (S.CANCELED, 3, "744"),
        (S.CANCELED, 0, "0"),
        (S.REJECTED, 0, "0"),
    ],
)
def test_the_notional_is_what_is_filled_or_may_still_be(
    status: OrderStatus, filled: int, notional: str
) -> None:
    assert notional_usd(reported(SENDING, status, filled).order) == Decimal(notional)


@pytest.mark.parametrize(
    ("status", "filled", "effect"),
    [
        (S.ACKNOWLEDGED, 0, Reservation.AT_VENUE),
        (S.PARTIALLY_FILLED, 1, Reservation.AT_VENUE),
        (S.FILLED, 4, Reservation.RELEASE),
        (S.CANCELED, 0, Reservation.RELEASE),
        (S.EXPIRED, 0, Reservation.RELEASE),
        (S.REJECTED, 0, Reservation.RELEASE),
    ],
)
def test_the_reservation_follows_the_order(status: OrderStatus, filled: int, effect: Reservation) -> None:
    assert reported(SENDING, status, filled).reservation is effect


def test_the_reservation_is_kept_while_nobody_knows() -> None:
    assert STEPS.doubt(SENDING, "time-out", NOW).reservation is Reservation.KEEP


def test_an_order_the_venue_rejected_unfilled_is_also_a_rejection() -> None:
    step = reported(SENDING, S.REJECTED)

    _, rejection = step.messages
    assert isinstance(rejection, Rejection)
    assert rejection.code is RejectionCode.VENUE_REJECTED


def test_an_order_rejected_after_a_fill_was_traded_and_is_no_rejection() -> None:
    assert len(reported(SENDING, S.REJECTED, filled=1).messages) == 1


def test_a_ticket_has_one_rejection_however_often_its_order_ends_so() -> None:
    closed = STEPS.refuse(SENDING, Refusal(code=RejectionCode.VENUE_REJECTED, message="no"), NOW)
    shown = reported(closed.order, S.ACKNOWLEDGED)
    rejected = reported(shown.order, S.REJECTED)

    first, second = (m for m in (*closed.messages, *rejected.messages) if isinstance(m, Rejection))
    assert first.meta.id == second.meta.id


def test_an_order_cancelled_after_its_ticket_expired_says_so() -> None:
    step = STEPS.report(SENDING, a_report(S.CANCELED), TICKET.expires_at + timedelta(seconds=1))

    assert step is not None
    assert step.order.reason == "cancelled after the ticket had expired"


def test_an_order_cancelled_by_someone_else_says_what_the_venue_says() -> None:
    assert reported(SENDING, S.CANCELED).order.reason == "the venue says canceled"


def test_an_execution_tells_the_whole_step() -> None:
    (execution,) = reported(SENDING, S.PARTIALLY_FILLED, filled=3).messages

    assert isinstance(execution, Execution)
    assert (execution.sequence, execution.contracts, execution.filled_contracts) == (2, 4, 3)
    assert (execution.limit_price, execution.average_fill_price) == (Decimal("2.50"), Decimal("2.48"))
    assert execution.decision_mid == TICKET.mid
    assert (execution.venue_order_id, execution.venue_at) == ("v-1", NOW)
    assert execution.meta.causation_id == TICKET.meta.id


def test_a_report_that_is_not_of_our_order_changes_nothing_that_is_settled() -> None:
    acknowledged = reported(SENDING, S.ACKNOWLEDGED).order
    refused = STEPS.refuse(SENDING, Refusal(code=RejectionCode.VENUE_REJECTED, message="no"), NOW).order
    foreign = replace(a_report(S.FILLED, 4), contracts=5)

    assert STEPS.report(refused, foreign, NOW) is None
    # Once the venue has shown our order it is known by the venue's own id: what it says then is about that order.
    assert STEPS.report(acknowledged, foreign, NOW) is not None


@pytest.mark.parametrize(
    ("difference", "is_adopted"),
    [
        ({"limit_price": Decimal("2.60")}, True),
        ({"contracts": 3}, True),
        ({"contracts": 5}, False),
        ({"occ_symbol": "SPY260612P00520000"}, False),
        ({"side": Side.SELL}, False),
        ({"replaces": "v-9"}, False),
    ],
)
def test_what_replaced_our_order_is_ours_unless_it_is_another_thing(
    difference: dict[str, Any], is_adopted: bool
) -> None:
    acknowledged = reported(SENDING, S.ACKNOWLEDGED).order
    intent = STEPS.begin_attempt(acknowledged, Decimal("2.51"), "step 1", NOW, replaces=True).order
    theirs = replace(
        a_report(S.ACKNOWLEDGED),
        client_order_id=intent.current.client_order_id,
        venue_order_id="v-2",
        replaces="v-1",
        word="new",
    )

    assert (STEPS.report(intent, replace(theirs, **difference), NOW) is not None) is is_adopted


def test_our_own_words_keep_to_the_table() -> None:
    filled = reported(SENDING, S.FILLED, filled=4).order

    with pytest.raises(InvariantBroken):
        STEPS.doubt(filled, "time-out", NOW)
