"""Reads topics without joining a group and without committing: for operators' commands, traces and replays.

Whatever Kafka fails with, here and later, is a TransientError that names the broker.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from kernel.domain.errors import TransientError
from kernel.stream.handling import RawRecord
from kernel.stream.producer import MAX_MESSAGE_BYTES, Header

T = TypeVar("T")
_POLL_MS = 200
#: By topic and partition, the offset after the last record.
Ends = Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord(RawRecord):
    """A record with what the log knows about it; `written_at` is the producer's wall clock, UTC."""

    written_at: datetime
    headers: tuple[Header, ...]


class LogReader:
    """Reads whole topics by their full names. Use as an async context manager."""

    def __init__(self, bootstrap_servers: str, topics: Sequence[str]) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topics = topics
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=2 * MAX_MESSAGE_BYTES,
        )
        try:
            await self._asked(self._consumer.start())
            self._consumer.assign([tp for topic in self._topics for tp in await self._partitions(topic)])
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.stop()

    async def since(self, moment: datetime) -> None:
        """Go to the first records written at or after `moment` (wall clock)."""
        assigned = self._open.assignment()
        millis = int(moment.timestamp() * 1000)
        found = await self._asked(self._open.offsets_for_times(dict.fromkeys(assigned, millis)))
        ends = await self._asked(self._open.end_offsets(assigned))
        for tp in assigned:
            at = found.get(tp)
            self._open.seek(tp, at.offset if at is not None else ends[tp])

    async def ends(self) -> Ends:
        """Return where the topics end now."""
        found: Ends = await self._asked(self._open.end_offsets(self._open.assignment()))
        return found

    async def to_the_end(self, ends: Ends | None = None) -> AsyncIterator[StoredRecord]:
        """Yield the records up to `ends` (None: those the topics have now), partition by partition in log order."""
        ends = await self.ends() if ends is None else ends
        waiting = {tp for tp in self._open.assignment() if await self._position(tp) < ends[tp]}
        while waiting:
            for tp, records in (await self._poll()).items():
                for record in records:
                    if record.offset < ends[tp]:
                        yield stored(record)
                if await self._position(tp) >= ends[tp]:
                    waiting.discard(tp)

    async def follow(self) -> AsyncIterator[StoredRecord]:
        """Yield records as they come, for ever."""
        while True:
            for records in (await self._poll()).values():
                for record in records:
                    yield stored(record)

    async def to_now(self) -> None:
        """Skip everything written so far."""
        await self._asked(self._open.seek_to_end())

    @property
    def _open(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "the reader was not opened"
        return self._consumer

    async def _asked(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except KafkaError as e:
            msg = f"Kafka at {self._bootstrap_servers} did not answer: {type(e).__name__}: {e}"
            raise TransientError(msg) from e

    async def _position(self, partition: TopicPartition) -> int:
        return await self._asked(self._open.position(partition))

    async def _poll(self) -> dict[TopicPartition, list[Any]]:
        return await self._asked(self._open.getmany(timeout_ms=_POLL_MS))

    async def _partitions(self, topic: str) -> list[TopicPartition]:
        for _ in range(25):  # metadata of a topic just made arrives a moment later
            numbers = self._open.partitions_for_topic(topic) or (await self._metadata(topic))
            if numbers:
                return [TopicPartition(topic, number) for number in sorted(numbers)]
            await asyncio.sleep(0.2)
        raise TransientError(f"there is no topic {topic}; make the topics with: dispatch topics create")

    async def _metadata(self, topic: str) -> set[int] | None:
        client = self._open._client  # noqa: SLF001 - the public way subscribes to a group
        client.add_topic(topic)  # by itself it asks the broker only the first time it is told of a topic
        await self._asked(client.force_metadata_update())
        numbers: set[int] | None = client.cluster.partitions_for_topic(topic)
        return numbers


def stored(record: object) -> StoredRecord:
    """Return a record of aiokafka as ours."""
    r: Any = record
    return StoredRecord(
        topic=r.topic,
        partition=r.partition,
        offset=r.offset,
        key=r.key,
        value=r.value,
        written_at=datetime.fromtimestamp(r.timestamp / 1000, UTC),
        headers=tuple(r.headers),
    )
