"""The decisions table: one answer per stage and input, whatever is redelivered.

1. The first recorded answer wins; every later `recall` returns exactly its messages, in the bytes they were kept in.
2. A stage records before it emits, so an answer that anyone could have seen is the recorded one.
"""

from typing import Any

from kernel.adapters.postgres import Connection
from kernel.contracts.codec import Codec
from kernel.contracts.topics import ALL_TOPICS
from kernel.stream.stage import Emission, Emissions

_TOPICS: dict[str, Any] = {topic.name: topic for topic in ALL_TOPICS}


class DecisionLog:
    """Recalls and records inside the caller's transaction."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._codec = Codec()

    async def recall(self, connection: Connection, input_id: str) -> Emissions | None:
        """Return what was answered to `input_id`, or None when it is new."""
        cursor = await connection.execute(
            "SELECT topics, payloads FROM dispatch_decisions WHERE stage = %s AND input_id = %s",
            (self._stage, input_id),
        )
        row = await cursor.fetchone()
        if row is None:
            return None
        return [
            Emission(_TOPICS[name], self._codec.decode(_TOPICS[name], bytes(payload)), wire=bytes(payload))
            for name, payload in zip(row[0], row[1], strict=True)
        ]

    async def record(self, connection: Connection, input_id: str, emissions: Emissions) -> bool:
        """Keep `emissions` as the answer; returns False when another answer was there first."""
        cursor = await connection.execute(
            "INSERT INTO dispatch_decisions (stage, input_id, topics, payloads) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (
                self._stage,
                input_id,
                [e.topic.name for e in emissions],
                [self._codec.encode(e.topic, e.message) for e in emissions],
            ),
        )
        return cursor.rowcount == 1
