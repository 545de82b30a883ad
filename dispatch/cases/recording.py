"""Takes a range of the log into a case.

Entry points: `read_range`, `make_case`.
1. An input comes with what was seen when it was decided; one without evidence cannot be decided again and is left out.
2. In a chain the next stage's inputs are what the stage before answered then.
3. The records are those of the log, byte for byte; of one that was written twice, the first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dispatch.cases.case import FORMAT, TOPICS, Case, KeptRange, KeptRecord, schemas_of
from dispatch.replay.history import (
    History,
    given_by,
    in_span,
    read_answers,
    read_evidence,
    read_inputs,
)
from dispatch.replay.source import Source
from dispatch.replay.span import Span
from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Evidence
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import EVIDENCE, Topic
from kernel.domain.errors import ConfigError, UndecodableMessage
from kernel.domain.params import TradingParams
from kernel.stream.reader import StoredRecord
from kernel.stream.replaying import Replay
from kernel.stream.stage import Emission

#: A topic and what is there once: a message's id, and of evidence the instant too, for a crash can leave two of one id.
_Key = tuple[str, str, datetime | None]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a stage was given, saw and answered. `evidence` is None where a stage passes on what it did not decide."""

    given: Emission[Any]
    evidence: Evidence | None
    answers: Sequence[Emission[Any]]

    @property
    def input_id(self) -> str:
        """The id of what the stage was given."""
        message: Message = self.given.message
        return message.meta.id

    @property
    def keys(self) -> list[_Key]:
        """The records it is made of, in the order in which they came about."""
        seen = [] if self.evidence is None else [_key(EVIDENCE, self.evidence)]
        return [
            _key(self.given.topic, self.given.message),
            *seen,
            *(_key(e.topic, e.message) for e in self.answers),
        ]


@dataclass(slots=True)
class Recorded:
    """The decisions of each stage, by its name, since when the log tells of them, and how many inputs are left out."""

    decisions: dict[str, list[Decision]] = field(default_factory=dict)
    since: datetime | None = None
    left_out: int = 0

    @property
    def answers(self) -> Iterator[Message]:
        """Every answer of every stage."""
        return (e.message for stage in self.decisions.values() for each in stage for e in each.answers)

    @property
    def counts(self) -> dict[str, int]:
        """How many decisions each stage took."""
        return {
            name: sum(each.evidence is not None for each in found) for name, found in self.decisions.items()
        }

    @property
    def config_hashes(self) -> list[str]:
        """The parameters they were decided with, by hash."""
        return sorted({answer.meta.config_hash for answer in self.answers})


async def read_range(source: Source, replays: Mapping[str, Replay[Any]], span: Span) -> Recorded:
    """Return what the stages of a chain, in its order, decided in `span`; raises ConfigError where that is nothing."""
    codec, recorded = Codec(), Recorded()
    wanted, since = in_span(span), span.since
    for stage, replay in replays.items():
        history = await read_inputs(source, replay.consumes, wanted, since, codec)
        if not recorded.decisions:
            span.check([given.message for given in history.inputs])
        await read_answers(source, stage, replay, history, codec)
        found = await _decisions(source, stage, replay, history, codec)
        recorded.decisions[stage] = found
        recorded.left_out += len(history.inputs) - len(found)
        if stage == next(iter(replays)):
            recorded.since = since = history.begins_at
        wanted = given_by(history.inputs)
    if not recorded.decisions or not any(recorded.answers):
        raise ConfigError("nothing was decided in that range: `dispatch report` shows what was, and when")
    return recorded


async def make_case(
    source: Source, recorded: Recorded, *, params: TradingParams, note: str, trace: str | None
) -> Case:
    """Return the case of what `read_range` found, decided with `params`; raises ConfigError."""
    keys = list(dict.fromkeys(_in_story_order(recorded)))
    found = await _find(source, keys, recorded.since)
    store = load_store()
    records = tuple(KeptRecord.of(TOPICS[key[0]], found[key], store) for key in keys)
    first = [decision.keys[0] for decision in next(iter(recorded.decisions.values()))]
    return Case(
        format=FORMAT,
        note=note,
        stages=tuple(recorded.decisions),
        revision=", ".join(sorted({answer.meta.revision for answer in recorded.answers})),
        range=_range([found[key] for key in first], keys[0][0], trace),
        parameters=params.model_dump(mode="json"),
        schemas=schemas_of(records, store),
        records=records,
    )


async def _decisions(
    source: Source, stage: str, replay: Replay[Any], history: History, codec: Codec
) -> list[Decision]:
    ids = [given.id for given in history.inputs]
    seen = {key: each async for key, each in read_evidence(source, stage, ids, history, codec)}
    return [
        Decision(Emission(replay.consumes, given.message), seen[given.id], history.answers.get(given.id, ()))
        for given in history.inputs
        if seen[given.id] is not None or _passed_on(replay, given.message)
    ]


def _passed_on(replay: Replay[Any], message: Message) -> bool:
    """Tell a signal that a person gave: the signals stage has its own messages for inputs, and decided others."""
    return replay.consumes in replay.answers and not replay.decided(message)


def _in_story_order(recorded: Recorded) -> Iterator[_Key]:
    """Yield the records of each input of the first stage, then those of what the next made of it, and so on."""
    first, *others = recorded.decisions.values()
    later = [{decision.input_id: decision for decision in stage} for stage in others]
    for decision in first:
        story = [decision]
        for stage in later:
            given_on = dict.fromkeys((story[-1].input_id, *(e.message.meta.id for e in story[-1].answers)))
            story += [stage[key] for key in given_on if key in stage]
        for each in story:
            yield from each.keys


async def _find(source: Source, keys: Sequence[_Key], since: datetime | None) -> dict[_Key, StoredRecord]:
    """Return the first record of each; what was decided before `since`, and only answered again, is further back."""
    topics = [TOPICS[name] for name in dict.fromkeys(key[0] for key in keys)]
    known = {topic.full_name(source.prefix): topic for topic in topics}
    wanted, codec = set(keys), Codec()
    found: dict[_Key, StoredRecord] = {}
    async for record in source.read(topics, since):
        topic = known[record.topic]
        try:
            key = _key(topic, codec.decode(topic, record.value or b""))
        except UndecodableMessage:
            continue
        if key in wanted:
            found.setdefault(key, record)
    return found if since is None or len(found) == len(wanted) else await _find(source, keys, None)


def _key(topic: Topic[Any], message: Message) -> _Key:
    return topic.name, message.meta.id, message.decided_at if isinstance(message, Evidence) else None


def _range(inputs: Sequence[StoredRecord], topic: str, trace: str | None) -> KeptRange:
    offsets: dict[int, list[int]] = {}
    for record in inputs:
        offsets.setdefault(record.partition, []).append(record.offset)
    written = [record.written_at for record in inputs]
    return KeptRange(
        topic=topic,
        offsets=tuple(f"{p}:{min(found)}-{max(found)}" for p, found in sorted(offsets.items())),
        first_written_at=min(written),
        last_written_at=max(written),
        trace=trace,
    )
