"""What every implementation of the executor's Orders promises: run by the real one and by the simulation's model.

A subclass gives `orders` and `rival`: two workers' views of one empty set of orders.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.contracts.messages import OrderStatus, Ticket
from kernel.domain.errors import UnprocessableError
from kernel.testing.builders import NOW, a_leg, a_ticket
from kernel.testing.clock import FixedClock
from services.executor.core.order_life import Order
from services.executor.core.orders import request_of
from services.executor.core.risk_book import AsOf, RiskBook
from services.executor.core.steps import Step
from services.executor.ports import Held, Orders
from tests.fakes.executor import FakeBroker
from tests.fakes.executor_books import FACTS, LEG, STEPS, TICKET

S = OrderStatus
OTHER = a_ticket("signal-2", legs=(a_leg(occ_symbol="SPY260612C00525000"),))


async def begin(orders: Orders, ticket: Ticket = TICKET) -> tuple[Held, RiskBook | None]:
    """Begin a ticket; returns what is held, and the book that was decided on, if one was."""
    seen: list[RiskBook] = []

    def decide(book: RiskBook) -> Step:
        seen.append(book)
        return STEPS.begin(ticket, FACTS, None)

    held = await orders.begin(ticket, AsOf(books=await orders.time(), market=NOW), decide)
    return held, seen[0] if seen else None


async def report(
    orders: Orders, ticket: Ticket, seen: Callable[[FakeBroker, str], object] = lambda _b, _i: None
) -> Held:
    """Take over what the venue says of a ticket's order once it has accepted it and `seen` has happened."""
    broker, request = FakeBroker(FixedClock()), request_of(ticket)
    broker.accept(request)
    seen(broker, request.client_order_id)
    found = broker.orders[request.client_order_id]
    held = await orders.change(request.client_order_id, lambda order: STEPS.report(order, found, NOW))
    assert held is not None
    return held


