"""A trade-updates stream that drops, repeats, reorders and falls silent: the ledger ends where the venue is.

The settings are those of production; the referee is the venue's journal. What was measured is logged, not asserted: a
busy machine takes longer.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from kernel.adapters.migrate import migrate
from kernel.adapters.postgres import Database
from kernel.contracts.messages import Ticket
from kernel.runtime.clock import SystemClock
from kernel.runtime.logging import get_logger
from kernel.testing.builders import a_leg, a_ticket, an_idea
from services.executor.core.orders import client_order_id_of
from services.executor.settings import ExecutorSettings
from simulator.faults import Fault, FaultKind
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from simulator.venue.fills import FillModel
from tests.fakes.executor_at_venue import account_at
from tests.fakes.executor_process import Executor
from tests.fakes.market import NEXT_FRIDAY, FakeMarket, spy
from tests.fakes.params import widened_params_file

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
_log = get_logger()
CALLS = [spy(strike, NEXT_FRIDAY) for strike in (520, 530, 540)]
TICKETS, DEADLINE_S = 60, 120.0
DROPPED = Fault(kind=FaultKind.DROP_UPDATES, count=None, probability=0.8, seed=1)
REPEATED = Fault(kind=FaultKind.DUPLICATE_UPDATES, count=None, probability=0.2, seed=2)
REORDERED = Fault(kind=FaultKind.REORDER_UPDATES, count=None, probability=0.5, seed=3, delay_ms=300)
#: At thirty times the speed of time: minutes of silence for as long as the flow lasts.
MUTE = Fault(kind=FaultKind.MUTE_STREAM, count=None)


@pytest.fixture
def venue() -> Iterator[VenueThread]:
    settings = VenueSettings(latency_ms=(5.0, 800.0), fill_model=FillModel.MID, partial_fills=50, speed=30)
    with VenueThread(FakeMarket(), settings) as running:
        yield running


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    migrate(database_url)
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture
async def executor(
    venue: VenueThread, database: Database, database_url: str, tmp_path: Path
) -> AsyncIterator[Executor]:
    del database  # migrated by then
    environ = {
        "DATABASE_URL": database_url,
        "APCA_API_BASE_URL": venue.url,
        "APCA_API_DATA_URL": venue.url,
        "DISPATCH_PARAMS_FILE": str(_patient_params_file(tmp_path)),
    }
    async with Executor(ExecutorSettings.from_env(environ)) as running:
        yield running


@pytest.mark.parametrize(
    "faults",
    [[DROPPED], [REPEATED], [REORDERED], [MUTE], [DROPPED, REPEATED, REORDERED]],
    ids=["80 % dropped", "20 % repeated", "reordered", "mute for minutes", "all at once"],
)
async def test_the_ledger_ends_where_the_venue_is_whatever_the_stream_does(
    executor: Executor, venue: VenueThread, database: Database, faults: list[Fault]
) -> None:
    tickets = [a_ticket_for(venue, n) for n in range(TICKETS)]
    async with executor.tracking():
        await eventually(database, _READY, True)
        for fault in faults:
            venue.desk.faults.inject(fault)
        for ticket in tickets:
            await executor.deliver(ticket)
        last_event_at = await quiet(venue, tickets)
        await eventually(database, _POSITIONS, positions_at(venue))
        took_s = (SystemClock().now() - last_event_at).total_seconds()
        await eventually(database, _CLEAN, True)

    _log.warning("positions equal after the last event", took_s=round(took_s, 2))
    assert await one(database, _FILLS) == dict(fills(venue))
    assert accepted(venue) == Counter(client_order_id_of(ticket.meta.id) for ticket in tickets)
    assert await one(database, "SELECT count(*) FROM dispatch_venue_events WHERE kind = 'FOREIGN_FILL'") == 0


def _patient_params_file(folder: Path) -> Path:
    """Of each order its first attempt, so that the journal tells it by the ticket's id; what walks is told elsewhere."""
    path = widened_params_file(folder)
    params = orjson.loads(path.read_bytes())
    params["executor"]["walk_step_s"] = 3600
    path.write_bytes(orjson.dumps(params))
    return path


def a_ticket_for(venue: VenueThread, number: int) -> Ticket:
    end = venue.desk.clock.now() + timedelta(hours=4)
    return a_ticket(
        f"signal-{number}",
        account=account_at(venue),
        legs=(a_leg(occ_symbol=CALLS[number % len(CALLS)]),),
        idea=an_idea(expires_at=end),
        expires_at=end,
        contracts=1 + number % 4,
    )


def journal(venue: VenueThread, *kinds: str) -> list[dict[str, Any]]:
    rows = orjson.loads(venue.desk.journal.after(0, 200_000))
    return [row for row in rows if row["kind"] in kinds]


def fills(venue: VenueThread) -> Counter[str]:
    """Contracts by client order id, as the venue's journal tells."""
    counted: Counter[str] = Counter()
    for row in journal(venue, "fill", "partial_fill"):
        counted[row["client_order_id"]] += int(row["qty"])
    return counted


def accepted(venue: VenueThread) -> Counter[str]:
    return Counter(row["client_order_id"] for row in journal(venue, "order_accepted"))


def positions_at(venue: VenueThread) -> dict[str, int]:
    return {symbol: held.qty for symbol, held in venue.desk.account.positions.items()}


async def quiet(venue: VenueThread, tickets: list[Ticket]) -> datetime:
    """Wait until every order is filled; returns when the last fill was."""
    async with asyncio.timeout(DEADLINE_S):
        while fills(venue).total() < sum(ticket.contracts for ticket in tickets):  # noqa: ASYNC110 - as below
            await asyncio.sleep(0.05)
    last = max(row["wall_at"] for row in journal(venue, "fill"))
    return datetime.fromisoformat(last).astimezone(UTC)


async def one(database: Database, query: str) -> Any:
    async with database.transaction() as connection:
        row = await (await connection.execute(query.encode())).fetchone()
    return None if row is None else row[0]


async def eventually(database: Database, query: str, expected: object) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await one(database, query) != expected:  # noqa: ASYNC110 - it happens outside this loop
            await asyncio.sleep(0.05)


_READY = (
    "SELECT bool_and(stream_ready) FROM dispatch_listeners JOIN dispatch_reconciliation USING (account_id)"
)
_POSITIONS = """
    SELECT coalesce(jsonb_object_agg(symbol, quantity::integer), '{}') FROM dispatch_positions WHERE quantity <> 0
"""
_FILLS = "SELECT jsonb_object_agg(client_order_id, filled_contracts) FROM dispatch_orders WHERE filled_contracts > 0"
_CLEAN = "SELECT clean_at >= pass_at AND drift = '{}' FROM dispatch_reconciliation"
