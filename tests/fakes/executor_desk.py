"""A stage of the executor over fakes that outlive it."""

from collections import Counter

import pytest

from kernel.contracts.messages import OrderStatus, Ticket
from kernel.contracts.origin import Origin
from kernel.contracts.topics import TICKETS
from kernel.domain.errors import DatabaseUnavailable, VenueUnavailable
from kernel.domain.params import TradingParams
from kernel.testing.builders import a_leg, a_ticket
from kernel.testing.clock import FixedClock
from kernel.testing.driver import StageDriver
from services.executor.core.orders import client_order_id_of
from services.executor.core.steps import Steps
from services.executor.gathering import Gathering
from services.executor.stage import ExecutorStage
from tests.fakes.executor import Crash, FakeBroker, FakeOrders, FakePause
from tests.fakes.executor_facts import FakeAccounts, FakePrices, FakeReadiness
from tests.fakes.executor_sessions import FakeSessions
from tests.fakes.params import PARAMS

#: Expires a week on, so that no cut-off is near.
TICKET = a_ticket(legs=(a_leg(occ_symbol="SPY260612C00520000"),))
ORDER_ID = client_order_id_of(TICKET.meta.id)


class Desk:
    """A stage over fakes that outlive it, as the venue and the database outlive a process."""

    def __init__(self, params: TradingParams = PARAMS) -> None:
        self.params = params
        self.clock = FixedClock()
        self.broker = FakeBroker(self.clock)
        self.orders = FakeOrders()
        self.pause = FakePause(self.clock.advance)
        self.skew_s: float | None = None
        self.accounts = FakeAccounts()
        self.quotes = FakePrices(self.clock)
        self.readiness = FakeReadiness()
        self.venue_url = "http://127.0.0.1:1"

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
        gathering = Gathering(
            accounts=self.accounts,
            prices=self.quotes,
            sessions=FakeSessions(),
            readiness=self.readiness,
            clock=self.clock,
            clock_skew_s=None if self.skew_s is None else lambda: self.skew_s or 0.0,
            venue_url=lambda: self.venue_url,
            pause=self.pause,
            params=self.params,
        )
        return ExecutorStage(
            broker=self.broker,
            orders=self.orders,
            facts=gathering.facts,
            clock=self.clock,
            pause=self.pause,
            params=self.params,
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
