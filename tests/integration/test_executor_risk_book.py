"""What a decision is shown of the account's other orders, and that two decisions never see the same: on a real Postgres."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from kernel.adapters.postgres import Database
from kernel.contracts.messages import OrderStatus, RejectionCode
from kernel.domain.control import ControlState
from kernel.testing.builders import NOW, a_ticket, an_account
from kernel.testing.clock import FixedClock
from services.executor.adapters.postgres_orders import PostgresOrders
from services.executor.core.attempts import request_of_attempt
from services.executor.core.gates import Refusal
from services.executor.core.order_life import Order
from services.executor.core.orders import request_of
from services.executor.core.risk_book import AsOf, RiskBook
from services.executor.core.steps import Step
from services.executor.ports import Held
from tests.fakes.executor import FakeBroker
from tests.fakes.executor_books import FACTS, LEG, STEPS, TICKET, acknowledge, as_of, begin, fill, known, rows

pytestmark = pytest.mark.integration

S = OrderStatus
#: The venue's no, and a gate's.
REFUSED = Refusal(code=RejectionCode.VENUE_REJECTED, message="no")
NO = Refusal(code=RejectionCode.MARKET_CLOSED, message="no")
OTHER = a_ticket("another signal", legs=(LEG,))


async def book_of(orders: PostgresOrders, ticket: Any, at: AsOf | None = None) -> RiskBook:
    """The book a decision on `ticket` is shown; nothing is written."""
    seen: list[RiskBook] = []

    class SeenError(Exception):
        pass

    def look(book: RiskBook) -> Step:
        seen.append(book)
        raise SeenError

    with suppress(SeenError):
        await orders.begin(ticket, at or await as_of(orders), look)
    return seen[0]


async def test_the_book_of_a_fresh_account_is_empty(orders: PostgresOrders) -> None:
    book = await book_of(orders, OTHER)

    assert book == RiskBook(switch=book.switch)
    assert book.switch is not None
    assert book.switch.active


async def test_an_order_on_its_way_is_in_the_book_at_what_it_may_cost(orders: PostgresOrders) -> None:
    await begin(orders)

    book = await book_of(orders, OTHER)

    (order,) = book.orders
    assert (order.underlying, order.occ_symbol, order.contracts) == ("SPY", LEG.occ_symbol, 4)
    assert (order.premium_usd, order.at_venue) == (Decimal(1004), False)
    assert (book.day_premium_usd, book.begun_last_minute, book.same_order_at) == (Decimal(1004), 1, NOW)


async def test_a_fill_written_before_the_venue_was_asked_is_the_venues_to_tell(
    orders: PostgresOrders,
) -> None:
    await begin(orders)
    before = await as_of(orders)
    await fill(orders, 3)
    between = await as_of(orders)

    assert [(o.contracts, o.at_venue) for o in (await book_of(orders, OTHER, before)).orders] == [(4, False)]
    (order,) = (await book_of(orders, OTHER, between)).orders
    assert (order.contracts, order.at_venue, order.premium_usd) == (1, True, Decimal(251))
    assert order.beyond_venue_usd == 100 * (order.price_ceiling - order.first_limit) > 0

    await fill(orders, 4)

    assert [o.contracts for o in (await book_of(orders, OTHER, before)).orders] == [4]
    assert [o.contracts for o in (await book_of(orders, OTHER, between)).orders] == [1]
    assert (await book_of(orders, OTHER)).orders == ()


async def test_between_two_attempts_the_venue_holds_nothing_for_an_order(orders: PostgresOrders) -> None:
    broker = FakeBroker(FixedClock())
    await begin(orders)
    first = broker.accept(request_of(TICKET))
    await known(orders, TICKET, lambda order: STEPS.report(order, first, NOW))
    await fill(orders, 1)

    async def there() -> list[tuple[int, bool]]:
        return [(o.contracts, o.at_venue) for o in (await book_of(orders, OTHER)).orders]

    def next_attempt(order: Order) -> Step:
        return STEPS.begin_attempt(order, Decimal("2.51"), "step 1", NOW, replaces=False)

    await known(orders, TICKET, next_attempt)
    assert await there() == [(3, True)]
    broker.fill(first.client_order_id, 1, "2.48")
    ended = broker.end(first.client_order_id, S.CANCELED)
    await known(orders, TICKET, lambda order: STEPS.report(order, ended, NOW))
    assert await there() == [(3, False)]

    gap = await as_of(orders)
    held = await known(orders, TICKET, lambda order: STEPS.send_attempt(order, NOW))
    second = broker.accept(request_of_attempt(TICKET, held.order.current))
    await known(orders, TICKET, lambda order: STEPS.report(order, second, NOW))
    assert [o.at_venue for o in (await book_of(orders, OTHER, gap)).orders] == [False]
    assert await there() == [(3, True)]


async def test_the_days_premium_follows_its_orders_to_what_they_cost(orders: PostgresOrders) -> None:
    await begin(orders)
    await fill(orders, 4)
    await begin(orders, OTHER)
    assert (await book_of(orders, a_ticket("third", legs=(LEG,)))).day_premium_usd == Decimal(992 + 1004)

    await known(orders, OTHER, lambda order: STEPS.refuse(order, REFUSED, NOW))

    assert (await book_of(orders, a_ticket("third", legs=(LEG,)))).day_premium_usd == Decimal(992)
    tomorrow = AsOf(books=await orders.time(), market=NOW + timedelta(days=1))
    assert (await book_of(orders, a_ticket("third", legs=(LEG,)), tomorrow)).day_premium_usd == 0


async def test_a_ticket_a_gate_refused_is_traffic_and_nothing_else(orders: PostgresOrders) -> None:
    await orders.begin(TICKET, await as_of(orders), lambda _book: STEPS.begin(TICKET, FACTS, NO))

    book = await book_of(orders, OTHER)

    assert book == RiskBook(begun_last_minute=1, switch=book.switch)


async def test_a_ticket_that_comes_again_is_traffic_each_time(orders: PostgresOrders) -> None:
    await begin(orders)

    arrivals = [await orders.known(TICKET, redelivered=True) for _ in range(3)]
    retried = await orders.known(TICKET, redelivered=False)

    assert [arrival and arrival.traffic for arrival in arrivals] == [2, 3, 4]
    assert retried is not None
    assert (await book_of(orders, OTHER)).begun_last_minute == 4


async def test_a_ticket_nobody_took_up_is_not_known(orders: PostgresOrders) -> None:
    assert await orders.known(TICKET, redelivered=True) is None


async def test_the_venues_refusals_are_counted_until_it_takes_an_order(orders: PostgresOrders) -> None:
    for n in range(3):
        ticket = a_ticket(f"refused {n}", legs=(LEG,))
        await begin(orders, ticket)
        await known(orders, ticket, lambda order: STEPS.refuse(order, REFUSED, NOW))
    assert len((await book_of(orders, OTHER)).rejected_at) == 3

    await begin(orders)
    assert len((await book_of(orders, OTHER)).rejected_at) == 3
    await acknowledge(orders)

    assert (await book_of(orders, OTHER)).rejected_at == ()


async def test_what_happens_to_an_older_order_does_not_end_a_row_of_refusals(orders: PostgresOrders) -> None:
    await begin(orders)
    await acknowledge(orders)
    ticket = a_ticket("refused", legs=(LEG,))
    await begin(orders, ticket)
    await known(orders, ticket, lambda order: STEPS.refuse(order, REFUSED, NOW))

    await fill(orders, 1)

    assert len((await book_of(orders, OTHER)).rejected_at) == 1


async def test_the_highest_equity_is_kept(orders: PostgresOrders) -> None:
    step = replace(STEPS.begin(TICKET, FACTS, None), equity_high_usd=Decimal("1234.56"))
    await orders.begin(TICKET, await as_of(orders), lambda _book: step)

    book = await book_of(orders, OTHER)

    assert book.equity_high_usd == Decimal("1234.56")
    assert book.equity_high_at is not None


async def test_the_switch_is_read_as_it_stands_under_the_lock(
    database: Database, orders: PostgresOrders
) -> None:
    await rows(database, "UPDATE dispatch_control SET state = 'REDUCING' RETURNING state")

    book = await book_of(orders, OTHER)

    assert book.switch is not None
    assert book.switch.state is ControlState.REDUCING


async def test_another_accounts_orders_are_not_in_the_book(orders: PostgresOrders) -> None:
    await begin(orders, a_ticket("theirs", legs=(LEG,), account=an_account(account_id="PA0000000002")))

    book = await book_of(orders, OTHER)

    assert book == RiskBook(switch=book.switch)


async def test_an_order_judged_again_is_not_in_its_own_book(orders: PostgresOrders) -> None:
    await begin(orders)
    await begin(orders, OTHER)
    held = await known(orders, TICKET, lambda order: STEPS.doubt(order, "time-out", NOW))
    books: list[RiskBook] = []

    def decide(order: Order, book: RiskBook) -> Step:
        books.append(book)
        return STEPS.send_again(order, FACTS, None)

    again = await orders.judge(held.order, await as_of(orders), decide)

    assert again is not None
    assert (again.order.status, again.written) == (S.SENDING, True)
    assert [order.contracts for order in books[0].orders] == [4]


@pytest.mark.parametrize("processes", [1, 4])
async def test_tickets_at_once_pass_exactly_as_many_as_the_limit_lets(
    database: Database, orders: PostgresOrders, processes: int
) -> None:
    tickets = [a_ticket(f"signal-{n}", legs=(LEG,)) for n in range(20)]
    workers = [PostgresOrders(database, lambda: None) for _ in range(processes)]

    async def work(place: int, ticket: Any) -> Held:
        def decide(book: RiskBook) -> Step:
            return STEPS.begin(ticket, FACTS, None if len(book.orders) < 7 else NO)

        worker = workers[place % processes]
        return await worker.begin(ticket, await as_of(worker), decide)

    held = await asyncio.gather(*(work(*each) for each in enumerate(tickets)))

    assert sum(h.order.status is S.SENDING for h in held) == 7
    assert await rows(database, "SELECT count(*) FROM dispatch_orders WHERE status = 'SENDING'") == [(7,)]
