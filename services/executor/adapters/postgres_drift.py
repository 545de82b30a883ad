"""How the books stand against the venue, for a person: read, and accepted by him, but nothing he has not read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg.rows import class_row

from kernel.adapters.postgres import Connection, Database
from kernel.contracts.codec import Codec
from kernel.contracts.topics import TICKETS
from services.executor.adapters.books_rows import as_json, read_suspect, suspect_row
from services.executor.adapters.postgres_books import take_events
from services.executor.adapters.postgres_positions import add_contracts
from services.executor.adapters.postgres_readiness import STALE_S
from services.executor.core.reconciling.accepting import accepted
from services.executor.core.reconciling.books import Suspect, order_of
from services.executor.core.reconciling.telling import told, word_of


@dataclass(frozen=True, slots=True)
class Standing:
    """One account's last pass. Times are the machine's; `drift` and `unconfirmed` have a line for each difference.

    `word` stands for the drift with its figures; None without drift.
    """

    account_id: str
    stream_ready: bool
    pass_at: datetime | None
    pass_ms: float | None
    clean_at: datetime | None
    drift: list[str]
    unconfirmed: list[str]
    expected: int
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """Something that explained the venue's figures."""

    kind: str
    symbol: str | None
    quantity: Decimal
    cash_usd: Decimal
    client_order_id: str | None
    note: str
    venue_at: datetime
    noted_at: datetime


class PostgresDrift:
    """The comparison's results over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standings(self) -> list[Standing]:
        """Return how each account stands."""
        async with self._database.transaction() as connection:
            rows = await (await connection.execute(_STANDINGS, (STALE_S,))).fetchall()
        return [_standing(row) for row in rows]

    async def explained(self, account_id: str, limit: int) -> list[Explained]:
        """Return what explained the venue's figures of late, without the fills of our own orders; the newest first."""
        async with (
            self._database.transaction() as connection,
            connection.cursor(row_factory=class_row(Explained)) as cursor,
        ):
            await cursor.execute(_EXPLAINED, (account_id, limit))
            return await cursor.fetchall()

    async def accept(self, account_id: str, by: str, reason: str, word: str) -> list[str]:
        """Take the venue's figures where the drift stands that `word` is of; returns a line for each difference.

        None are taken, and none returned, if anything else stands as drift by now.
        """
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_LOCKED, (account_id,))).fetchone()
            if row is None:
                return []
            version, stored, at = row
            suspects = [read_suspect(each) for each in stored]
            drift = [suspect for suspect in suspects if suspect.is_drift]
            if word_of(account_id, [suspect.difference for suspect in drift]) != word:
                return []
            events = accepted(account_id, drift, at, version, f"{by}: {reason}")
            cash_usd = await take_events(connection, account_id, events)
            await _correct_orders(connection, drift)
            left = as_json([suspect_row(suspect) for suspect in suspects if not suspect.is_drift])
            await connection.execute(_ACCEPTED, (left, cash_usd, account_id))
        return [told(suspect.difference) for suspect in drift]


async def _correct_orders(connection: Connection, drift: Sequence[Suspect]) -> None:
    """What an order's fills were said to be moved the ledger's position: it follows."""
    for suspect in drift:
        name = order_of(suspect.difference.key)
        if name is None:
            continue
        row = await (await connection.execute(_TICKET, (name,))).fetchone()
        if row is not None:
            ticket = Codec().decode(TICKETS, bytes(row[0]))
            await add_contracts(connection, ticket, suspect.difference.amount)


def _standing(row: tuple[Any, ...]) -> Standing:
    account_id, stream_ready, pass_at, pass_ms, clean_at, suspects, expected = row
    read = [read_suspect(each) for each in suspects or ()]
    return Standing(
        account_id=account_id,
        stream_ready=stream_ready,
        pass_at=pass_at,
        pass_ms=pass_ms,
        clean_at=clean_at,
        drift=[told(s.difference) for s in read if s.is_drift],
        unconfirmed=[told(s.difference) for s in read if not s.is_drift],
        expected=expected,
        word=word_of(account_id, [s.difference for s in read if s.is_drift]),
    )


_STANDINGS = """
    SELECT l.account_id, l.stream_ready AND l.beat_at > clock_timestamp() - make_interval(secs => %s),
        r.pass_at, r.pass_ms, r.clean_at, r.suspects,
        (SELECT count(*) FROM dispatch_venue_events e
         WHERE e.account_id = l.account_id AND e.expects <> 0 AND e.kind <> 'ACCEPTED')
    FROM dispatch_listeners l LEFT JOIN dispatch_reconciliation r USING (account_id)
    ORDER BY l.account_id
"""
_EXPLAINED = """
    SELECT kind, symbol, quantity, cash_usd, client_order_id, note, venue_at, noted_at FROM dispatch_venue_events
    WHERE account_id = %s AND kind <> 'FILL' ORDER BY noted_at DESC, event_id LIMIT %s
"""
_LOCKED = """
    SELECT version, suspects, clock_timestamp() FROM dispatch_reconciliation WHERE account_id = %s FOR UPDATE
"""
_ACCEPTED = """
    UPDATE dispatch_reconciliation
    SET version = version + 1, suspects = %s::jsonb, drift = '{}', cash_usd = cash_usd + %s
    WHERE account_id = %s
"""
_TICKET = "SELECT ticket FROM dispatch_orders WHERE client_order_id = %s"
