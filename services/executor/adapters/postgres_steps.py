"""A step of an order as rows: the order, its attempts, one ledger row, the outbox, what is reserved, held and spent.

All inside the caller's transaction, who holds the locks.
"""

from datetime import datetime

from kernel.adapters.control import change_switch
from kernel.adapters.postgres import Connection
from kernel.adapters.reservations import mark_at_venue, release
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Evidence, Execution, Rejection
from kernel.domain.control import Switch, tightened
from kernel.domain.errors import InvariantBroken
from services.executor.adapters.postgres_book import count_premium, raise_equity_high
from services.executor.adapters.postgres_positions import add_fills
from services.executor.adapters.rows import UPSERT_ATTEMPT, attempt_row, ledger_row, order_row, state_row
from services.executor.core.order_life import Order
from services.executor.core.steps import Reservation, Step, topic_of
from services.executor.core.switching import Tripped, tripped_by


class StepWriter:
    """Writes steps."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    async def insert(self, connection: Connection, step: Step) -> bool:
        """Write the first step of an order; returns False, nothing written, if there is one already."""
        cursor = await connection.execute(_INSERT_ORDER, order_row(step, self._codec))
        if cursor.rowcount != 1:
            return False
        async with connection.pipeline():
            await _write_attempts(connection, None, step.order)
            await self._write_outcome(connection, None, step)
        return True

    async def update(self, connection: Connection, before: Order, step: Step) -> None:
        """Write a further step of an order; raises InvariantBroken if it was moved under its lock."""
        async with connection.pipeline():  # one round trip for all of them
            cursor = await connection.execute(
                _UPDATE_ORDER, {**state_row(step.order), "before": before.sequence}
            )
            await _write_attempts(connection, before, step.order)
            await self._write_outcome(connection, before, step)
            await add_fills(connection, before, step.order)
        if cursor.rowcount != 1:
            msg = f"order {before.client_order_id} changed under its lock"
            raise InvariantBroken(msg)

    async def _write_outcome(self, connection: Connection, before: Order | None, step: Step) -> None:
        await connection.execute(_INSERT_EXECUTION, ledger_row(step))
        await count_premium(connection, before, step.order)
        if step.equity_high_usd is not None:
            await raise_equity_high(connection, step.order.ticket.account.account_id, step.equity_high_usd)
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
            await trip(connection, tripped)

    def _outbox_row(self, message: Evidence | Execution | Rejection) -> tuple[object, ...]:
        topic = topic_of(message)
        return message.meta.id, topic.name, topic.key(message), self._codec.encode(topic, message)


async def trip(connection: Connection, tripped: Tripped) -> None:
    """Tighten the switch in this transaction."""

    def tighten(standing: Switch, now: datetime) -> Switch:
        return tightened(standing, tripped.state, reason=tripped.reason, by=tripped.origin.stage, now=now)

    await change_switch(connection, tighten, tripped.origin)


async def _write_attempts(connection: Connection, before: Order | None, after: Order) -> None:
    """Write what has changed, earlier attempts first: one that works must end before the next may."""
    known = () if before is None else before.attempts
    for attempt in after.attempts:
        if attempt not in known:
            await connection.execute(UPSERT_ATTEMPT, attempt_row(after, attempt))


_INSERT_ORDER = """
    INSERT INTO dispatch_orders
        (client_order_id, ticket_id, signal_id, account_id, ticket, request_hash, status, sequence, venue_order_id,
         contracts, filled_contracts, average_fill_price, venue_at, reason, id_claimed, expires_at, price_ceiling,
         market_day)
    VALUES
        (%(client_order_id)s, %(ticket_id)s, %(signal_id)s, %(account_id)s, %(ticket)s, %(request_hash)s, %(status)s,
         %(sequence)s, %(venue_order_id)s, %(contracts)s, %(filled_contracts)s, %(average_fill_price)s, %(venue_at)s,
         %(reason)s, %(id_claimed)s, %(expires_at)s, %(price_ceiling)s, %(market_day)s)
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
         total_risk_usd, score, reason, code, attempt, slippage, market_ts, venue_ts)
    VALUES
        (%(client_order_id)s, %(sequence)s, %(execution_id)s, %(ticket_id)s, %(signal_id)s, %(account_id)s,
         %(venue_order_id)s, %(ticker)s, %(occ_symbol)s, %(action)s, %(strategy)s, %(direction)s, %(tier)s, %(status)s,
         %(contracts)s, %(filled_contracts)s, %(price)s, %(notional)s, %(mid)s, %(spread_pct)s, %(total_risk_usd)s,
         %(score)s, %(reason)s, %(code)s, %(attempt)s, %(slippage)s,
         %(market_ts)s, %(venue_ts)s)
"""
# A message id is derived, so a second message of the same id is the same message: said once is enough.
_INSERT_OUTBOX = """
    INSERT INTO dispatch_outbox (message_id, topic, key, payload) VALUES (%s, %s, %s, %s)
    ON CONFLICT (message_id) DO NOTHING
"""
