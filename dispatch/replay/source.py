"""Where a replay reads from: the topics of a Kafka, or a file that holds the same records."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from dispatch.stories import archive
from kernel.contracts.topics import DEFAULT_PREFIX, Topic
from kernel.stream.reader import LogReader, StoredRecord
from kernel.stream.schemas import learn_writers


class Source(Protocol):
    """Records of topics up to the ends they have now. Reading leaves no trace: no group, no commit."""

    @property
    def prefix(self) -> str:
        """What stands before the topics' names in the records."""
        ...

    @property
    def name(self) -> str:
        """What a report calls it."""
        ...

    def read(
        self, topics: Sequence[Topic[Any]], since: datetime | None = None
    ) -> AsyncIterator[StoredRecord]:
        """Yield the records of `topics`, those written at or after `since`, in log order within a partition."""
        ...


@dataclass(slots=True)
class KafkaSource:
    """The real topics. Whatever revisions wrote them is read by the schemas that the log carries."""

    bootstrap_servers: str
    prefix: str
    _learnt: bool = False

    @property
    def name(self) -> str:
        """See Source."""
        return f"topics {self.prefix}… of Kafka at {self.bootstrap_servers}"

    async def read(
        self, topics: Sequence[Topic[Any]], since: datetime | None = None
    ) -> AsyncIterator[StoredRecord]:
        """See Source; raises TransientError when Kafka does not answer."""
        names = [topic.full_name(self.prefix) for topic in topics]
        if not self._learnt:
            await learn_writers(self.bootstrap_servers, self.prefix)
            self._learnt = True
        async with LogReader(self.bootstrap_servers, names) as reader:
            if since is not None:
                await reader.since(since)
            async for record in reader.to_the_end():
                yield record


@dataclass(frozen=True, slots=True)
class ArchiveSource:
    """The messages the last demo left in a file."""

    path: Path
    prefix: str = DEFAULT_PREFIX

    @property
    def name(self) -> str:
        """See Source."""
        return "the messages of the last demo"

    async def read(
        self, topics: Sequence[Topic[Any]], since: datetime | None = None
    ) -> AsyncIterator[StoredRecord]:
        """See Source; raises ConfigError when the file is damaged."""
        names = {topic.full_name(self.prefix) for topic in topics}
        for record in archive.load(self.path):
            if record.topic in names and (since is None or record.written_at >= since):
                yield record
