"""The walk as app.py wires it, on a real Postgres, at the simulator under its faults; the referee is the venue's journal.

The clock runs ten times as fast, so that a walk takes ten seconds; nothing here depends on when a step comes.
"""

import json
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from kernel.adapters.postgres import Database
from kernel.contracts.messages import Ticket
from kernel.runtime.settings import PROJECT_ROOT
from services.executor.core.attempts import attempt_id_of
from simulator.faults import Fault, FaultKind
from simulator.server import VenueThread
from tests.fakes.executor_at_venue import CALL, quoted_venue, settings_at, ticket_for
from tests.fakes.executor_process import Executor
from tests.fakes.market import FakeMarket
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration
PATCH: dict[str, Any] = {"path": "/v2/orders", "method": "PATCH"}
DELETE: dict[str, Any] = {"path": "/v2/orders", "method": "DELETE"}
POST: dict[str, Any] = {"path": "/v2/orders", "method": "POST"}
CONTRACTS = 4
#: A loaded machine may be slow; the walk itself takes ten seconds.
WITHIN_S = 90
_ENDS = {"canceled", "expired", "rejected", "replaced", "fill"}


@pytest.fixture
def market() -> FakeMarket:
    """SPY options at 2.40 x 2.60: the mid is 2.50, and the last step of a walk is the ask."""
    return FakeMarket()


@pytest.fixture
def venue(market: FakeMarket) -> Iterator[VenueThread]:
    with quoted_venue(market, latency_ms=(1.0, 50.0), speed=10, partial_fills=0) as running:
        yield running


@pytest.fixture
async def executor(venue: VenueThread, database_url: str, tmp_path: Path) -> AsyncIterator[Executor]:
    params = json.loads((PROJECT_ROOT / "config" / "trading_params.json").read_text())
    params["executor"]["lookup_settle_s"] = 0.3
    file = tmp_path / "params.json"
    file.write_text(json.dumps(params))
    settings = settings_at(venue, database_url, file, DISPATCH_VENUE_DEADLINE_S="0.5")
    async with Executor(settings) as running:
        yield running


@pytest.fixture
async def database(executor: Executor, database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    await opened.open()
    yield opened
    await opened.close()


def a_walk(venue: VenueThread, **values: Any) -> Ticket:
    return ticket_for(
        venue, contracts=CONTRACTS, price_ceiling=Decimal("2.60"), mid=Decimal("2.50"), life_s=600, **values
    )


class Referee:
    """What the venue's journal says of a ticket's attempts."""

    def __init__(self, venue: VenueThread, ticket: Ticket) -> None:
        self.ids = [attempt_id_of(ticket.meta.id, number) for number in range(1, 12)]
        journal = orjson.loads(venue.desk.journal.after(0, 200_000))
        self.rows = [row for row in journal if row.get("client_order_id") in self.ids]

    @property
    def filled(self) -> int:
        return sum(int(row["qty"]) for row in self.rows if row["kind"] in ("fill", "partial_fill"))

    @property
    def accepted(self) -> list[str]:
        return [row["client_order_id"] for row in self.rows if row["kind"] == "order_accepted"]

    @property
    def most_alive(self) -> int:
        """The most attempts in the market at once: a replacement is there when the order before is `replaced`."""
        alive: set[str] = set()
        waiting: list[str] = []
        most, being_replaced = 0, False
        for row in self.rows:
            kind, client_order_id = row["kind"], row["client_order_id"]
            if kind == "order_accepted" and being_replaced:
                waiting.append(client_order_id)
            elif kind == "order_accepted":
                alive.add(client_order_id)
            elif kind in _ENDS:
                alive.discard(client_order_id)
            if kind == "replaced" and waiting:
                alive.add(waiting.pop())
            being_replaced = kind == "pending_replace"
            most = max(most, len(alive))
        return most


async def ended(database: Database, ticket: Ticket) -> bool:
    return (await state(database, ticket))[0] in ("FILLED", "CANCELED", "EXPIRED", "REJECTED")


async def state(database: Database, ticket: Ticket) -> tuple[str, int]:
    async with database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT status, filled_contracts FROM dispatch_orders WHERE ticket_id = %s", (ticket.meta.id,)
        )
        row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


async def ledger(database: Database, ticket: Ticket) -> list[tuple[Any, ...]]:
    async with database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT attempt, status, price, slippage, filled_contracts FROM dispatch_executions"
            " WHERE ticket_id = %s ORDER BY sequence",
            (ticket.meta.id,),
        )
        return await cursor.fetchall()


async def test_an_order_at_the_mid_walks_to_the_ask_and_is_filled_there(
    venue: VenueThread, executor: Executor, database: Database
) -> None:
    ticket = a_walk(venue)
    async with executor.tracking():
        await executor.deliver(ticket)
        await eventually(lambda: ended(database, ticket), within_s=WITHIN_S)

    referee = Referee(venue, ticket)
    assert await state(database, ticket) == ("FILLED", CONTRACTS)
    assert (referee.filled, referee.most_alive) == (CONTRACTS, 1)
    last = (await ledger(database, ticket))[-1]
    assert last[1:] == ("FILLED", Decimal("2.60"), Decimal(40), CONTRACTS)
    assert last[0] == len(referee.accepted)


