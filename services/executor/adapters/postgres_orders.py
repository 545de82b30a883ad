"""Orders, ledger, outbox and reservation, written together: one transaction per step.

The row lock makes `change` one after another per order, so `decide` always judges the order as it stands; the update
repeats the sequence it was decided on, and the ledger's key refuses a second row for it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from prometheus_client import Counter
from psycopg.rows import class_row

from kernel.adapters.control import change_switch
from kernel.adapters.postgres import Connection, Database
from kernel.adapters.reservations import mark_at_venue, release
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Evidence, Execution, OrderStatus, Rejection
from kernel.contracts.origin import Origin
from kernel.domain.control import Switch, tightened
from kernel.domain.errors import InvariantBroken, UnprocessableError
from kernel.runtime.logging import get_logger, story
from services.executor.adapters.rows import SELECT_ORDER, OrderRow, ledger_row, order_row, state_row
from services.executor.core.order_life import Order
from services.executor.core.orders import OrderRequest, request_hash, request_of
from services.executor.core.steps import Reservation, Step, topic_of
from services.executor.core.switching import Tripped, tripped_by
from services.executor.ports import Decide, Held

_log = get_logger()
STEPS_WRITTEN = Counter("dispatch_order_steps_total", "Steps of orders written to the ledger.", ["status"])


class PostgresOrders:
    """Orders over one database; `on_commit` is called after every written step, to hurry the outbox.

    `permit` is called with the request of every order that has just become SENDING for certain: nothing else may be
    sent. A step that makes the Rejection of a breaker trips the switch in the same transaction, signed by `origin`.
    """

    def __init__(
        self,
        database: Database,
        on_commit: Callable[[], None],
        *,
        permit: Callable[[OrderRequest], None],
        origin: Origin,
    ) -> None:
        self._database = database
        self._on_commit = on_commit
        self._permit = permit
        self._origin = origin
        self._codec = Codec()

    async def begin(self, step: Step) -> Held:
        """Write a ticket's first step, or return the order it has; see the port."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_INSERT_ORDER, order_row(step.order, self._codec))
            if cursor.rowcount == 1:
                async with connection.pipeline():
                    await self._write_outcome(connection, step)
                held = Held(step.order, written=True)
            else:
                held = Held(await self._same(connection, step.order), written=False)
        if held.written:
            self._tell(held.order)
        return held

    async def change(self, client_order_id: str, decide: Decide) -> Held | None:
        """Lock, decide, write; see the port."""
        async with self._database.transaction() as connection:
            row = await _lock(connection, client_order_id)
            if row is None:
                return None
            order = row.order(self._codec)
            step = decide(order)
            if step is None:
                return Held(order, written=False)
            await self._update(connection, order, step)
        self._tell(step.order)
        return Held(step.order, written=True)

    async def unsettled(self) -> Sequence[Order]:
        """Return the orders that have not ended, oldest first."""
        async with (
            self._database.transaction() as connection,
            connection.cursor(row_factory=class_row(OrderRow)) as cursor,
        ):
            await cursor.execute(
                f"{SELECT_ORDER} WHERE status IN ('NEW', 'SENDING', 'UNKNOWN', 'ACKNOWLEDGED', 'PARTIALLY_FILLED')"
                " ORDER BY created_at, client_order_id"
            )
            return [row.order(self._codec) for row in await cursor.fetchall()]

    async def _same(self, connection: Connection, order: Order) -> Order:
        row = await _lock(connection, order.client_order_id)
        if row is None or row.request_hash != request_hash(request_of(order.ticket)):
            msg = f"ticket {order.ticket.meta.id} was executed before with another content"
            raise UnprocessableError(msg)
        return row.order(self._codec)

    async def _update(self, connection: Connection, before: Order, step: Step) -> None:
        async with connection.pipeline():  # one round trip for all of them
            cursor = await connection.execute(
                _UPDATE_ORDER, {**state_row(step.order), "before": before.sequence}
            )
            await self._write_outcome(connection, step)
        if cursor.rowcount != 1:
            msg = f"order {before.client_order_id} changed under its lock"
            raise InvariantBroken(msg)

    async def _write_outcome(self, connection: Connection, step: Step) -> None:
        await connection.execute(_INSERT_EXECUTION, ledger_row(step))
        for message in step.messages:
            await connection.execute(_INSERT_OUTBOX, self._outbox_row(message))
        ticket_id = step.order.ticket.meta.id
        match step.reservation:
            case Reservation.AT_VENUE:
                await mark_at_venue(connection, ticket_id)
            case Reservation.RELEASE:
                await release(connection, ticket_id, step.order.status.value)
            case Reservation.KEEP:
                pass
        tripped = tripped_by(step.messages)
        if tripped is not None:
            await self._trip(connection, tripped)

    async def _trip(self, connection: Connection, tripped: Tripped) -> None:
        def tighten(standing: Switch, now: datetime) -> Switch:
            return tightened(standing, tripped.state, reason=tripped.reason, by=self._origin.stage, now=now)

        await change_switch(connection, tighten, self._origin)

    def _outbox_row(self, message: Evidence | Execution | Rejection) -> tuple[object, ...]:
        topic = topic_of(message)
        return message.meta.id, topic.name, topic.key(message), self._codec.encode(topic, message)

    def _tell(self, order: Order) -> None:
        self._on_commit()
        if order.status is OrderStatus.SENDING:
            self._permit(request_of(order.ticket))
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


