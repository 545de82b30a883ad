"""Whole executor processes on a real Kafka and Postgres, killed in the middle. The referee is the venue's journal."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from kernel.adapters.migrate import migrate
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Execution, OrderStatus, Ticket
from kernel.contracts.topics import EXECUTIONS, TICKETS
from kernel.runtime.settings import PROJECT_ROOT
from kernel.stream.admin import TopicSettings, create_topics
from kernel.stream.producer import KafkaPublisher
from kernel.stream.reader import LogReader
from kernel.stream.stage import Emission
from kernel.testing.builders import a_leg, a_ticket, an_idea
from services.executor.core.orders import client_order_id_of
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from simulator.venue.fills import FillModel
from tests.fakes.executor_at_venue import account_at
from tests.fakes.market import NEXT_FRIDAY, FakeMarket, spy
from tests.fakes.params import widened_params_file
from tests.fakes.waiting import eventually

#: Each kill costs the group its session time-out, and a busy machine more.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
DEADLINE_S = 90.0
TICKETS_SENT = 40
#: What the tickets are keyed by, so that both workers have work; the contract is always SPY's.
UNDERLYINGS = ["AA", "BB", "CC", "DD", "EE", "FF", "GG", "HH"]


@pytest.fixture
def venue() -> Iterator[VenueThread]:
    settings = VenueSettings(latency_ms=(1.0, 20.0), fill_model=FillModel.MID, partial_fills=30)
    with VenueThread(FakeMarket(), settings) as running:
        yield running


@dataclass
class Outside:
    """Where the processes find their servers, and what can be seen there."""

    environ: dict[str, str]
    venue: VenueThread
    folder: Path

    def accepted(self) -> Counter[str]:
        journal = orjson.loads(self.venue.desk.journal.after(0, 100_000))
        return Counter(row["client_order_id"] for row in journal if row["kind"] == "order_accepted")

    async def one(self, query: str) -> Any:
        def ask() -> Any:
            with psycopg.connect(self.environ["DATABASE_URL"]) as connection:
                row = connection.execute(query.encode()).fetchone()
                return None if row is None else row[0]

        return await asyncio.to_thread(ask)

    async def executions(self) -> list[Execution]:
        topic = EXECUTIONS.full_name(self.environ["DISPATCH_TOPIC_PREFIX"])
        async with LogReader(self.environ["KAFKA_BOOTSTRAP_SERVERS"], [topic]) as reader:
            return [Codec().decode(EXECUTIONS, r.value or b"") async for r in reader.to_the_end()]


@pytest.fixture
async def outside(
    kafka_bootstrap: str, topic_prefix: str, database_url: str, venue: VenueThread, tmp_path: Path
) -> Outside:
    await asyncio.to_thread(migrate, database_url)
    await create_topics(kafka_bootstrap, TopicSettings(prefix=topic_prefix, partitions=4))
    return Outside(
        {
            "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
            "DISPATCH_TOPIC_PREFIX": topic_prefix,
            "DATABASE_URL": database_url,
            "APCA_API_BASE_URL": venue.url,
            "APCA_API_DATA_URL": venue.url,
            "DISPATCH_EXECUTOR_SWEEP_S": "1",
            "DISPATCH_PARAMS_FILE": str(widened_params_file(tmp_path)),
        },
        venue,
        tmp_path,
    )


class Worker:
    """An executor process that can be killed."""

    def __init__(self, outside: Outside) -> None:
        self._environ = {**os.environ, **outside.environ, "PYTHONPATH": str(PROJECT_ROOT)}
        self._folder = outside.folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.executor",
            cwd=self._folder,
            env=self._environ,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self) -> None:
        """End it without a word, as `kill -9` does."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def worker(outside: Outside) -> AsyncIterator[Worker]:
    running = Worker(outside)
    await running.start()
    try:
        yield running
    finally:
        await running.kill()


def some_tickets(venue: VenueThread) -> list[Ticket]:
    end = venue.desk.clock.now() + timedelta(minutes=30)
    return [
        a_ticket(
            f"signal-{n}",
            account=account_at(venue),
            legs=(a_leg(occ_symbol=spy(520, NEXT_FRIDAY)),),
            idea=an_idea(UNDERLYINGS[n % len(UNDERLYINGS)], expires_at=end),
            expires_at=end,
        )
        for n in range(TICKETS_SENT)
    ]


async def publish(outside: Outside, tickets: list[Ticket]) -> None:
    servers, prefix = outside.environ["KAFKA_BOOTSTRAP_SERVERS"], outside.environ["DISPATCH_TOPIC_PREFIX"]
    async with KafkaPublisher(servers, prefix, "test") as publisher:
        await publisher.publish([Emission(TICKETS, ticket) for ticket in tickets])


async def test_executors_killed_in_the_middle_place_one_order_for_each_ticket(outside: Outside) -> None:
    tickets = some_tickets(outside.venue)
    await publish(outside, tickets)

    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(worker(outside)) for _ in range(2)]
        for number, enough in enumerate((3, 15)):

            async def some_more(enough: int = enough) -> bool:
                return outside.accepted().total() >= enough

            await eventually(some_more)
            await workers[number % 2].kill()
            await workers[number % 2].start()

        async def all_done() -> bool:
            filled = await outside.one("SELECT count(*) FROM dispatch_orders WHERE status = 'FILLED'")
            waiting = await outside.one("SELECT count(*) FROM dispatch_outbox WHERE published_at IS NULL")
            return (filled, waiting) == (TICKETS_SENT, 0)

        await eventually(all_done)

    assert outside.accepted() == Counter(client_order_id_of(ticket.meta.id) for ticket in tickets)
    assert outside.venue.desk.account.positions[spy(520, NEXT_FRIDAY)].qty == 4 * TICKETS_SENT
    assert await outside.one("SELECT sum(filled_contracts) FROM dispatch_orders") == 4 * TICKETS_SENT
    _assert_whole_stories(await outside.executions())


def _assert_whole_stories(executions: list[Execution]) -> None:
    """Every order's steps are in the log, in order and without gaps, once repeats are dropped by their ids."""
    stories: dict[str, dict[str, Execution]] = {}
    for execution in executions:
        stories.setdefault(execution.client_order_id, {}).setdefault(execution.meta.id, execution)
    assert len(stories) == TICKETS_SENT
    for story in stories.values():
        steps = list(story.values())
        assert [step.sequence for step in steps] == list(range(1, len(steps) + 1))
        assert steps[-1].status is OrderStatus.FILLED