async def test_what_the_market_never_takes_is_cancelled_after_its_rest(
    venue: VenueThread, executor: Executor, database: Database
) -> None:
    ticket = a_walk(venue)
    venue.desk.faults.inject(Fault(kind=FaultKind.HALT, count=None))
    async with executor.tracking():
        await executor.deliver(ticket)
        await eventually(lambda: ended(database, ticket), within_s=WITHIN_S)

    assert await state(database, ticket) == ("CANCELED", 0)
    assert Referee(venue, ticket).most_alive == 1


_STORMS: dict[str, list[Fault]] = {
    "resets after acceptance of replacements": [
        Fault(kind=FaultKind.RESET_AFTER_ACCEPT, count=None, probability=0.6, seed=1, **PATCH)
    ],
    "server errors after acceptance of replacements": [
        Fault(kind=FaultKind.ERROR_AFTER_ACCEPT, count=None, probability=0.6, seed=2, status=502, **PATCH)
    ],
    "replacements that never arrive": [
        Fault(kind=FaultKind.ERROR_BEFORE_ACCEPT, count=None, probability=0.6, seed=3, **PATCH)
    ],
    "replacements that arrive after their deadline": [
        Fault(kind=FaultKind.LATENCY, count=None, probability=0.7, seed=4, delay_ms=900, **PATCH)
    ],
    "answers half read": [Fault(kind=FaultKind.PARTIAL_BODY, count=None, probability=0.6, seed=5, **PATCH)],
    "no updates": [Fault(kind=FaultKind.DROP_UPDATES, count=None)],
    "late fills and forced partials": [
        Fault(kind=FaultKind.FORCE_PARTIAL, count=3),
        Fault(kind=FaultKind.LATE_FILLS, count=None, delay_ms=700),
    ],
    "everything at once": [
        Fault(kind=FaultKind.FORCE_PARTIAL, count=2),
        Fault(kind=FaultKind.DROP_UPDATES, count=None, probability=0.8, seed=6),
        Fault(kind=FaultKind.RESET_AFTER_ACCEPT, count=None, probability=0.3, seed=7, **PATCH),
        Fault(kind=FaultKind.ERROR_BEFORE_ACCEPT, count=None, probability=0.3, seed=8, **PATCH),
        Fault(kind=FaultKind.ERROR_AFTER_ACCEPT, count=2, probability=0.5, seed=9, **DELETE),
        Fault(kind=FaultKind.RESET_AFTER_ACCEPT, count=1, probability=0.5, seed=10, **POST),
    ],
}


@pytest.mark.parametrize("storm", _STORMS)
async def test_under_faults_one_attempt_is_alive_at_a_time_and_never_too_much_is_filled(
    venue: VenueThread, market: FakeMarket, executor: Executor, database: Database, storm: str
) -> None:
    ticket = a_walk(venue)
    async with executor.tracking():
        await executor.deliver(ticket)
        for fault in _STORMS[storm]:
            venue.desk.faults.inject(fault)
        market.quotes[CALL] = (2.40, 2.56)
        await eventually(lambda: ended(database, ticket), within_s=WITHIN_S)
        venue.desk.faults.clear()

    referee = Referee(venue, ticket)
    status, filled = await state(database, ticket)
    assert referee.most_alive == 1
    assert len(set(referee.accepted)) == len(referee.accepted)
    assert referee.filled == filled
    assert filled <= CONTRACTS
    assert (status == "FILLED") == (filled == CONTRACTS)


async def test_a_partial_fill_is_walked_on_for_its_rest_alone(
    venue: VenueThread, market: FakeMarket, executor: Executor, database: Database
) -> None:
    ticket = a_walk(venue)
    venue.desk.faults.inject(Fault(kind=FaultKind.FORCE_PARTIAL, count=1))
    market.quotes[CALL] = (2.40, 2.50)
    async with executor.tracking():
        await executor.deliver(ticket)
        await eventually(lambda: _partly(database, ticket, market), within_s=WITHIN_S)
        await eventually(lambda: ended(database, ticket), within_s=WITHIN_S)

    referee = Referee(venue, ticket)
    assert await state(database, ticket) == ("FILLED", CONTRACTS)
    assert (referee.filled, referee.most_alive) == (CONTRACTS, 1)


async def _partly(database: Database, ticket: Ticket, market: FakeMarket) -> bool:
    """Let the market go away from the order once the venue has filled a part of it."""
    _, filled = await state(database, ticket)
    if filled:
        market.quotes[CALL] = (2.40, 2.58)
    return bool(filled)
