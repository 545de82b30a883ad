"""A log in memory: what a replay reads, without a broker."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.topics import SIGNALS, Topic
from kernel.stream.reader import StoredRecord
from kernel.stream.stage import Emission
from kernel.testing.builders import NOW


class MemoryLog:
    """A dispatch.replay.source.Source. Each record is written a second after the one before, from NOW on."""

    prefix = "test."
    name = "a log in memory"

    def __init__(self, *, partitions: int = 2) -> None:
        self.records: list[StoredRecord] = []
        self.reads: list[list[str]] = []
        self._partitions = partitions
        self._codec = Codec()

    def write(self, topic: Topic[Any], message: Message) -> None:
        """Append a message."""
        self.write_bytes(topic, topic.key(message).encode(), self._codec.encode(topic, message))

    def write_all(self, emissions: Iterable[Emission[Any]]) -> None:
        """Append what a stage emitted."""
        for emission in emissions:
            self.write(emission.topic, emission.message)

    def write_bytes(self, topic: Topic[Any], key: bytes, value: bytes) -> None:
        """Append a record of any bytes."""
        partition = sum(key) % self._partitions
        name = topic.full_name(self.prefix)
        here = sum(r.topic == name and r.partition == partition for r in self.records)
        self.records.append(
            StoredRecord(
                topic=name,
                partition=partition,
                offset=here,
                key=key,
                value=value,
                written_at=self.time_of(len(self.records)),
                headers=(),
            )
        )

    async def read(
        self, topics: Sequence[Topic[Any]], since: datetime | None = None
    ) -> AsyncIterator[StoredRecord]:
        """See Source: partition by partition, as a reader of Kafka gives them."""
        self.reads.append([t.name for t in topics])
        names = {topic.full_name(self.prefix) for topic in topics}
        for record in sorted(self.records, key=lambda r: (r.partition, r.topic, r.offset)):
            if record.topic in names and (since is None or record.written_at >= since):
                yield record

    def fresh(self) -> "MemoryLog":
        """See Source."""
        return self

    @staticmethod
    def time_of(number: int) -> datetime:
        """Return when the record of that number was written."""
        return NOW + timedelta(seconds=number)

    def signals(self) -> list[StoredRecord]:
        """Return the records of the signals' topic, oldest first."""
        return [r for r in self.records if r.topic == SIGNALS.full_name(self.prefix)]