async def _lock(connection: Connection, client_order_id: str) -> OrderRow | None:
    async with connection.cursor(row_factory=class_row(OrderRow)) as cursor:
        await cursor.execute(f"{SELECT_ORDER} WHERE client_order_id = %s FOR UPDATE", (client_order_id,))
        return await cursor.fetchone()


_INSERT_ORDER = """
    INSERT INTO dispatch_orders
        (client_order_id, ticket_id, signal_id, account_id, ticket, request_hash, status, sequence, venue_order_id,
         contracts, filled_contracts, average_fill_price, venue_at, reason, id_claimed, expires_at)
    VALUES
        (%(client_order_id)s, %(ticket_id)s, %(signal_id)s, %(account_id)s, %(ticket)s, %(request_hash)s, %(status)s,
         %(sequence)s, %(venue_order_id)s, %(contracts)s, %(filled_contracts)s, %(average_fill_price)s, %(venue_at)s,
         %(reason)s, %(id_claimed)s, %(expires_at)s)
    ON CONFLICT DO NOTHING
"""
_UPDATE_ORDER = """
    UPDATE dispatch_orders
    SET status = %(status)s, sequence = %(sequence)s, venue_order_id = %(venue_order_id)s,
        filled_contracts = %(filled_contracts)s, average_fill_price = %(average_fill_price)s,
        venue_at = %(venue_at)s, reason = %(reason)s, id_claimed = %(id_claimed)s, updated_at = now()
    WHERE client_order_id = %(client_order_id)s AND sequence = %(before)s
"""
_INSERT_EXECUTION = """
    INSERT INTO dispatch_executions
        (client_order_id, sequence, execution_id, ticket_id, signal_id, account_id, venue_order_id, ticker, occ_symbol,
         action, strategy, direction, tier, status, contracts, filled_contracts, price, notional, mid, spread_pct,
         total_risk_usd, score, reason, market_ts, venue_ts)
    VALUES
        (%(client_order_id)s, %(sequence)s, %(execution_id)s, %(ticket_id)s, %(signal_id)s, %(account_id)s,
         %(venue_order_id)s, %(ticker)s, %(occ_symbol)s, %(action)s, %(strategy)s, %(direction)s, %(tier)s, %(status)s,
         %(contracts)s, %(filled_contracts)s, %(price)s, %(notional)s, %(mid)s, %(spread_pct)s, %(total_risk_usd)s,
         %(score)s, %(reason)s, %(market_ts)s, %(venue_ts)s)
"""
# A message id is derived, so a second message of the same id is the same message: said once is enough.
_INSERT_OUTBOX = """
    INSERT INTO dispatch_outbox (message_id, topic, key, payload) VALUES (%s, %s, %s, %s)
    ON CONFLICT (message_id) DO NOTHING
"""
