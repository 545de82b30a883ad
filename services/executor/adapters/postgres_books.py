"""The books that are held against the venue: positions, cash, what explains them, and how the last pass ended.

1. What a pass found is written in one transaction under the row of the account, and only if nobody wrote since the
   pass read it and its listener still is the listener: two passes never both count.
2. An event is written once by its id, and moves positions and cash only when it is written.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from kernel.adapters.postgres import Connection, Database
from services.executor.adapters import books_queries as queries
from services.executor.adapters.books_rows import (
    as_json,
    event_row,
    foreign_row,
    pass_columns,
    read_suspect,
    suspect_row,
)
from services.executor.core.reconciling.activities import Kind
from services.executor.core.reconciling.books import (
    Baseline,
    Event,
    Expected,
    LedgerView,
    Outcome,
    OwnOrder,
)
from services.executor.core.reconciling.found import ForeignOrder
from services.executor.core.reconciling.telling import told
from services.executor.ports import BookReading, PassRecord


class PostgresBooks:
    """Books over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lead(self, account_id: str) -> int:
        """Begin the time of a new listener; returns its epoch."""
        async with self._database.transaction() as connection:
            return int(await _scalar(connection, queries.LEAD, (account_id,)))

    async def beat(self, account_id: str, epoch: int, *, stream_ready: bool) -> None:
        """Say that the listener is alive, and whether the stream is."""
        async with self._database.transaction() as connection:
            await connection.execute(queries.BEAT, (stream_ready, account_id, epoch))

    async def read(self, account_id: str) -> BookReading:
        """Return the books as they stand."""
        async with self._database.transaction() as connection:
            row = await (await connection.execute(queries.READ, (account_id,))).fetchone()
            if row is None:
                read_at = await _scalar(connection, "SELECT clock_timestamp()", ())
                return BookReading(_empty(account_id, read_at), version=0, fills_since=None, pass_at=None)
            version, baseline_at, cash_usd, fills_since, pass_at, suspects, read_at = row
            ledger = LedgerView(
                account_id=account_id,
                read_at=read_at,
                baseline_at=baseline_at,
                positions=await _positions(connection, account_id),
                cash_usd=cash_usd,
                expected=await _expected(connection, account_id),
                suspects=[read_suspect(each) for each in suspects],
            )
        return BookReading(ledger, version=version, fills_since=fills_since, pass_at=pass_at)

    async def unknown(self, account_id: str, event_ids: Collection[str]) -> set[str]:
        """Return those of the ids that were never taken."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(queries.KNOWN, (account_id, list(event_ids)))
            return set(event_ids) - {row[0] for row in await cursor.fetchall()}

    async def owners(self, venue_order_ids: Collection[str]) -> Mapping[str, str]:
        """Return the client order ids of those that are known to be ours."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(queries.OWNERS, (list(venue_order_ids),))
            return dict(await cursor.fetchall())

    async def owner_of(self, client_order_id: str) -> str | None:
        """Return the order that was sent under an id of ours, or None: then it is not ours."""
        async with self._database.transaction() as connection:
            row = await (await connection.execute(queries.OWNER_OF, (client_order_id,))).fetchone()
            return None if row is None else str(row[0])

    async def foreign(self, account_id: str, venue_order_ids: Collection[str]) -> set[str]:
        """Return those of the orders that are known to be somebody else's."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(queries.FOREIGN, (account_id, list(venue_order_ids)))
            return {row[0] for row in await cursor.fetchall()}

    async def filled_since(self, account_id: str, since: datetime) -> Mapping[str, OwnOrder]:
        """Return our orders whose fills the ledger changed since `since` (machine time), begun after first sight."""
        async with self._database.transaction() as connection:
            return await _own(connection, queries.FILLED_SINCE, (since, account_id))

    async def own(self, account_id: str, client_order_ids: Collection[str]) -> Mapping[str, OwnOrder]:
        """Return those of our orders, if they were begun after first sight."""
        async with self._database.transaction() as connection:
            return await _own(connection, queries.OWN, (list(client_order_ids), account_id))

    async def quantities(self, account_id: str) -> Mapping[str, Decimal]:
        """Return what the ledger holds by symbol."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(queries.QUANTITIES, (account_id,))
            return dict(await cursor.fetchall())

    async def adopt(self, account_id: str, order: ForeignOrder, found: Event) -> None:
        """Write down an order that is not ours, and that it was found: no other pass has to ask again."""
        async with self._database.transaction() as connection:
            await connection.execute(queries.ADOPT, foreign_row(account_id, order))
            await take_events(connection, account_id, [found])

    async def begin(self, baseline: Baseline, held: Mapping[str, Decimal], record: PassRecord) -> bool:
        """Write the first figures of an account; returns whether they count."""
        first = {
            symbol: [
                baseline.positions.get(symbol, Decimal(0)),
                baseline.positions.get(symbol, Decimal(0)) - held.get(symbol, Decimal(0)),
            ]
            for symbol in {*baseline.positions, *held}
        }
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                queries.BEGIN, {**pass_columns(record), "cash_usd": baseline.cash_usd}
            )
            if cursor.rowcount != 1:
                return False
            await take_events(connection, record.account_id, baseline.events)
            await connection.execute(
                queries.FIRST_POSITIONS, {"account_id": record.account_id, "positions": as_json(first)}
            )
        return True

    async def keep(self, outcome: Outcome, foreign: Sequence[ForeignOrder], record: PassRecord) -> bool:
        """Write what a pass found; returns whether it counts."""
        async with self._database.transaction() as connection:
            if await _scalar(connection, queries.LOCK, (record.account_id, record.epoch)) != record.version:
                return False
            cash_usd = await take_events(connection, record.account_id, outcome.events)
            for order in foreign:
                await connection.execute(queries.ADOPT, foreign_row(record.account_id, order))
            await connection.execute(
                queries.KEEP,
                {
                    **pass_columns(record),
                    "cash_usd": cash_usd,
                    "is_clean": outcome.is_clean,
                    "suspects": as_json([suspect_row(suspect) for suspect in outcome.suspects]),
                    "drift": [told(suspect.difference) for suspect in outcome.drift],
                },
            )
        return True


