"""The risk book out of Postgres, read by whoever holds the account's lock: one round trip for all of it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import class_row

from kernel.adapters.control import read_switch
from kernel.adapters.postgres import Connection
from kernel.contracts.messages import Ticket
from kernel.domain.calendar import market_day
from kernel.domain.control import Switch
from services.executor.core.order_life import Order
from services.executor.core.orders import client_order_id_of
from services.executor.core.risk_book import AsOf, LiveOrder, RiskBook, committed_usd

Rows = AsyncCursor[tuple[Any, ...]]


async def lock_account(connection: Connection, account_id: str) -> None:
    """Wait until no other decision on this account is under way; the lock lasts as long as the transaction."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"dispatch account {account_id}",)
    )


@dataclass(frozen=True, slots=True)
class BookReading:
    """Queries on their way; the book once they are answered."""

    orders: AsyncCursor[LiveOrder]
    sums: Rows
    traffic: Rows
    rejects: Rows
    switch: Switch

    async def book(self) -> RiskBook:
        """Return the book; call it after the pipeline has ended."""
        day_premium, same_order_at, equity_high, equity_high_at = await _one(self.sums)
        (traffic,) = await _one(self.traffic)
        return RiskBook(
            orders=tuple(await self.orders.fetchall()),
            day_premium_usd=day_premium or Decimal(0),
            begun_last_minute=traffic,
            rejected_at=tuple(at for (at,) in await self.rejects.fetchall()),
            same_order_at=same_order_at,
            equity_high_usd=equity_high,
            equity_high_at=equity_high_at,
            switch=self.switch,
        )


async def ask_for_book(connection: Connection, ticket: Ticket, as_of: AsOf) -> BookReading:
    """Ask for the book of a ticket's account without the ticket's own order; for use in a pipeline."""
    asked = {
        "account_id": ticket.account.account_id,
        "own": client_order_id_of(ticket.meta.id),
        "since": as_of.books,
        "market_day": market_day(as_of.market),
        "occ_symbol": ticket.legs[0].occ_symbol,
        "action": ticket.action.value,
    }
    orders = connection.cursor(row_factory=class_row(LiveOrder))
    await orders.execute(_LIVE_ORDERS, asked)
    return BookReading(
        orders,
        await connection.execute(_SUMS, asked),
        await connection.execute(_TRAFFIC, asked),
        await connection.execute(_REJECTS, asked),
        await read_switch(connection),
    )


async def count_premium(connection: Connection, before: Order | None, after: Order) -> None:
    """Keep the premium of the order's market day in step with the order."""
    change = committed_usd(after) - (Decimal(0) if before is None else committed_usd(before))
    if change:
        await connection.execute(_COUNT_PREMIUM, (change, after.client_order_id))


async def raise_equity_high(connection: Connection, account_id: str, equity_usd: Decimal) -> None:
    """Keep the highest equity a decision has seen."""
    await connection.execute(
        "INSERT INTO dispatch_equity_highs (account_id, equity_usd) VALUES (%s, %s)"
        " ON CONFLICT (account_id) DO UPDATE SET equity_usd = excluded.equity_usd, seen_at = now()",
        (account_id, equity_usd),
    )


async def count_redelivery(connection: Connection, ticket: Ticket) -> int:
    """Count a delivery of a ticket that was done with as traffic; returns the traffic of the last minute."""
    account = {"account_id": ticket.account.account_id, "own": None}
    await connection.execute(_COUNT_REDELIVERY, {**account, "ticket_id": ticket.meta.id})
    await connection.execute(_FORGET_REDELIVERIES, account)
    (traffic,) = await _one(await connection.execute(_TRAFFIC, account))
    return int(traffic)


async def database_time(connection: Connection) -> datetime:
    """Return the database's clock."""
    at: datetime
    (at,) = await _one(await connection.execute("SELECT clock_timestamp()"))
    return at


async def _one(rows: Rows) -> tuple[Any, ...]:
    row = await rows.fetchone()
    assert row is not None, "a query of scalars has one row"
    return row


