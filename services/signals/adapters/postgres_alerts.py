"""Alerts in Postgres: the sender's id is the primary key, so one id can become one signal only."""

from collections.abc import Sequence
from typing import Any

from kernel.adapters.postgres import Database
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Signal
from kernel.contracts.topics import SIGNALS
from services.signals.ports import KeptAlert

_SELECT = "SELECT content_hash, payload, body, published_at IS NOT NULL FROM dispatch_alerts"


class PostgresAlerts:
    """Alerts in the table dispatch_alerts; each call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._codec = Codec()

    async def keep(self, external_id: str, content_hash: str, signal: Signal, body: bytes) -> KeptAlert:
        """Insert, or find what was inserted first."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO dispatch_alerts (external_id, content_hash, signal_id, payload, body)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (external_id, content_hash, signal.meta.id, self._codec.encode(SIGNALS, signal), body),
            )
            cursor = await connection.execute(f"{_SELECT} WHERE external_id = %s", (external_id,))
            row = await cursor.fetchone()
        assert row is not None, "an alert that was just inserted or found is there"
        return self._kept(row)

    async def mark_published(self, external_id: str) -> None:
        """Set `published_at`, the first time stands, and drop the body, which the log has now."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "UPDATE dispatch_alerts SET published_at = now(), body = NULL"
                " WHERE external_id = %s AND published_at IS NULL",
                (external_id,),
            )

    async def unpublished(self) -> Sequence[KeptAlert]:
        """Return the alerts without `published_at`, oldest first."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                f"{_SELECT} WHERE published_at IS NULL ORDER BY created_at, external_id"
            )
            rows = await cursor.fetchall()
        return [self._kept(row) for row in rows]

    def _kept(self, row: tuple[Any, ...]) -> KeptAlert:
        content_hash, payload, body, published = row
        return KeptAlert(
            content_hash=content_hash,
            signal=self._codec.decode(SIGNALS, bytes(payload)),
            body=None if body is None else bytes(body),
            published=published,
        )
