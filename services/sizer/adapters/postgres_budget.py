"""The budget in Postgres: a locked row per account, reservations beside it, the answers in the decisions table."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta

from psycopg.rows import class_row

from kernel.adapters.decision_log import DecisionLog
from kernel.adapters.postgres import Connection, Database
from kernel.domain.errors import InvariantBroken
from kernel.stream.stage import Emissions
from services.sizer.core.facts import Reservation

#: The executor sends nothing after a ticket's expiry, but its last call may still be on its way then: longer than any
#: venue deadline, short enough that a ticket lost for good does not hold money for the rest of the session.
EXPIRY_GRACE = timedelta(seconds=60)


class PostgresBudget:
    """A Budget whose lock holds across processes."""

    def __init__(self, database: Database, decisions: DecisionLog) -> None:
        self._database = database
        self._decisions = decisions
        # Decisions of this process queue up here rather than on the row, where each would hold a connection and run
        # into the statement time-out.
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def locked(self, account_id: str) -> AsyncIterator["LockedPostgresBudget"]:
        """Yield the account's budget inside one transaction that holds the row lock."""
        async with self._turn, self._database.transaction() as connection:
            await _lock(connection, account_id)
            yield LockedPostgresBudget(connection, self._decisions, account_id)


class LockedPostgresBudget:
    """A LockedBudget inside the transaction of `PostgresBudget.locked`."""

    def __init__(self, connection: Connection, decisions: DecisionLog, account_id: str) -> None:
        self._connection = connection
        self._decisions = decisions
        self._account_id = account_id

    async def recall(self, selection_id: str) -> Emissions | None:
        """Return the recorded answer to a selection, if there is one."""
        return await self._decisions.recall(self._connection, selection_id)

    async def in_flight(self, now: datetime) -> Sequence[Reservation]:
        """Return what counts against the buying power, oldest first."""
        await self._connection.execute(
            "UPDATE dispatch_reservations"
            " SET state = 'released', release_reason = 'TICKET_EXPIRED', updated_at = now()"
            " WHERE account_id = %s AND state = 'in_flight' AND expires_at < %s"
            # Whether the venue has an order of it is open: the executor settles that, and the money with it.
            " AND NOT EXISTS (SELECT 1 FROM dispatch_orders o WHERE o.ticket_id = dispatch_reservations.ticket_id"
            " AND o.status IN ('SENDING', 'UNKNOWN'))",
            (self._account_id, now - EXPIRY_GRACE),
        )
        async with self._connection.cursor(row_factory=class_row(Reservation)) as cursor:
            await cursor.execute(
                "SELECT ticket_id, account_id, signal_id, underlying, occ_symbol, reserved_usd, risk_usd, expires_at"
                " FROM dispatch_reservations WHERE account_id = %s AND state = 'in_flight'"
                " ORDER BY created_at, ticket_id",
                (self._account_id,),
            )
            return await cursor.fetchall()

    async def reserve(self, reservation: Reservation) -> None:
        """Insert the reservation in flight."""
        await self._connection.execute(
            "INSERT INTO dispatch_reservations"
            " (ticket_id, account_id, signal_id, underlying, occ_symbol, reserved_usd, risk_usd, expires_at, state)"
            " VALUES (%(ticket_id)s, %(account_id)s, %(signal_id)s, %(underlying)s, %(occ_symbol)s,"
            " %(reserved_usd)s, %(risk_usd)s, %(expires_at)s, 'in_flight')",
            asdict(reservation),
        )

    async def record(self, selection_id: str, emissions: Emissions) -> None:
        """Record the answer; raises InvariantBroken if, against the lock, another one is there."""
        if not await self._decisions.record(self._connection, selection_id, emissions):
            msg = f"selection {selection_id} was answered by another worker while account {self._account_id} was locked"
            raise InvariantBroken(msg)


async def _lock(connection: Connection, account_id: str) -> None:
    locking = "SELECT 1 FROM dispatch_accounts WHERE account_id = %s FOR UPDATE"
    cursor = await connection.execute(locking, (account_id,))
    if await cursor.fetchone() is None:
        await connection.execute(
            "INSERT INTO dispatch_accounts VALUES (%s) ON CONFLICT DO NOTHING", (account_id,)
        )
        await connection.execute(locking, (account_id,))
