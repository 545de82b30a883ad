"""The executor's side of the model database: its orders, its outbox, its election."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Self, cast

import psycopg

from kernel.adapters.postgres import Database
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Ticket
from kernel.domain.control import tightened
from kernel.domain.errors import UnprocessableError
from kernel.runtime.health import Health
from kernel.stream.stage import Publisher
from services.executor.adapters.postgres_election import PostgresElection
from services.executor.adapters.postgres_outbox import OutboxRelay
from services.executor.adapters.wire_guard import WireGuard
from services.executor.core.order_life import Order, requests_begun
from services.executor.core.orders import client_order_id_of, request_hash, request_of
from services.executor.core.risk_book import AsOf, RiskBook
from services.executor.core.steps import Reservation, Step, topic_of
from services.executor.core.switching import tripped_by
from services.executor.ports import Arrival, Decide, Held, Judge, Open
from tests.simulation.books import book_of, count_premium, traffic
from tests.simulation.database import ModelDatabase, Transaction
from tests.simulation.link import Lost
from tests.simulation.switch import write_switch
from tests.simulation.tables import LedgerRow, OutboxRow, Tables, UniqueViolationError

#: See postgres_outbox and postgres_election.
_RELAY_IDLE_S = 15.0
_LEADER_IDLE_S = 3.5


class ModelOrders:
    """services.executor.ports.Orders, transaction by transaction as PostgresOrders writes it."""

    def __init__(
        self,
        database: ModelDatabase,
        tables: Tables,
        on_commit: Callable[[], None],
        tell: Callable[[str, str], None],
        guard: WireGuard,
    ) -> None:
        self._guard = guard
        self._database = database
        self._tables = tables
        self._on_commit = on_commit
        self._tell = tell
        self._codec = Codec()
        self._turn = asyncio.Lock()

    async def time(self) -> datetime:
        """Return the database's clock."""
        async with self._database.transaction() as transaction:
            return await transaction.clock()

    async def known(self, ticket: Ticket, *, redelivered: bool) -> Arrival | None:
        """Return the order a ticket has; a delivery beyond the first counts."""
        async with self._database.transaction() as transaction:
            await transaction.statement()
            order = self._tables.orders.get(client_order_id_of(ticket.meta.id))
            if order is None:
                return None
            held, now = Held(_same(order, ticket), written=False), self._database.now()
            if not redelivered:
                return Arrival(held, 0)
            transaction.stage(lambda: self._tables.redeliveries.append(now))
            return Arrival(held, traffic(self._tables, now) + 1)

    async def begin(self, ticket: Ticket, as_of: AsOf, decide: Open) -> Held:
        """Write the first step, or return the order there is."""
        async with self._turn, self._database.transaction() as transaction:
            await self._lock(transaction, ("orders of", ticket.account.account_id))
            await self._lock(transaction, ("order", client_order_id_of(ticket.meta.id)))
            order = self._tables.orders.get(client_order_id_of(ticket.meta.id))
            if order is not None:
                return Held(_same(order, ticket), written=False)
            decided_at_s = self._guard.time_s()
            step = decide(self._book(ticket, as_of))
            self._write(transaction, None, step)
        return self._told(None, step.order, decided_at_s)

    async def judge(self, order: Order, as_of: AsOf, decide: Judge) -> Held | None:
        """Lock the account and the order, decide, write."""
        async with self._turn, self._database.transaction() as transaction:
            await self._lock(transaction, ("orders of", order.ticket.account.account_id))
            await self._lock(transaction, ("order", order.client_order_id))
            stored = self._tables.orders.get(order.client_order_id)
            if stored is None:
                return None
            book = self._book(stored.ticket, as_of)
            decided_at_s = self._guard.time_s()
            after = self._decided(transaction, stored, lambda stored: decide(stored, book))
        if after.sequence == order.sequence:
            self._guard.renew(order.client_order_id, decided_at_s)
        return self._told(stored, after, decided_at_s)

    async def change(self, client_order_id: str, decide: Decide) -> Held | None:
        """Lock, decide, write; `client_order_id` is that of any attempt."""
        async with self._database.transaction() as transaction:
            order_id = self._tables.order_of_attempt.get(client_order_id)
            await self._lock(transaction, ("order", order_id))
            order = self._tables.orders.get(order_id or "")
            if order is None:
                return None
            decided_at_s = self._guard.time_s()
            after = self._decided(transaction, order, decide)
        return self._told(order, after, decided_at_s)

    async def unsettled(self) -> Sequence[Order]:
        """Return the orders that have not ended, oldest first."""
        async with self._database.transaction() as transaction:
            await transaction.statement()
            return [order for order in self._tables.orders.values() if not order.ended]

    async def _lock(self, transaction: Transaction, key: Hashable) -> None:
        await transaction.lock(key)

    def _book(self, ticket: Ticket, as_of: AsOf) -> RiskBook:
        return book_of(self._tables, ticket, as_of, self._database.now())

    def _decided(self, transaction: Transaction, stored: Order, decide: Decide) -> Order:
        step = decide(stored)
        if step is None:
            return stored
        self._write(transaction, stored, step)
        return step.order

    def _told(self, before: Order | None, after: Order, decided_at_s: float) -> Held:
        if after is before:
            return Held(after, written=False)
        for request, replaces in requests_begun(before, after):
            self._guard.permit(request, replaces=replaces, decided_at_s=decided_at_s)
        self._on_commit()
        return Held(after, written=True)

    def _write(self, transaction: Transaction, before: Order | None, step: Step) -> None:
        rows = [
            OutboxRow(m.meta.id, topic_of(m).name, self._codec.encode(topic_of(m), m)) for m in step.messages
        ]
        numbered = {self._tables.number(): row for row in rows}
        row = LedgerRow(transaction.began_at, step)
        transaction.stage(lambda: self._commit(before, row, numbered))

    def _commit(self, before: Order | None, row: LedgerRow, messages: dict[int, OutboxRow]) -> None:
        tables, order = self._tables, row.step.order
        stored = tables.orders.get(order.client_order_id)
        if (stored and stored.sequence) != (before and before.sequence):
            raise UniqueViolationError(f"order {order.client_order_id} moved under its lock")
        tables.orders[order.client_order_id] = order
        tables.order_of_attempt |= {a.client_order_id: order.client_order_id for a in order.attempts}
        tables.ledger[order.client_order_id].append(row)
        count_premium(tables, before, row)
        if row.step.equity_high_usd is not None:
            tables.equity_high = (row.step.equity_high_usd, self._database.now())
        for number, message in messages.items():
            if message.message_id not in tables.said:
                tables.said.add(message.message_id)
                tables.outbox[number] = message
        tripped = tripped_by(row.step.messages)
        if tripped is not None:
            now, by = self._database.now(), tripped.origin.stage
            switch = tightened(tables.switch, tripped.state, reason=tripped.reason, by=by, now=now)
            write_switch(tables, switch, tripped.origin)
        self._move_money(row.step)
        said = f"{order.client_order_id[:8]} {order.sequence} {order.status} {order.filled_contracts}"
        self._tell("step", said)

    def _move_money(self, step: Step) -> None:
        held = self._tables.reservations.get(step.order.ticket.meta.id)
        if held is None or held.state == "released":
            return
        if step.reservation is Reservation.RELEASE:
            held.state, held.reason = "released", step.order.status.value
        elif step.reservation is Reservation.AT_VENUE:
            held.state = "at_venue"


def _same(order: Order, ticket: Ticket) -> Order:
    if request_hash(request_of(order.ticket)) != request_hash(request_of(ticket)):
        raise UnprocessableError(f"ticket {ticket.meta.id} was executed before with another content")
    return order


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