class OrdersContract:
    """The scenarios; pytest collects them by the subclasses."""

    async def test_a_ticket_begins_once_and_is_found_again(self, orders: Orders, rival: Orders) -> None:
        first, _ = await begin(orders)
        again, asked = await begin(rival)

        assert (first.written, again.written, asked) == (True, False, None)
        assert again.order == first.order
        arrival = await rival.known(TICKET, redelivered=False)
        assert arrival is not None
        assert arrival.held == again

    async def test_workers_that_begin_at_once_write_one_order(self, orders: Orders, rival: Orders) -> None:
        held = await asyncio.gather(*(begin(desk) for desk in (orders, rival) * 4))

        assert sum(h.written for h, _ in held) == 1

    async def test_a_ticket_of_other_content_is_refused(self, orders: Orders, rival: Orders) -> None:
        await begin(orders)

        with pytest.raises(UnprocessableError):
            await begin(rival, TICKET.model_copy(update={"contracts": 3}))
        with pytest.raises(UnprocessableError):
            await rival.known(TICKET.model_copy(update={"contracts": 3}), redelivered=True)

    async def test_what_nobody_began_is_none(self, orders: Orders) -> None:
        assert await orders.known(TICKET, redelivered=False) is None
        assert await orders.change("nobody's", lambda _order: None) is None

    async def test_a_decision_not_to_write_writes_nothing(self, orders: Orders, rival: Orders) -> None:
        first, _ = await begin(orders)

        held = await rival.change(first.order.client_order_id, lambda _order: None)

        assert held == Held(first.order, written=False)

    async def test_reports_that_race_are_decided_one_after_another(
        self, orders: Orders, rival: Orders
    ) -> None:
        await begin(orders)
        desks = (orders, rival)

        def fill(n: int) -> Callable[[FakeBroker, str], object]:
            return lambda broker, order_id: broker.fill(order_id, n % 4 + 1)

        held = await asyncio.gather(*(report(desks[n % 2], TICKET, fill(n)) for n in range(16)))

        written = sorted((h.order.sequence, h.order.filled_contracts) for h in held if h.written)
        assert [sequence for sequence, _ in written] == list(range(2, len(written) + 2))
        assert [filled for _, filled in written] == sorted({filled for _, filled in written})
        assert max(filled for _, filled in written) == 4

    async def test_the_unsettled_are_those_that_have_not_ended(self, orders: Orders, rival: Orders) -> None:
        await begin(orders)
        await begin(orders, OTHER)
        await report(orders, TICKET, lambda broker, order_id: broker.fill(order_id, 4))

        (left,) = await rival.unsettled()
        assert (left.ticket.meta.id, left.status) == (OTHER.meta.id, S.SENDING)

    async def test_the_book_shows_the_others_orders_until_the_venue_does(
        self, orders: Orders, rival: Orders
    ) -> None:
        _, empty = await begin(orders)
        await report(orders, TICKET, lambda broker, order_id: broker.fill(order_id, 1))
        _, book = await begin(rival, OTHER)

        assert empty is not None
        assert (empty.orders, empty.day_premium_usd, empty.begun_last_minute) == ((), Decimal(0), 0)
        assert book is not None
        (other,) = book.orders
        assert (other.occ_symbol, other.contracts, other.at_venue) == (LEG.occ_symbol, 3, True)
        assert book.day_premium_usd == Decimal(1004)
        assert book.begun_last_minute == 1
        assert book.switch is not None

    async def test_what_filled_after_the_venue_was_asked_is_in_the_book(
        self, orders: Orders, rival: Orders
    ) -> None:
        await begin(orders)
        before = AsOf(books=await orders.time(), market=NOW)
        await report(orders, TICKET, lambda broker, order_id: broker.fill(order_id, 4))
        seen: list[RiskBook] = []

        def decide(book: RiskBook) -> Step:
            seen.append(book)
            return STEPS.begin(OTHER, FACTS, None)

        await rival.begin(OTHER, before, decide)

        (filled,) = seen[0].orders
        assert (filled.contracts, filled.at_venue) == (4, False)
        assert seen[0].day_premium_usd == Decimal(1000)

    async def test_the_last_order_on_the_same_contract_is_known(self, orders: Orders, rival: Orders) -> None:
        same = a_ticket("signal-3", legs=(LEG,))
        await begin(orders)
        _, book = await begin(rival, same)

        assert book is not None
        assert book.same_order_at == NOW

    async def test_a_judgement_sees_the_book_without_its_own_order(
        self, orders: Orders, rival: Orders
    ) -> None:
        held, _ = await begin(orders)
        seen: list[tuple[Order, RiskBook]] = []

        judged = await rival.judge(
            held.order,
            AsOf(books=await rival.time(), market=NOW),
            lambda order, book: seen.append((order, book)),
        )

        assert judged == Held(held.order, written=False)
        ((order, book),) = seen
        assert (order, book.orders, book.same_order_at) == (held.order, (), None)

    async def test_a_delivery_beyond_the_first_counts(self, orders: Orders, rival: Orders) -> None:
        await begin(orders)

        counted = [await rival.known(TICKET, redelivered=True) for _ in range(2)]

        assert [arrival and arrival.traffic for arrival in counted] == [2, 3]

    async def test_the_venues_refusals_count_until_it_takes_an_order(
        self, orders: Orders, rival: Orders
    ) -> None:
        await begin(orders)
        await report(orders, TICKET, lambda broker, order_id: broker.end(order_id, S.REJECTED))
        _, refused = await begin(rival, OTHER)
        await report(rival, OTHER)
        _, taken = await begin(orders, a_ticket("signal-3", legs=(LEG,)))

        assert refused is not None
        assert taken is not None
        assert (len(refused.rejected_at), len(taken.rejected_at)) == (1, 0)
        assert await orders.time() - refused.rejected_at[0] < timedelta(minutes=5)
