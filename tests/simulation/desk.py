"""The executor's side of the model database: its orders, its outbox, its election."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, cast

import psycopg

from kernel.adapters.postgres import Database
from kernel.contracts.codec import Codec
from kernel.domain.errors import UnprocessableError
from kernel.runtime.health import Health
from kernel.stream.stage import Publisher
from services.executor.adapters.postgres_election import PostgresElection
from services.executor.adapters.postgres_outbox import OutboxRelay
from services.executor.core.order_life import Order
from services.executor.core.orders import request_hash, request_of
from services.executor.core.steps import Reservation, Step, topic_of
from services.executor.ports import Decide, Held
from tests.simulation.database import ModelDatabase, Transaction
from tests.simulation.link import Lost
from tests.simulation.tables import OutboxRow, Tables, UniqueViolationError

#: See postgres_outbox and postgres_election.
_RELAY_IDLE_S = 15.0
_LEADER_IDLE_S = 3.5


class ModelOrders:
    """services.executor.ports.Orders, step by step as PostgresOrders writes it."""

    def __init__(
        self,
        database: ModelDatabase,
        tables: Tables,
        on_commit: Callable[[], None],
        trace: Callable[[str, str], None],
    ) -> None:
        self._database = database
        self._tables = tables
        self._on_commit = on_commit
        self._trace = trace
        self._codec = Codec()

    async def begin(self, step: Step) -> Held:
        """Write the first step, or return the order there is."""
        async with self._database.transaction() as transaction:
            await self._lock(transaction, step.order.client_order_id)
            known = self._tables.orders.get(step.order.client_order_id)
            if known is None:
                self._write(transaction, step, before=0)
        if known is None:
            self._on_commit()
            return Held(step.order, written=True)
        if request_hash(request_of(known.ticket)) != request_hash(request_of(step.order.ticket)):
            raise UnprocessableError(f"ticket {known.ticket.meta.id} was executed with another content")
        return Held(known, written=False)

    async def change(self, client_order_id: str, decide: Decide) -> Held | None:
        """Lock, decide, write."""
        async with self._database.transaction() as transaction:
            await self._lock(transaction, client_order_id)
            order = self._tables.orders.get(client_order_id)
            if order is None:
                return None
            step = decide(order)
            if step is None:
                return Held(order, written=False)
            self._write(transaction, step, before=order.sequence)
        self._on_commit()
        return Held(step.order, written=True)

    async def unsettled(self) -> Sequence[Order]:
        """Return the orders that have not ended, oldest first."""
        async with self._database.transaction() as transaction:
            await transaction.statement()
            return [order for order in self._tables.orders.values() if not order.ended]

    async def _lock(self, transaction: Transaction, client_order_id: str) -> None:
        await transaction.lock(("order", client_order_id))

    def _write(self, transaction: Transaction, step: Step, before: int) -> None:
        rows = [
            OutboxRow(m.meta.id, topic_of(m).name, self._codec.encode(topic_of(m), m)) for m in step.messages
        ]
        numbered = {self._tables.number(): row for row in rows}
        transaction.stage(lambda: self._commit(step, before, numbered))

    def _commit(self, step: Step, before: int, rows: dict[int, OutboxRow]) -> None:
        tables, order = self._tables, step.order
        stored = tables.orders.get(order.client_order_id)
        if (0 if stored is None else stored.sequence) != before:
            raise UniqueViolationError(f"order {order.client_order_id} moved under its lock")
        tables.orders[order.client_order_id] = order
        tables.ledger[order.client_order_id].append(step)
        for number, row in rows.items():
            if row.message_id not in tables.said:
                tables.said.add(row.message_id)
                tables.outbox[number] = row
        held = tables.reservations.get(order.ticket.meta.id)
        if held is not None and held.state != "released":
            if step.reservation is Reservation.RELEASE:
                held.state, held.reason = "released", order.status.value
            elif step.reservation is Reservation.AT_VENUE and held.state == "in_flight":
                held.state = "at_venue"
        self._trace(
            "step",
            f"{order.client_order_id[:8]} {order.sequence} {order.status} {order.filled_contracts}",
        )


class ModelRelay(OutboxRelay):
    """The project's relay; only how it takes its rows is a model."""

    def __init__(self, database: ModelDatabase, tables: Tables, publisher: Publisher, health: Health) -> None:
        super().__init__(cast("Database", database), publisher, stage="executor", health=health)
        self._model = database
        self._tables = tables

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Sequence[tuple[str, bytes]]]:
        """Yield what waits, under the relays' lock; mark it at the end."""
        async with self._model.transaction(idle_limit_s=_RELAY_IDLE_S) as transaction:
            await transaction.lock("relay")
            rows = self._tables.waiting()
            yield [(row.topic, row.payload) for _, row in rows]
            if rows:
                transaction.stage(lambda: _mark(rows))


def _mark(rows: list[tuple[int, OutboxRow]]) -> None:
    for _, row in rows:
        row.published = True


class ModelElection(PostgresElection):
    """The project's election; only its connection is a model."""

    def __init__(self, database: ModelDatabase, name: str) -> None:
        super().__init__("a model", lambda: name)
        self._model = database

    async def _connect(self) -> Any:
        return _Session(self._model)


class _Session:
    """The two statements of an election, on a connection that the server ends when it falls silent."""

    def __init__(self, database: ModelDatabase) -> None:
        self._database = database
        self._backend = database.connect(_LEADER_IDLE_S)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._database.hang_up(self._backend)

    async def execute(self, statement: str, arguments: tuple[str] | None = None) -> "_Session":
        try:
            if arguments is None:
                await self._database.link.ask(lambda: self._database.spoken(self._backend))
            else:
                key = ("leader", *arguments)
                self._won = await self._database.link.ask(lambda: self._database.try_lock(self._backend, key))
        except Lost as e:
            raise psycopg.OperationalError(str(e)) from e
        return self

    async def fetchone(self) -> tuple[bool]:
        return (self._won,)
