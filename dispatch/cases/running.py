"""Decides a case again.

Entry points: `run_case`, `CaseSource`. Nothing is read but the case: no log, no file of parameters, no clock.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dispatch.cases.case import TOPICS, Case, KeptRecord
from dispatch.replay.deciding import LocalDecider, replay_of
from dispatch.replay.overrides import with_overrides
from dispatch.replay.results import StageResult
from dispatch.replay.run import Played, replay
from dispatch.replay.span import Span
from kernel.contracts.codec import Codec
from kernel.contracts.schema_store import SchemaStore, load_store
from kernel.contracts.topics import Topic
from kernel.domain.errors import ConfigError, UndecodableMessage
from kernel.stream.reader import StoredRecord


class CaseSource:
    """A dispatch.replay.source.Source: the records of a case, as the log had them."""

    prefix = ""

    def __init__(self, case: Case, path: Path, store: SchemaStore | None = None) -> None:
        """Let `store` (None: the one of every codec of the process) learn the case's schemas.

        Raises ConfigError naming `path` where a record cannot be read by this code.
        """
        self.name = str(path)
        store = store or load_store()
        store.learn(case.schemas)
        codec = Codec(store)
        self._records = [_stored(record, path, codec, store) for record in case.records]

    async def read(
        self, topics: Sequence[Topic[Any]], since: datetime | None = None
    ) -> AsyncIterator[StoredRecord]:
        """See Source."""
        names = {topic.name for topic in topics}
        for record in self._records:
            if record.topic in names and (since is None or record.written_at >= since):
                yield record

    def fresh(self) -> "CaseSource":
        """See Source."""
        return self


async def run_case(
    case: Case, path: Path, *, settings: Sequence[str] = (), revision: str
) -> list[StageResult]:
    """Return one result per stage, decided with the case's parameters and `settings` (`path=value`) on top of them.

    `revision` is what the answers are signed with. Raises ConfigError naming `path` where the case cannot be run.
    """
    params = with_overrides(case.params(str(path)), settings)
    replays = {stage: replay_of(stage, params, revision) for stage in case.stages}
    stages = [Played(name, each, LocalDecider(each)) for name, each in replays.items()]
    return await replay(CaseSource(case, path), stages, Span(), lambda *_: None)


def _stored(record: KeptRecord, path: Path, codec: Codec, store: SchemaStore) -> StoredRecord:
    topic = TOPICS.get(record.topic)
    if topic is None:
        raise ConfigError(f"{path}: this release has no topic {record.topic!r}")
    try:
        wire = record.wire(store)
        key = topic.key(codec.decode(topic, wire))
    except (ConfigError, UndecodableMessage) as e:
        raise ConfigError(f"{path}: {record.topic} {record.partition}/{record.offset}: {e}") from None
    return StoredRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=key.encode(),
        value=wire,
        written_at=record.written_at,
        headers=(),
    )
