"""Alerts in Postgres: the sender's id is the primary key, so one id can become one signal only."""

from collections.abc import Sequence

from kernel.adapters.postgres import Database
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Signal
from kernel.contracts.topics import SIGNALS
from services.signals.ports import KeptAlert


class PostgresAlerts:
    """Alerts in the table dispatch_alerts; each call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._codec = Codec()

    async def keep(self, external_id: str, content_hash: str, signal: Signal) -> KeptAlert:
        """Insert, or find what was inserted first."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO dispatch_alerts (external_id, content_hash, signal_id, payload)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (external_id, content_hash, signal.meta.id, self._codec.encode(SIGNALS, signal)),
            )
            cursor = await connection.execute(
                "SELECT content_hash, payload, published_at IS NOT NULL FROM dispatch_alerts"
                " WHERE external_id = %s",
                (external_id,),
            )
            row = await cursor.fetchone()
        assert row is not None, "an alert that was just inserted or found is there"
        return KeptAlert(content_hash=row[0], signal=self._decode(row[1]), published=row[2])

    async def mark_published(self, external_id: str) -> None:
        """Set `published_at`; the first time stands."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "UPDATE dispatch_alerts SET published_at = now()"
                " WHERE external_id = %s AND published_at IS NULL",
                (external_id,),
            )

    async def unpublished(self) -> Sequence[Signal]:
        """Return the signals without `published_at`, oldest first."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(
                "SELECT payload FROM dispatch_alerts WHERE published_at IS NULL ORDER BY created_at, external_id"
            )
            rows = await cursor.fetchall()
        return [self._decode(row[0]) for row in rows]

    def _decode(self, payload: bytes) -> Signal:
        return self._codec.decode(SIGNALS, bytes(payload))
