"""Where a replay reads from: the topics of a Kafka, or a file that holds the same records.

A source is one cut through the log: its ends are those of the first read, for all topics, whatever is read when. So what
a live pipeline writes meanwhile is in none of them. Causes are written before effects and evidence before its answer;
the end of the evidence is taken last, so that an answer in the cut has its evidence there. Evidence in the cut may lack
its answer, which was on its way: `fresh` tells.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from dispatch.stories import archive
from kernel.contracts.topics import ALL_TOPICS, DEFAULT_PREFIX, EVIDENCE, Topic
from kernel.stream.reader import Ends, LogReader, StoredRecord
from kernel.stream.schemas import learn_writers


class Source(Protocol):
    """Records of topics up to the ends they had at the first read. Reading leaves no trace: no group, no commit."""

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

    def fresh(self) -> "Source":
        """Return the same log, with what was written since."""
        ...


@dataclass(slots=True)
class KafkaSource:
    """The real topics. Whatever revisions wrote them is read by the schemas that the log carries."""

    bootstrap_servers: str
    prefix: str
    _ends: Ends | None = None

    @property
    def name(self) -> str:
        """See Source."""
        return f"topics {self.prefix}… of Kafka at {self.bootstrap_servers}"

    async def read(
        self, topics: Sequence[Topic[Any]], since: datetime | None = None
    ) -> AsyncIterator[StoredRecord]:
        """See Source; raises TransientError when Kafka does not answer."""
        names = [topic.full_name(self.prefix) for topic in topics]
        if self._ends is None:
            self._ends = await self._cut()
            await learn_writers(self.bootstrap_servers, self.prefix)
        async with LogReader(self.bootstrap_servers, names) as reader:
            if since is not None:
                await reader.since(since)
            async for record in reader.to_the_end(self._ends):
                yield record

    def fresh(self) -> "KafkaSource":
        """See Source."""
        return KafkaSource(self.bootstrap_servers, self.prefix)

    async def _cut(self) -> Ends:
        evidence = EVIDENCE.full_name(self.prefix)
        async with LogReader(
            self.bootstrap_servers, [topic.full_name(self.prefix) for topic in ALL_TOPICS]
        ) as reader:
            first, last = await reader.ends(), await reader.ends()
        return {place: last[place] if place[0] == evidence else end for place, end in first.items()}


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

    def fresh(self) -> "ArchiveSource":
        """See Source."""
        return self
