"""Orders on a real Postgres, moved on as stage and tracker do, without either."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kernel.adapters.postgres import Database
from kernel.contracts.origin import Origin
from kernel.testing.builders import NOW, a_leg, a_ticket
from kernel.testing.clock import FixedClock
from services.executor.adapters.postgres_orders import PostgresOrders
from services.executor.core.order_life import Order
from services.executor.core.orders import request_of
from services.executor.core.risk_book import AsOf
from services.executor.core.steps import Step, Steps
from services.executor.ports import Held
from tests.fakes.executor import FakeBroker
from tests.fakes.executor_facts import a_book, some_facts

STEPS = Steps(Origin("executor", "test", "test"))
FACTS = some_facts(book=a_book(equity_high_usd=Decimal(100000), equity_high_at=NOW))
LEG = a_leg(occ_symbol="SPY260612C00520000")
TICKET = a_ticket(legs=(LEG,))


async def begin(orders: PostgresOrders, ticket: Any = TICKET) -> Held:
    return await orders.begin(ticket, await as_of(orders), lambda _book: STEPS.begin(ticket, FACTS, None))


async def as_of(orders: PostgresOrders) -> AsOf:
    return AsOf(books=await orders.time(), market=NOW)


async def acknowledge(orders: PostgresOrders, ticket: Any = TICKET) -> Held:
    report = FakeBroker(FixedClock()).accept(request_of(ticket))
    return await known(orders, ticket, lambda order: STEPS.report(order, report, NOW))


async def fill(orders: PostgresOrders, contracts: int, ticket: Any = TICKET) -> Held:
    broker = FakeBroker(FixedClock())
    broker.accept(request_of(ticket))
    report = broker.fill(request_of(ticket).client_order_id, contracts, "2.48")
    return await known(orders, ticket, lambda order: STEPS.report(order, report, NOW))


async def known(orders: PostgresOrders, ticket: Any, decide: Callable[[Order], Step | None]) -> Held:
    held = await orders.change(request_of(ticket).client_order_id, decide)
    assert held is not None
    return held


async def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.transaction() as connection:
        cursor = await connection.execute(query.encode())
        return await cursor.fetchall()
