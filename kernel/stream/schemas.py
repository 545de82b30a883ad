"""The log carries the schemas its messages are written with, so that old and new revisions read each other.

Entry points: `log_schemas` (a stage), `learn_writers` (anyone else who reads).
The topic `schemas` is compacted; key: the fingerprint in hex, value: JSON {"name": …, "schema": …}.

1. A writer's schemas are acknowledged before its first message is (KafkaPublisher announces them as it opens). So a
   reader that reads the topic after the message finds the schema there, or nobody ever will.
2. What the topic says is checked before it is believed: kernel.contracts.schema_store.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from kernel.contracts.schema_store import SchemaStore, load_store
from kernel.contracts.topics import SCHEMAS
from kernel.domain.errors import UnknownSchema
from kernel.runtime.health import Health
from kernel.runtime.logging import get_logger
from kernel.stream.reader import LogReader
from kernel.stream.retry import retry_in_place

T = TypeVar("T")
_log = get_logger()
#: Whatever writes nonsense writes ever new fingerprints; one that was forgotten is asked for again.
_UNKNOWN_KEPT = 1_000


async def learn_writers(bootstrap_servers: str, prefix: str, store: SchemaStore | None = None) -> None:
    """Let `store` (None: the one every codec of the process uses) learn every schema announced under `prefix`.

    Raises TransientError when Kafka or the topic is away.
    """
    store = store or load_store()
    async for key, entry in read_announced(bootstrap_servers, prefix):
        for fingerprint, reason in store.learn({key: entry}).items():
            _log.warning("an announced schema is of no use here", fingerprint=fingerprint, reason=reason)


async def read_announced(bootstrap_servers: str, prefix: str) -> AsyncIterator[tuple[str, Any]]:
    """Yield what was announced under `prefix`: fingerprint in hex, entry as SchemaStore.learn takes it (None: no JSON)."""
    async with LogReader(bootstrap_servers, [prefix + SCHEMAS]) as reader:
        async for record in reader.to_the_end():
            if record.key is not None and record.value is not None:
                yield record.key.decode("ascii", "replace"), _json(record.value)


class LogSchemas:
    """Lets a stage read what other revisions wrote: asks the log for a schema where work fails for want of it."""

    def __init__(
        self,
        learn: Callable[[], Awaitable[None]],
        *,
        stage: str,
        health: Health,
        store: SchemaStore | None = None,
    ) -> None:
        """`learn` lets `store` (None: the one every codec of the process uses) learn all that is announced."""
        self._learn = learn
        self._stage = stage
        self._health = health
        self._store = store or load_store()
        self._lock = asyncio.Lock()
        self._never_announced: dict[bytes, None] = {}

    async def knowing(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work`, which must bear repeating; where it meets an unknown schema, ask the log and run it again.

        Raises UnknownSchema when the log does not know it either.
        """
        met: set[bytes] = set()
        while True:
            try:
                return await work()
            except (UnknownSchema, ExceptionGroup) as e:
                unknown = _unknown_in(e)
                if unknown is None or unknown.fingerprint in met or not await self.find(unknown.fingerprint):
                    raise
                met.add(unknown.fingerprint)

    async def find(self, fingerprint: bytes) -> bool:
        """Ask the log for a schema that is unknown here; returns whether it is known now."""
        async with self._lock:
            if self._store.writer(fingerprint) is None and fingerprint not in self._never_announced:
                await retry_in_place(self._learn, stage=self._stage, health=self._health)
                self._note(fingerprint)
        return self._store.writer(fingerprint) is not None

    def _note(self, fingerprint: bytes) -> None:
        writer = self._store.writer(fingerprint)
        if writer is None:
            self._never_announced[fingerprint] = None
            if len(self._never_announced) > _UNKNOWN_KEPT:
                del self._never_announced[next(iter(self._never_announced))]
        else:
            _log.info(
                "learnt how another revision writes", message=writer.name, fingerprint=fingerprint.hex()
            )


def log_schemas(bootstrap_servers: str, prefix: str, *, stage: str, health: Health) -> LogSchemas:
    """Return the LogSchemas of a process that reads the topics of `prefix`."""

    async def learn() -> None:
        await learn_writers(bootstrap_servers, prefix)

    return LogSchemas(learn, stage=stage, health=health)


def _unknown_in(error: Exception) -> UnknownSchema | None:
    """Return the unknown schema that made `error`, alone or among others that a task group raised."""
    if isinstance(error, ExceptionGroup):
        return next((found for each in error.exceptions if (found := _unknown_in(each))), None)
    return error if isinstance(error, UnknownSchema) else None


def _json(value: bytes) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return None
