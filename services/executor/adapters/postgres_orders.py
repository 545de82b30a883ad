"""Orders, ledger, outbox and reservation, written together: one transaction per step.

1. The row lock makes `change` one after another per order, so `decide` always judges the order as it stands; the
   update repeats the sequence it was decided on, and the ledger's key refuses a second row for it.
2. What may send an order (`begin`, `judge`) is decided one after another per account: two decisions never see the same
   book. The account's lock is always taken before any row's.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Counter
from psycopg import AsyncCursor
from psycopg.rows import class_row

from kernel.adapters.postgres import Connection, Database
from kernel.contracts.codec import Codec
from kernel.contracts.messages import RejectionCode, Ticket
from kernel.domain.errors import UnprocessableError
from kernel.runtime.logging import get_logger, story
from services.executor.adapters.postgres_book import (
    ask_for_book,
    count_redelivery,
    database_time,
    lock_account,
)
from services.executor.adapters.postgres_steps import StepWriter, trip
from services.executor.adapters.rows import (
    OF_ATTEMPT,
    SELECT_ATTEMPTS,
    SELECT_ORDER,
    AttemptRow,
    OrderRow,
)
from services.executor.adapters.wire_guard import WireGuard
from services.executor.core.gates import GATES
from services.executor.core.order_life import Order, requests_begun
from services.executor.core.orders import client_order_id_of, request_hash, request_of
from services.executor.core.risk_book import AsOf
from services.executor.core.switching import Tripped
from services.executor.ports import Arrival, Decide, Held, Judge, Open

_log = get_logger()
REFUSALS = Counter("dispatch_order_refusals_total", "Orders refused, by code.", ["code"])
for _gate in GATES:  # a gate that never said no counts zero, rather than not at all
    REFUSALS.labels(_gate.code.value)
STEPS_WRITTEN = Counter("dispatch_order_steps_total", "Steps of orders written to the ledger.", ["status"])


class PostgresOrders:
    """Orders over one database; `on_commit` is called after every written step, to hurry the outbox.

    `guard` is told of every request whose intent was committed by a call of this object: nothing else may be sent.
    A step that makes the Rejection of a breaker trips the switch in the same transaction, and so does a ticket that comes
    again where `on_traffic`, given the account's traffic of the last minute, says so.
    """

    def __init__(
        self,
        database: Database,
        on_commit: Callable[[], None],
        guard: WireGuard | None = None,
        on_traffic: Callable[[int], Tripped | None] = lambda _traffic: None,
    ) -> None:
        self._database = database
        self._on_commit = on_commit
        self._guard = guard or WireGuard()
        self._on_traffic = on_traffic
        self._codec = Codec()
        self._steps = StepWriter(self._codec)
        # Decisions of this process queue up here rather than at the account's lock, where each would hold a connection.
        self._turn = asyncio.Lock()

    async def time(self) -> datetime:
        """Return the database's clock."""
        async with self._database.transaction() as connection:
            return await database_time(connection)

    async def known(self, ticket: Ticket, *, redelivered: bool) -> Arrival | None:
        """Return the order a ticket has; see the port."""
        async with self._database.transaction() as connection:
            cursor = await _ask(connection, _FIND_ORDER, client_order_id_of(ticket.meta.id))
            row = await cursor.fetchone()
            if row is None:
                return None
            held = Held(await self._same(connection, row, ticket), written=False)
            traffic = await count_redelivery(connection, ticket) if redelivered else 0
            tripped = self._on_traffic(traffic)
            if tripped is not None:
                await trip(connection, tripped)
            return Arrival(held, traffic)

    async def begin(self, ticket: Ticket, as_of: AsOf, decide: Open) -> Held:
        """Decide and write a ticket's first step, or return the order it has; see the port."""
        async with self._turn, self._database.transaction() as connection:
            async with connection.pipeline():
                await lock_account(connection, ticket.account.account_id)
                cursor = await _ask(connection, _LOCK_ORDER, client_order_id_of(ticket.meta.id))
                reading = await ask_for_book(connection, ticket, as_of)
            row = await cursor.fetchone()
            if row is not None:
                return Held(await self._same(connection, row, ticket), written=False)
            book, decided_at_s = await reading.book(), self._guard.time_s()
            step = decide(book)
            if not await self._steps.insert(connection, step):
                # A worker of a revision that knows no account's lock was faster.
                row = await _lock(connection, step.order.client_order_id)
                assert row is not None, "the insert has just met it"
                return Held(await self._same(connection, row, ticket), written=False)
        return self._told(_Written(None, step.order, decided_at_s, step.code))

    async def judge(self, order: Order, as_of: AsOf, decide: Judge) -> Held | None:
        """Lock the account and the order, decide, write; see the port."""
        async with self._turn, self._database.transaction() as connection:
            async with connection.pipeline():
                await lock_account(connection, order.ticket.account.account_id)
                cursor = await _ask(connection, _LOCK_ORDER, order.client_order_id)
                reading = await ask_for_book(connection, order.ticket, as_of)
            row = await cursor.fetchone()
            if row is None:
                return None
            book = await reading.book()
            done = await self._decided(connection, row, lambda stored: decide(stored, book))
        if done.after.sequence == order.sequence:  # its intent was judged and stands
            self._guard.renew(order.client_order_id, done.decided_at_s)
        return self._told(done)

    async def change(self, client_order_id: str, decide: Decide) -> Held | None:
        """Lock, decide, write; see the port."""
        async with self._database.transaction() as connection:
            row = await (await _ask(connection, _LOCK_ATTEMPTED, client_order_id)).fetchone()
            if row is None:
                return None
            done = await self._decided(connection, row, decide)
        return self._told(done)

    async def unsettled(self) -> Sequence[Order]:
        """Return the orders that have not ended, oldest first."""
        async with (
            self._database.transaction() as connection,
            connection.cursor(row_factory=class_row(OrderRow)) as cursor,
        ):
            # One moment for an order and its attempts.
            await cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await cursor.execute(
                f"{SELECT_ORDER} WHERE status IN ('NEW', 'SENDING', 'UNKNOWN', 'ACKNOWLEDGED', 'PARTIALLY_FILLED')"
                " ORDER BY created_at, client_order_id"
            )
            rows = await cursor.fetchall()
            attempts = await _attempts(connection, [row.client_order_id for row in rows])
            return [row.order(self._codec, attempts[row.client_order_id]) for row in rows]

    async def _same(self, connection: Connection, row: OrderRow, ticket: Ticket) -> Order:
        if row.request_hash != request_hash(request_of(ticket)):
            msg = f"ticket {ticket.meta.id} was executed before with another content"
            raise UnprocessableError(msg)
        return await self._whole(connection, row)

    async def _whole(self, connection: Connection, row: OrderRow) -> Order:
        # Read after the order's row is locked: a subquery of the locking statement could be older than the row.
        attempts = await _attempts(connection, [row.client_order_id])
        return row.order(self._codec, attempts[row.client_order_id])

    async def _decided(self, connection: Connection, row: OrderRow, decide: Decide) -> "_Written":
        order, decided_at_s = await self._whole(connection, row), self._guard.time_s()
        step = decide(order)
        if step is None:
            return _Written(order, order, decided_at_s)
        await self._steps.update(connection, order, step)
        return _Written(order, step.order, decided_at_s, step.code)

    def _told(self, done: "_Written") -> Held:
        """Tell what is committed, and let be sent what it intends to send."""
        if done.after is done.before:
            return Held(done.after, written=False)
        for request, replaces in requests_begun(done.before, done.after):
            self._guard.permit(request, replaces=replaces, decided_at_s=done.decided_at_s)
        if done.code is not None:
            REFUSALS.labels(done.code.value).inc()
        self._tell(done.after)
        return Held(done.after, written=True)

    def _tell(self, order: Order) -> None:
        self._on_commit()
        STEPS_WRITTEN.labels(order.status.value).inc()
        with story(order.ticket.meta.correlation_id):
            _log.info(
                f"order {order.status.value.lower()}",
                client_order_id=order.client_order_id,
                filled_contracts=order.filled_contracts,
                average_fill_price=None
                if order.average_fill_price is None
                else str(order.average_fill_price),
                reason=order.reason,
            )


