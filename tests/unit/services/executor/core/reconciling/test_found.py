"""What a comparison of our orders found, and when it is no finding at all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.contracts.messages import OrderStatus
from kernel.testing.builders import a_ticket
from services.executor.core.order_life import Order, new_order
from services.executor.core.reconciling.activities import Kind
from services.executor.core.reconciling.found import Moved, found_order
from tests.fakes.statement import NOW

S = OrderStatus


def an_order(status: OrderStatus, filled: int = 0, *, age_s: float = 60) -> Order:
    order = new_order(a_ticket())
    return replace(
        order, status=status, sequence=3, filled_contracts=filled, venue_at=NOW - timedelta(seconds=age_s)
    )


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (an_order(S.ACKNOWLEDGED), an_order(S.FILLED, 4), Kind.FILL_UNSEEN),
        (an_order(S.ACKNOWLEDGED), an_order(S.PARTIALLY_FILLED, 1), Kind.PARTIAL_FILL_UNSEEN),
        (an_order(S.PARTIALLY_FILLED, 1), an_order(S.CANCELED, 1), Kind.END_UNSEEN),
        (an_order(S.ACKNOWLEDGED), an_order(S.EXPIRED), Kind.END_UNSEEN),
        (an_order(S.UNKNOWN), an_order(S.FILLED, 4), Kind.UNKNOWN_FOUND),
        (an_order(S.SENDING), an_order(S.ACKNOWLEDGED), Kind.UNKNOWN_FOUND),
    ],
    ids=[
        "filled",
        "filled in part",
        "cancelled",
        "expired",
        "late fill of an unknown",
        "an answer that was lost",
    ],
)
def test_what_became_of_an_order_while_nobody_heard_of_it_has_a_name(
    before: Order, after: Order, kind: Kind
) -> None:
    event = found_order(Moved(before, after), NOW)
    assert event is not None
    assert (event.kind, event.quantity, event.cash_usd) == (kind, 0, 0)


def test_what_was_found_twice_is_one_event() -> None:
    moved = Moved(an_order(S.ACKNOWLEDGED), an_order(S.FILLED, 4))
    first, second = (found_order(moved, NOW + timedelta(seconds=n)) for n in (0, 30))
    assert first is not None
    assert second is not None
    assert first.id == second.id


def test_what_the_stream_had_no_time_to_tell_is_no_finding() -> None:
    moved = Moved(an_order(S.ACKNOWLEDGED), an_order(S.FILLED, 4, age_s=1.9))
    assert found_order(moved, NOW) is None
