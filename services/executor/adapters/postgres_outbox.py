"""The relay of the outbox: what was committed with a step is published after it, in order.

1. One relay publishes at a time, across all workers, in the order of the rows; so messages of a key keep theirs.
2. A row is marked only after the log acknowledged it. A relay that dies in between makes the next one publish the
   row again: the same message with the same id, which readers drop.
3. Published rows are kept for a day, then deleted; a row that waits is never deleted.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from kernel.adapters.postgres import Connection, Database
from kernel.contracts.codec import Codec
from kernel.contracts.topics import ALL_TOPICS
from kernel.runtime.health import Health
from kernel.stream.retry import retry_in_place
from kernel.stream.stage import Emission, Publisher

_TOPICS: dict[str, Any] = {topic.name: topic for topic in ALL_TOPICS}
#: Any fixed number: the advisory lock of whoever publishes.
_LOCK = 5_319_088
_BATCH = 500
#: Rows of a worker that died are found by the others within this time; one's own are published at once.
_POLL_S = 1.0
#: A relay that stands still in the middle must not hold up the others: the server ends its transaction. Longer than
#: the producer's own time-out, so that a slow log is not taken for a stopped relay.
_STALL = "15s"
_KEPT = "1 day"
_PRUNE_EVERY_S = 60.0


class OutboxRelay:
    """Publishes waiting rows; `kick` says that there are some."""

    def __init__(self, database: Database, publisher: Publisher, *, stage: str, health: Health) -> None:
        self._database = database
        self._publisher = publisher
        self._stage = stage
        self._health = health
        self._codec = Codec()
        self._kicked = asyncio.Event()

    def kick(self) -> None:
        """Publish now rather than at the next poll."""
        self._kicked.set()

    async def run(self) -> None:
        """Publish for ever; outside failures are retried in place."""
        while True:
            await self._wait()
            while (
                await retry_in_place(self.publish_waiting, stage=self._stage, health=self._health) == _BATCH
            ):
                pass

    async def keep_short(self) -> None:
        """Delete what was published long ago, for ever, now and then."""
        while True:
            await asyncio.sleep(_PRUNE_EVERY_S)
            while await retry_in_place(self.prune, stage=self._stage, health=self._health) == _BATCH:
                pass

    async def prune(self) -> int:
        """Delete those of the oldest batch of rows that were published long ago; returns how many."""
        async with self._database.transaction() as connection:
            cursor = await connection.execute(_PRUNE, (_BATCH, _KEPT))
            return cursor.rowcount

    async def publish_waiting(self) -> int:
        """Publish up to a batch of waiting rows; returns how many. Raises TransientError: nothing is marked then."""
        async with self.taken() as rows:
            if rows:
                await self._publisher.publish([self._emission(topic, payload) for topic, payload in rows])
        return len(rows)

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Sequence[tuple[str, bytes]]]:
        """Yield topic and wire bytes of the oldest waiting rows while no other relay can see them; they are marked as
        published at the end, unless it is an exception.
        """
        async with self._database.transaction() as connection:
            await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{_STALL}'")
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            rows = await _waiting(connection)
            yield [(topic, bytes(payload)) for _, topic, payload in rows]
            if rows:
                await connection.execute(
                    "UPDATE dispatch_outbox SET published_at = now() WHERE id = ANY(%s)",
                    ([r[0] for r in rows],),
                )

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_POLL_S):
                await self._kicked.wait()
        except TimeoutError:
            pass
        self._kicked.clear()

    def _emission(self, topic: str, payload: bytes) -> Emission[Any]:
        return Emission(_TOPICS[topic], self._codec.decode(_TOPICS[topic], payload), wire=payload)


async def _waiting(connection: Connection) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(
        "SELECT id, topic, payload FROM dispatch_outbox WHERE published_at IS NULL ORDER BY id LIMIT %s",
        (_BATCH,),
    )
    return await cursor.fetchall()


# Looks at the oldest rows by the primary key alone, so it costs the same however long the table is.
_PRUNE = """
    DELETE FROM dispatch_outbox
    WHERE id = ANY(ARRAY(
        SELECT id FROM (SELECT id, published_at FROM dispatch_outbox ORDER BY id LIMIT %s) AS oldest
        WHERE published_at < now() - %s::interval
    ))
"""
