"""What a stage was given and what it answered, read from the log.

1. Inputs come in one order whatever the partitions' readers do: by writing time, partition, offset. A repeat of an
   input (same message id) counts once.
2. Of several answers with one id (a redelivery writes it again) the first counts; they are equal. A stage may decide on
   one input more than once (the executor, when it may send again): compared is its first decision.
3. The evidence of an answer is the one whose `decided_at` is the answer's `occurred_at`: after a crash between the two
   there may be evidence of a decision nobody took. An input that was written again is answered again by what was
   decided at first, without new evidence: what is not found since the inputs began is looked for in all of the log.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dispatch.replay.source import Source
from dispatch.replay.span import Span
from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Evidence
from kernel.contracts.topics import EVIDENCE, Topic
from kernel.domain.errors import UndecodableMessage
from kernel.stream.reader import StoredRecord
from kernel.stream.replaying import Replay
from kernel.stream.stage import Emission

#: Records carry their writers' clocks: an answer may seem older than its input.
_CLOCKS_APART = timedelta(minutes=1)
#: Whether a record of an input topic, decoded, is one of a replay's inputs.
Wanted = Callable[[StoredRecord, Message], bool]


@dataclass(frozen=True, slots=True)
class Input:
    """A message a stage was given, and where it lies: None for one that only a replay made."""

    message: Message
    record: StoredRecord | None

    @property
    def id(self) -> str:
        """The message's id."""
        return self.message.meta.id


@dataclass(slots=True)
class History:
    """Inputs in order and, by input id, the answers they had."""

    inputs: list[Input] = field(default_factory=list)
    answers: dict[str, list[Emission[Any]]] = field(default_factory=lambda: defaultdict(list))
    undecodable: int = 0

    @property
    def begins_at(self) -> datetime | None:
        """From when on the log tells of these inputs; None for from its beginning."""
        first = self.inputs[0].record if self.inputs else None
        return None if first is None else first.written_at - _CLOCKS_APART

    @property
    def decided_at(self) -> dict[str, datetime]:
        """The instant of each input's decision, by input id."""
        return {key: answers[0].message.meta.occurred_at for key, answers in self.answers.items()}


def in_span(span: Span) -> Wanted:
    """Return the inputs of a span."""
    return lambda record, message: span.holds(record) and span.traces(message)


def given_by(inputs: Collection[Input]) -> Wanted:
    """Return what the stage before made of `inputs`, or passed on."""
    causes = {given.id for given in inputs}
    return lambda _, message: message.meta.causation_id in causes or message.meta.id in causes


async def read_inputs(
    source: Source, topic: Topic[Any], wanted: Wanted, since: datetime | None, codec: Codec
) -> History:
    """Return the wanted messages of `topic` written at or after `since`, without answers."""
    history, seen = History(), set()
    found: list[tuple[Message, StoredRecord]] = []
    async for record in source.read([topic], since):
        try:
            message = codec.decode(topic, record.value or b"")
        except UndecodableMessage:
            history.undecodable += 1
            continue
        if message.meta.id not in seen and wanted(record, message):
            seen.add(message.meta.id)
            found.append((message, record))
    found.sort(key=lambda pair: (pair[1].written_at, pair[1].partition, pair[1].offset))
    history.inputs = [Input(message, record) for message, record in found]
    return history


async def read_answers(
    source: Source, stage: str, replay: Replay[Any], history: History, codec: Codec
) -> None:
    """Add to `history` what `stage` answered to its inputs."""
    known = {topic.full_name(source.prefix): topic for topic in replay.answers}
    wanted, seen = {i.id for i in history.inputs}, set()
    async for record in source.read(replay.answers, history.begins_at):
        topic = known[record.topic]
        try:
            message = codec.decode(topic, record.value or b"")
        except UndecodableMessage:
            history.undecodable += 1
            continue
        meta = message.meta
        # A signal is its own input: what the stage was given is no message, and lies in the evidence.
        given = meta.id if topic.name == replay.consumes.name else meta.causation_id
        if meta.stage != stage or given not in wanted or meta.id in seen:
            continue
        seen.add(meta.id)
        if replay.decided(message):
            history.answers[given].append(Emission(topic, message, record.value))
    for answers in history.answers.values():
        first = min(e.message.meta.occurred_at for e in answers)
        answers[:] = [e for e in answers if e.message.meta.occurred_at == first]


async def read_evidence(
    source: Source, stage: str, wanted: Collection[str], history: History, codec: Codec
) -> AsyncGenerator[tuple[str, Evidence | None], None]:
    """Yield each wanted input's id once, with the evidence of its decision (None: there is none)."""
    keys, decided_at = {input_id.encode(): input_id for input_id in wanted}, history.decided_at
    undecided: dict[str, Evidence] = {}
    async with aclosing(_evidence_of(source, stage, keys, history.begins_at, codec)) as found:
        async for input_id, evidence in found:
            if input_id not in decided_at:
                undecided[input_id] = evidence
            elif evidence.decided_at == decided_at[input_id]:
                del keys[input_id.encode()]
                yield input_id, evidence
    earlier = {key: input_id for key, input_id in keys.items() if input_id in decided_at}
    if earlier and history.begins_at is not None:
        async with aclosing(_evidence_of(source, stage, earlier, None, codec)) as found:
            async for input_id, evidence in found:
                if evidence.decided_at == decided_at[input_id]:
                    del earlier[input_id.encode()], keys[input_id.encode()]
                    yield input_id, evidence
    for input_id in keys.values():
        yield input_id, undecided.get(input_id)


async def _evidence_of(
    source: Source, stage: str, keys: Mapping[bytes, str], since: datetime | None, codec: Codec
) -> AsyncGenerator[tuple[str, Evidence], None]:
    """Yield each evidence of `stage` on an input that `keys` has when it is read, with the input's id."""
    async for record in source.read([EVIDENCE], since):
        input_id = keys.get(record.key or b"")
        evidence = None if input_id is None else _decoded(codec, record)
        if input_id is not None and evidence is not None and evidence.meta.stage == stage:
            yield input_id, evidence


def _decoded(codec: Codec, record: StoredRecord) -> Evidence | None:
    try:
        return codec.decode(EVIDENCE, record.value or b"")
    except UndecodableMessage:
        return None
