"""A venue, a database and topics of one life's own, and what can be seen there from outside."""

import asyncio
import itertools
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import psycopg
from psycopg import sql

from kernel.adapters.migrate import migrate
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Execution, Ticket
from kernel.contracts.topics import EXECUTIONS, TICKETS
from kernel.runtime.settings import PROJECT_ROOT
from kernel.stream.admin import TopicSettings, create_topics, group_lag
from kernel.stream.producer import KafkaPublisher
from kernel.stream.reader import LogReader
from kernel.testing.builders import a_leg, a_ticket, an_idea
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from simulator.venue.fills import FillModel
from tests.chaos.matrix.cells import Cell
from tests.fakes.executor_at_venue import account_at
from tests.fakes.market import NEXT_FRIDAY, STRIKES, FakeMarket, spy
from tests.fakes.params import widened_params_file

#: How long an unanswered order is looked for, seconds: short, so that the matrix is.
SETTLE_S = 0.6
_CONTRACTS = 1
#: Calls at the money and out of it: below, the mid of every contract here would be under its intrinsic value.
_STRIKES = tuple(strike for strike in STRIKES if strike >= 520)
_EQUITY_USD = 1_000_000
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Servers:
    """The Kafka and the Postgres all lives share; `template` is a migrated database to copy."""

    bootstrap: str
    postgres_url: str
    template: str


@dataclass
class World:
    """One life's surroundings."""

    environ: dict[str, str]
    venue: VenueThread
    folder: Path
    publisher: KafkaPublisher

    @property
    def database_url(self) -> str:
        return self.environ["DATABASE_URL"]

    @property
    def prefix(self) -> str:
        return self.environ["DISPATCH_TOPIC_PREFIX"]

    @property
    def bootstrap(self) -> str:
        return self.environ["KAFKA_BOOTSTRAP_SERVERS"]

    def journal(self) -> list[dict[str, Any]]:
        """Return all rows of the venue's journal."""
        rows: list[dict[str, Any]] = orjson.loads(self.venue.desk.journal.after(0, 200_000))
        return rows

    async def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database."""

        def ask() -> list[tuple[Any, ...]]:
            with psycopg.connect(self.database_url, application_name="referee") as connection:
                return connection.execute(query.encode(), values).fetchall()

        return await asyncio.to_thread(ask)

    async def publish(self, ticket: Ticket) -> None:
        """Reserve the ticket's money as the sizer does, and write it, keyed so that no other ticket waits for it."""
        await asyncio.to_thread(self._reserve, ticket)
        value = Codec().encode(TICKETS, ticket)
        await self.publisher.publish_raw(TICKETS.full_name(self.prefix), ticket.meta.id.encode(), value)

    def _reserve(self, ticket: Ticket) -> None:
        account = ticket.account.account_id
        with psycopg.connect(self.database_url, application_name="referee") as connection:
            connection.execute("INSERT INTO dispatch_accounts VALUES (%s) ON CONFLICT DO NOTHING", (account,))
            connection.execute(
                "INSERT INTO dispatch_reservations (ticket_id, account_id, signal_id, underlying, occ_symbol,"
                " reserved_usd, risk_usd, state, expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, 'in_flight', %s)",
                (
                    ticket.meta.id,
                    account,
                    ticket.meta.correlation_id,
                    ticket.idea.underlying,
                    ticket.legs[0].occ_symbol,
                    ticket.reserved_usd,
                    ticket.total_risk_usd,
                    ticket.expires_at,
                ),
            )

    async def executions(self) -> list[Execution]:
        """Return what the topic of executions holds, repeats included."""
        async with LogReader(self.bootstrap, [EXECUTIONS.full_name(self.prefix)]) as reader:
            return [Codec().decode(EXECUTIONS, r.value or b"") async for r in reader.to_the_end()]

    async def dead_letters(self) -> int:
        """Return how many tickets were buried."""
        async with LogReader(self.bootstrap, [TICKETS.dead_name(self.prefix)]) as reader:
            return len([r async for r in reader.to_the_end()])

    async def lag(self) -> int:
        """Return how many tickets are not acknowledged."""
        return await group_lag(self.bootstrap, f"{self.prefix}executor", TICKETS.full_name(self.prefix))

    def ticket_for(self, cell: Cell) -> Ticket:
        """Return a ticket of the cell's own: one SPY call at the mid, where it fills at once."""
        end = self.venue.desk.clock.now() + timedelta(minutes=30)
        return a_ticket(
            f"{self.prefix}{cell}",
            account=account_at(self.venue),
            legs=(a_leg(occ_symbol=spy(_STRIKES[next(_numbers) % len(_STRIKES)], NEXT_FRIDAY)),),
            idea=an_idea(expires_at=end),
            expires_at=end,
            contracts=_CONTRACTS,
        )


@asynccontextmanager
async def a_world(servers: Servers, folder: Path, *, deadline_s: float) -> AsyncIterator[World]:
    """Open a venue, a migrated database and topics; take the database away again.

    `deadline_s` is the process's wait for an answer of the venue.
    """
    name = _new_name()
    url = _url_of(servers.postgres_url, name)
    await asyncio.to_thread(
        _execute, servers.postgres_url, "CREATE DATABASE {} TEMPLATE {}", name, servers.template
    )
    try:
        await create_topics(servers.bootstrap, TopicSettings(prefix=f"{name}.", partitions=4))
        settings = VenueSettings(latency_ms=(1.0, 5.0), fill_model=FillModel.MID, equity=_EQUITY_USD)
        async with KafkaPublisher(servers.bootstrap, f"{name}.", "test") as publisher:
            with VenueThread(FakeMarket(), settings) as venue:
                environ = _environ(servers, venue, folder, deadline_s)
                environ |= {"DATABASE_URL": url, "DISPATCH_TOPIC_PREFIX": f"{name}."}
                yield World(environ, venue, folder, publisher)
    finally:
        await asyncio.to_thread(_execute, servers.postgres_url, "DROP DATABASE {} WITH (FORCE)", name)


@contextmanager
def shared_servers(bootstrap: str, postgres_url: str) -> Iterator[Servers]:
    """Make a migrated database to copy; take it away again."""
    template = _new_name()
    _execute(postgres_url, "CREATE DATABASE {}", template)
    try:
        migrate(_url_of(postgres_url, template))
        yield Servers(bootstrap, postgres_url, template)
    finally:
        _execute(postgres_url, "DROP DATABASE {} WITH (FORCE)", template)


def _new_name() -> str:
    return f"matrix_{secrets.token_hex(4)}"


def _url_of(postgres_url: str, name: str) -> str:
    return urlsplit(postgres_url)._replace(path=f"/{name}").geturl()


def _execute(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))


def _environ(servers: Servers, venue: VenueThread, folder: Path, deadline_s: float) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(PROJECT_ROOT),
        "KAFKA_BOOTSTRAP_SERVERS": servers.bootstrap,
        "APCA_API_BASE_URL": venue.url,
        "APCA_API_DATA_URL": venue.url,
        "DISPATCH_VENUE_DEADLINE_S": str(deadline_s),
        "DISPATCH_EXECUTOR_SWEEP_S": "1",
        "DISPATCH_PARAMS_FILE": str(_params(folder)),
    }


def _params(folder: Path) -> Path:
    params = json.loads(widened_params_file(folder).read_text())
    params["executor"] |= {"lookup_attempts": 3, "lookup_settle_s": SETTLE_S}
    file = folder / "params.json"
    file.write_text(json.dumps(params))
    return file
