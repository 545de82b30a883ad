"""A stage that repeats itself without end: one order, and the switch trips. The books are a real Postgres."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from dispatch.switch import resume_trading, standing_switch
from kernel.adapters.postgres import Database
from kernel.contracts.messages import RejectionCode, Ticket
from kernel.contracts.origin import Origin
from kernel.domain.control import ControlState
from kernel.runtime.settings import ServiceSettings
from kernel.testing.clock import FixedClock
from services.executor.adapters.postgres_orders import PostgresOrders
from services.executor.core.steps import Steps
from services.executor.core.switching import tripped_by_traffic
from services.executor.stage import ExecutorStage
from tests.fakes.executor import FakeBroker, FakePause
from tests.fakes.executor_books import rows
from tests.fakes.executor_facts import facts_at, long_lived
from tests.fakes.params import PARAMS

pytestmark = pytest.mark.integration
ORIGIN = Origin("executor", "test", "test")
TIMES = 1000
MOST = PARAMS.executor.gates.orders_per_minute_max


@dataclass
class Knight:
    """An executor over an order desk that would take anything."""

    start: Callable[[], ExecutorStage]
    broker: FakeBroker
    database: Database

    def __post_init__(self) -> None:
        self.stage = self.start()

    def restart(self) -> None:
        """Forget what a process forgets when it is killed."""
        self.stage = self.start()

    async def hear(self, ticket: Ticket) -> None:
        assert await self.stage.handle(ticket) == []

    async def refused(self) -> Counter[str]:
        return Counter(
            dict(
                await rows(
                    self.database,
                    "SELECT code, count(*) FROM dispatch_executions WHERE code IS NOT NULL GROUP BY code",
                )
            )
        )


@pytest.fixture
async def knight(database: Database) -> Knight:
    clock = FixedClock()
    broker = FakeBroker(clock)
    orders = PostgresOrders(
        database,
        lambda: None,
        on_traffic=lambda traffic: tripped_by_traffic(traffic, MOST, ORIGIN),
    )

    def start() -> ExecutorStage:
        return ExecutorStage(
            broker=broker,
            orders=orders,
            facts=facts_at(clock),
            clock=clock,
            pause=FakePause(),
            params=PARAMS,
            steps=Steps(ORIGIN),
        )

    return Knight(start, broker, database)


async def test_one_ticket_said_a_thousand_times_is_one_order_and_trips_the_switch(
    knight: Knight, database_url: str
) -> None:
    for n in range(1, TIMES + 1):
        await knight.hear(long_lived())
        state = (await standing_switch(database_url)).state if n in {MOST, MOST + 1} else None
        assert state is None or (state is ControlState.ACTIVE) is (n == MOST)

    assert sum(knight.broker.accepted.values()) == len(knight.broker.posts) == 1
    switch = await standing_switch(database_url)
    assert (switch.state, switch.by, switch.version) == (ControlState.REDUCING, "executor", 2)
    assert switch.reason.startswith("ORDER_RATE_ABOVE_LIMIT")
    # On the database's clock alone: how long a busy machine takes for a thousand tickets says nothing.
    ((beyond_at,),) = await rows(
        knight.database,
        f"SELECT at FROM dispatch_redeliveries ORDER BY at OFFSET {MOST - 1} LIMIT 1",
    )
    assert timedelta(0) <= switch.since - beyond_at < timedelta(seconds=1)


async def test_restarts_with_tickets_that_were_not_acknowledged_do_not_trip_the_switch_but_a_storm_then_does(
    knight: Knight, database_url: str
) -> None:
    tickets = [long_lived(f"SPY260612C{520 + n:05d}000", cause=f"selection-{n}") for n in range(6)]
    for _ in range(5):
        knight.restart()
        for ticket in tickets:
            await knight.hear(ticket)
    assert (await standing_switch(database_url)).state is ControlState.ACTIVE

    for _ in range(MOST):
        await knight.hear(tickets[0])

    assert (await standing_switch(database_url)).state is ControlState.REDUCING


async def test_a_thousand_tickets_of_one_selection_are_one_order_and_trip_the_switch(
    knight: Knight, database_url: str
) -> None:
    for n in range(TIMES):
        await knight.hear(long_lived(cause=f"selection-1/{n}"))

    assert sum(knight.broker.accepted.values()) == len(knight.broker.posts) == 1
    assert (await standing_switch(database_url)).state is ControlState.REDUCING
    refused = await knight.refused()
    assert (
        refused[RejectionCode.SAME_ORDER_AGAIN.value] + refused[RejectionCode.ORDER_RATE_ABOVE_LIMIT.value]
        <= MOST
    )
    assert refused[RejectionCode.REDUCING_ONLY.value] >= TIMES - MOST - 1
    assert sum(refused.values()) == TIMES - 1


async def test_tickets_on_many_contracts_stop_at_the_limit(knight: Knight, database_url: str) -> None:
    for n in range(2 * MOST):
        await knight.hear(long_lived(f"SPY260612C{520 + n:05d}000", cause=f"selection-{n}"))

    assert len(knight.broker.posts) <= MOST
    assert (await standing_switch(database_url)).state is ControlState.REDUCING


async def test_what_was_counted_before_a_resume_does_not_trip_it_again(
    knight: Knight, database_url: str
) -> None:
    for _ in range(MOST + 1):
        await knight.hear(long_lived())
    await resume_trading(
        database_url, ServiceSettings.from_env({}), await standing_switch(database_url), "mended", "ada"
    )

    await knight.hear(long_lived())

    assert (await standing_switch(database_url)).state is ControlState.ACTIVE