# Whether the venue had an order of several attempts is known only if nothing happened to it since it was asked.
_LIVE_ORDERS = """
    SELECT underlying, occ_symbol, counted - seen_filled AS contracts, price_ceiling, first_limit, at_venue
    FROM (
        SELECT e.ticker AS underlying, e.occ_symbol, o.created_at, o.client_order_id,
            CASE WHEN o.status IN ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED') THEN o.filled_contracts
                 ELSE o.contracts END AS counted,
            coalesce(o.price_ceiling, e.price) AS price_ceiling, e.price AS first_limit,
            coalesce(seen.filled, 0) AS seen_filled,
            coalesce(seen.at_venue, false)
                AND (o.status IN ('FILLED', 'CANCELED', 'EXPIRED', 'REJECTED') OR coalesce(tried.works, true))
                AND (coalesce(tried.attempts, 1) = 1 OR seen.last = o.sequence) AS at_venue
        FROM (
            SELECT client_order_id FROM dispatch_orders
            WHERE status IN ('NEW', 'SENDING', 'UNKNOWN', 'ACKNOWLEDGED', 'PARTIALLY_FILLED')
            UNION
            SELECT client_order_id FROM dispatch_executions WHERE simulated_ts > %(since)s
        ) AS live
        JOIN dispatch_orders o USING (client_order_id)
        JOIN dispatch_executions e ON e.client_order_id = o.client_order_id AND e.sequence = 1
        LEFT JOIN LATERAL (
            SELECT max(s.filled_contracts) AS filled, max(s.sequence) AS last,
                (array_agg(s.status ORDER BY s.sequence DESC))[1]
                    IN ('ACKNOWLEDGED', 'PARTIALLY_FILLED', 'FILLED') AS at_venue
            FROM dispatch_executions s
            WHERE s.client_order_id = o.client_order_id AND s.simulated_ts <= %(since)s
        ) AS seen ON true
        LEFT JOIN LATERAL (
            SELECT count(*) AS attempts, bool_or(a.status IN ('ACKNOWLEDGED', 'PARTIALLY_FILLED')) AS works
            FROM dispatch_attempts a WHERE a.order_id = o.client_order_id
        ) AS tried ON true
        WHERE o.account_id = %(account_id)s AND o.client_order_id <> %(own)s
    ) AS orders
    WHERE counted > seen_filled
    ORDER BY created_at, client_order_id
"""
# Nothing from before a person resumed trading: it would trip the switch again at once.
_TRAFFIC = """
    SELECT
        (SELECT count(*) FROM dispatch_executions
         WHERE simulated_ts > now() - interval '1 minute' AND sequence = 1 AND account_id = %(account_id)s
             AND simulated_ts > (SELECT counts_from FROM dispatch_control WHERE scope = '*')
             AND client_order_id IS DISTINCT FROM %(own)s)
        + (SELECT count(*) FROM dispatch_redeliveries
           WHERE at > now() - interval '1 minute' AND account_id = %(account_id)s
               AND at > (SELECT counts_from FROM dispatch_control WHERE scope = '*'))
"""
_SUMS = """
    SELECT
        (SELECT premium_usd FROM dispatch_day_premiums
         WHERE account_id = %(account_id)s AND market_day = %(market_day)s)
            - coalesce((SELECT contracts * price_ceiling * 100 FROM dispatch_orders
                        WHERE client_order_id = %(own)s AND market_day = %(market_day)s), 0),
        (SELECT max(market_ts) FROM dispatch_executions
         WHERE account_id = %(account_id)s AND occ_symbol = %(occ_symbol)s AND sequence = 1 AND status = 'SENDING'
             AND action = %(action)s AND client_order_id <> %(own)s),
        (SELECT equity_usd FROM dispatch_equity_highs WHERE account_id = %(account_id)s),
        (SELECT seen_at FROM dispatch_equity_highs WHERE account_id = %(account_id)s)
"""
# Until an order is taken for the first time: what follows it (fills, steps of its walk) says nothing of new ones.
_REJECTS = """
    SELECT r.simulated_ts
    FROM (
        SELECT simulated_ts FROM dispatch_executions
        WHERE account_id = %(account_id)s AND code = 'VENUE_REJECTED' ORDER BY simulated_ts DESC LIMIT 100
    ) AS r
    WHERE NOT EXISTS (
        SELECT 1 FROM dispatch_executions s
        WHERE s.simulated_ts > r.simulated_ts AND s.account_id = %(account_id)s
            AND s.status IN ('ACKNOWLEDGED', 'PARTIALLY_FILLED', 'FILLED')
            AND NOT EXISTS (
                SELECT 1 FROM dispatch_executions b
                WHERE b.client_order_id = s.client_order_id AND b.sequence < s.sequence
                    AND b.status IN ('ACKNOWLEDGED', 'PARTIALLY_FILLED', 'FILLED')
            )
    )
    ORDER BY r.simulated_ts DESC
"""
_COUNT_PREMIUM = """
    INSERT INTO dispatch_day_premiums AS d (account_id, market_day, premium_usd)
    SELECT account_id, market_day, %s FROM dispatch_orders WHERE client_order_id = %s AND market_day IS NOT NULL
    ON CONFLICT (account_id, market_day) DO UPDATE SET premium_usd = d.premium_usd + excluded.premium_usd
"""
_COUNT_REDELIVERY = (
    "INSERT INTO dispatch_redeliveries (account_id, ticket_id) VALUES (%(account_id)s, %(ticket_id)s)"
)
_FORGET_REDELIVERIES = (
    "DELETE FROM dispatch_redeliveries WHERE account_id = %(account_id)s AND at < now() - interval '1 hour'"
)
