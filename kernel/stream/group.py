"""Reads topics as the only member of a consumer group, with offsets committed by hand: for what follows beside the stages.

1. Its group is its own: committing moves nobody else.
2. It holds all partitions, for it joins what lies in several. A second member is refused, and whatever takes partitions
   away is a TransientError: open it again, and it goes on from what was committed.
"""

from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Self, TypeAlias, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, UnknownTopicOrPartitionError

from kernel.domain.errors import ConfigError, TransientError
from kernel.stream.producer import MAX_MESSAGE_BYTES
from kernel.stream.reader import StoredRecord, stored

T = TypeVar("T")
#: A topic's full name and a number.
Partition: TypeAlias = tuple[str, int]
_POLL_MS = 300
_MOST_RECORDS = 500
_SESSION_TIMEOUT_MS = 10_000


class GroupReader:
    """Follows topics by their full names. Use as an async context manager.

    Whatever Kafka fails with is a TransientError that names the broker; opening raises ConfigError where the group has
    another member.
    """

    def __init__(self, bootstrap_servers: str, group: str, topics: Sequence[str]) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._group = group
        self._topics = topics
        self._seat = _Seat()
        self._held: frozenset[TopicPartition] = frozenset()
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=_SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=_SESSION_TIMEOUT_MS // 3,
            max_partition_fetch_bytes=2 * MAX_MESSAGE_BYTES,
        )
        consumer.subscribe(list(self._topics), listener=self._seat)
        self._consumer = consumer
        try:
            await self._asked(consumer.start())
            self._check_alone()
            self._held = frozenset(consumer.assignment())
        except BaseException:
            await consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.stop()

    @property
    def partitions(self) -> set[Partition]:
        """All that it follows, from its opening to its end."""
        return {(tp.topic, tp.partition) for tp in self._held}

    async def poll(self) -> list[StoredRecord]:
        """Return the next records, in log order within a partition; none if none come for a moment."""
        found = await self._asked(self._open.getmany(timeout_ms=_POLL_MS, max_records=_MOST_RECORDS))
        if self._seat.moves > 1:  # in between, too: what was found then was read before
            raise self._moved()
        return [stored(record) for records in found.values() for record in records]

    async def ends(self) -> dict[Partition, int]:
        """Return where each partition ends now."""
        return _plain(await self._asked(self._open.end_offsets(self._held)))

    async def positions(self) -> dict[Partition, int]:
        """Return the offset of the next record of each partition."""
        return _plain({tp: await self._asked(self._open.position(tp)) for tp in self._held})

    async def committed(self) -> dict[Partition, int]:
        """Return what was committed; a partition of which nothing was is left out."""
        found = {tp: await self._asked(self._open.committed(tp)) for tp in self._held}
        return _plain({tp: offset for tp, offset in found.items() if offset is not None})

    async def since(self, moment: datetime) -> dict[Partition, int]:
        """Return the first offset written at or after `moment` (wall clock) in each partition, its end if there is none."""
        millis = int(moment.timestamp() * 1000)
        found = await self._asked(self._open.offsets_for_times(dict.fromkeys(self._held, millis)))
        ends = await self.ends()
        return {part: ends[part] if (at := found.get(_tp(part))) is None else at.offset for part in ends}

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        """Go on from `offsets`."""
        with self._seated():
            for part, offset in offsets.items():
                self._open.seek(_tp(part), offset)

    def hold(self, held: Collection[Partition]) -> None:
        """Read no more of `held` for now, and of all others."""
        wanted, paused = {_tp(part) for part in held}, self._open.paused()
        with self._seated():
            self._open.pause(*(wanted - paused))
            self._open.resume(*(paused - wanted))

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit that everything before `offsets` is done."""
        await self._asked(
            self._open.commit({_tp(part): OffsetAndMetadata(offset, "") for part, offset in offsets.items()})
        )

    def _check_alone(self) -> None:
        everything = {
            TopicPartition(topic, number)
            for topic in self._topics
            for number in self._open.partitions_for_topic(topic) or ()
        }
        if self._open.assignment() != everything:
            raise ConfigError(
                f"the group {self._group} has another member: this is running already, here or elsewhere"
            )

    @property
    def _open(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "the reader was not opened"
        return self._consumer

    async def _asked(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except UnknownTopicOrPartitionError as e:
            names = ", ".join(self._topics)
            msg = f"one of these topics does not exist: {names}; make the topics with: dispatch topics create"
            raise TransientError(msg) from e
        except IllegalStateError as e:
            raise self._moved() from e
        except KafkaError as e:
            msg = f"Kafka at {self._bootstrap_servers} did not answer: {type(e).__name__}: {e}"
            raise TransientError(msg) from e

    @contextmanager
    def _seated(self) -> Iterator[None]:
        try:
            yield
        except IllegalStateError as e:
            raise self._moved() from e

    def _moved(self) -> TransientError:
        return TransientError(f"the group {self._group} was formed anew")


class _Seat(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Counts how often the group gave us partitions."""

    def __init__(self) -> None:
        self.moves = 0

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Nothing: what was not committed is read again."""

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Count."""
        del assigned
        self.moves += 1


def _tp(partition: Partition) -> TopicPartition:
    return TopicPartition(*partition)


def _plain(offsets: Mapping[Any, int]) -> dict[Partition, int]:
    return {(tp.topic, tp.partition): offset for tp, offset in offsets.items()}
