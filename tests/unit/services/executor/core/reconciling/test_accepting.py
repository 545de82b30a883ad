"""A person's word: the books then say what the venue says, and what stood as drift is gone."""

from decimal import Decimal

from services.executor.core.reconciling.accepting import accepted
from services.executor.core.reconciling.books import Event, Orders, Suspect
from tests.fakes.statement import CALL, NOW, a_ledger, a_venue, an_own, passed


def drift_of(
    positions: dict[str, int], cash_usd: str = "1000", orders: Orders | None = None
) -> list[Suspect]:
    """What stands after two passes in which the venue had other figures than two contracts and $1,000."""
    first = passed(a_ledger({CALL: 2}), a_venue(positions, cash_usd), orders)
    second = passed(a_ledger({CALL: 2}, after=first, passes_later=1), a_venue(positions, cash_usd), orders)
    return list(second.drift)


def accept(drift: list[Suspect], version: int = 7) -> list[Event]:
    return accepted("PA1", drift, NOW, version, "someone: why")


def test_what_is_accepted_makes_the_books_agree() -> None:
    position, cash = accept(drift_of({CALL: 3}, "990"))
    assert (position.symbol, position.quantity, cash.cash_usd) == (CALL, 1, Decimal(-10))
    after = a_ledger({CALL: 2 + int(position.quantity)}, str(1000 + cash.cash_usd))
    assert passed(after, a_venue({CALL: 3}, "990")).is_clean


def test_accepted_fills_of_an_order_count_as_its_fills() -> None:
    orders = Orders(early=an_own(5, taken=4))
    (event,) = accept(drift_of({CALL: 2}, orders=orders))
    assert (event.client_order_id, event.order_contracts, event.quantity) == ("order-1", 1, 0)
    assert not drift_of({CALL: 2}, orders=Orders(early=an_own(5, taken=4 + int(event.order_contracts))))


def test_the_note_says_who_why_and_what() -> None:
    (event,) = accept(drift_of({CALL: 3}))
    assert event.note == f"someone: why: {CALL}: the ledger expects 2, the venue has 3"


def test_a_second_acceptance_of_the_same_difference_is_another_event() -> None:
    drift = drift_of({CALL: 3})
    assert accept(drift, 7)[0].id == accept(drift, 7)[0].id != accept(drift, 8)[0].id