@dataclass(frozen=True, slots=True)
class _Written:
    """An order before a call (None: there was none) and after it; the same object where nothing was written.

    `decided_at_s`: when, by the guard's clock. `code` is why it was refused, if it was.
    """

    before: Order | None
    after: Order
    decided_at_s: float
    code: RejectionCode | None = None


async def _attempts(connection: Connection, order_ids: Sequence[str]) -> Mapping[str, Sequence[AttemptRow]]:
    found: dict[str, list[AttemptRow]] = {order_id: [] for order_id in order_ids}
    async with connection.cursor(row_factory=class_row(AttemptRow)) as cursor:
        await cursor.execute(
            f"{SELECT_ATTEMPTS} WHERE order_id = ANY(%s) ORDER BY order_id, number", (list(order_ids),)
        )
        for row in await cursor.fetchall():
            found[row.order_id].append(row)
    return found


async def _lock(connection: Connection, client_order_id: str) -> OrderRow | None:
    return await (await _ask(connection, _LOCK_ORDER, client_order_id)).fetchone()


async def _ask(connection: Connection, query: str, client_order_id: str) -> AsyncCursor[OrderRow]:
    cursor = connection.cursor(row_factory=class_row(OrderRow))
    await cursor.execute(query.encode(), (client_order_id,))
    return cursor


_FIND_ORDER = f"{SELECT_ORDER} WHERE client_order_id = %s"
_LOCK_ORDER = f"{_FIND_ORDER} FOR UPDATE"
_LOCK_ATTEMPTED = f"{SELECT_ORDER} {OF_ATTEMPT} FOR UPDATE"