def _empty(account_id: str, read_at: datetime) -> LedgerView:
    return LedgerView(
        account_id=account_id, read_at=read_at, baseline_at=None, positions={}, cash_usd=Decimal(0)
    )


async def _scalar(connection: Connection, query: str, values: Sequence[object] | Mapping[str, object]) -> Any:
    row = await (await connection.execute(query.encode(), values)).fetchone()
    return None if row is None else row[0]


async def _positions(connection: Connection, account_id: str) -> dict[str, Decimal]:
    cursor = await connection.execute(queries.POSITIONS, (account_id,))
    return dict(await cursor.fetchall())


async def _expected(connection: Connection, account_id: str) -> list[Expected]:
    cursor = await connection.execute(queries.EXPECTED, (account_id,))
    return [
        Expected(event_id=i, kind=Kind(k), symbol=s, quantity=q, cash_usd=c, since=at)
        for i, k, s, q, c, at in await cursor.fetchall()
    ]


async def _own(connection: Connection, query: str, values: Sequence[object]) -> dict[str, OwnOrder]:
    cursor = await connection.execute(query.encode(), values)
    return {
        client_order_id: OwnOrder(
            client_order_id=client_order_id, ledger_contracts=Decimal(filled), taken_contracts=taken
        )
        for client_order_id, filled, taken in await cursor.fetchall()
    }


async def take_events(connection: Connection, account_id: str, events: Sequence[Event]) -> Decimal:
    """Write the events that are new, move the positions by them, and return what they add to cash."""
    if not events:
        return Decimal(0)
    rows = as_json([event_row(event) for event in events])
    cash_usd: Decimal = await _scalar(connection, queries.TAKE, {"account_id": account_id, "events": rows})
    confirmations = [event for event in events if event.confirms]
    for event in confirmations:
        await connection.execute(
            queries.CONFIRM, (event.expects, event.expects_usd, account_id, event.confirms)
        )
    return cash_usd
