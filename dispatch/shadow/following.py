"""One session with the log: reads, joins, lets the other revision decide, writes, commits, counts.

1. What is committed is done: an input's offset is committed after its outputs were acknowledged, and after those of all
   before it in its partition.
2. A decision is counted once its input is committed, and only then its evidence and answers may be: whatever ends a
   session, the next one finds all three again or none, and no decision is counted twice or left out.
3. It begins, the first time, with what is written from then on.
4. A decision of before that session, which comes again with its input, is none of it: the last answers that lie before
   where it goes on are read again to know them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

from dispatch.replay.deciding import Decided, Decider, Question
from dispatch.replay.elsewhere.remote import WorkerFailed
from dispatch.replay.history import Input
from dispatch.replay.results import Row, Status, row_of
from dispatch.shadow.join import REMEMBERED, Join, Joined, Rules
from dispatch.shadow.looking_back import last_before
from dispatch.shadow.watermark import Watermark
from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.topics import EVIDENCE, Topic
from kernel.domain.clock import Clock
from kernel.domain.errors import UndecodableMessage
from kernel.stream.acks import Arrival, InOrderAcks
from kernel.stream.dead_letter import Place
from kernel.stream.group import GroupReader, Partition
from kernel.stream.reader import StoredRecord
from kernel.stream.replaying import Replay
from kernel.stream.schemas import LogSchemas
from kernel.stream.stage import Emission, Publisher

#: Questions handed to a decider at once.
_BATCH = 64
#: Signals named where the other revision fails on one of a batch.
_NAMED = 5
#: The evidence of a signal is older than the signal, and clocks differ.
_LOOK_BACK = timedelta(minutes=1)
#: A partition is not read further than this beyond the others.
_AHEAD = timedelta(seconds=30)


class Counting(Protocol):
    """Hears what was found."""

    def counted(self, row: Row) -> None:
        """Count a decision whose input is committed."""
        ...

    def left_out(self) -> None:
        """Count a record that is no message."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Which stage's decisions, where."""

    stage: str
    replay: Replay[Any]
    prefix: str

    @property
    def topics(self) -> dict[str, Topic[Any]]:
        """Input, answers and evidence, by their full names."""
        wanted = (self.replay.consumes, *self.replay.answers, EVIDENCE)
        return {topic.full_name(self.prefix): topic for topic in wanted}

    @property
    def input_topic(self) -> str:
        """The full name of the stage's input topic."""
        return self.replay.consumes.full_name(self.prefix)

    @property
    def answer_topics(self) -> set[str]:
        """The full names of the topics the stage answers on."""
        return {topic.full_name(self.prefix) for topic in self.replay.answers}

    def decided(self, topic: Topic[Any], message: Message) -> str | None:
        """Return the id of the input that `message` is the stage's decision on; None where it is none."""
        if (
            topic not in self.replay.answers
            or message.meta.stage != self.stage
            or not self.replay.decided(message)
        ):
            return None
        return message.meta.id if topic.name == self.replay.consumes.name else message.meta.causation_id


class Session:
    """Valid for as long as `reader` holds its partitions."""

    def __init__(
        self,
        followed: Followed,
        *,
        reader: GroupReader,
        publisher: Publisher,
        decider: Decider,
        schemas: LogSchemas,
        counting: Counting,
        clock: Clock,
        rules: Rules,
    ) -> None:
        self._followed = followed
        self._topics = followed.topics
        self._reader = reader
        self._publisher = publisher
        self._decider = decider
        self._schemas = schemas
        self._counting = counting
        self._clock = clock
        self._codec = Codec()
        self._join = Join(rules)
        self._watermark = Watermark(reader.partitions)
        self._acks = InOrderAcks()
        self._arrivals: dict[Place, Arrival] = {}
        self._judged: dict[Place, tuple[Row, tuple[Place, ...]]] = {}
        self._acked: list[Place] = []
        self._done: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        #: Records of the input topic that are not committed.
        self.lag = 0

    @property
    def waiting(self) -> int:
        """How many inputs are not complete."""
        return self._join.waiting

    async def begin(self, *, anew: bool) -> None:
        """Go on from what was committed; where nothing was, or `anew`, from now."""
        committed = {} if anew else await self._reader.committed()
        if not committed:
            committed = await self._reader.since(self._clock.now() - _LOOK_BACK)
            ends = await self._reader.ends()
            committed |= {part: end for part, end in ends.items() if part[0] == self._followed.input_topic}
            self._reader.seek(committed)
            await self._reader.commit(committed)
        self._committed, self._done = dict(committed), dict(committed)
        async for record in last_before(self._reader, committed, self._followed.answer_topics, REMEMBERED):
            message = await self._decoded(record)
            given = None if message is None else self._followed.decided(self._topics[record.topic], message)
            if message is not None and given is not None:
                self._join.knows(given, message.meta.occurred_at)

    async def turn(self) -> None:
        """Take what has come, judge what is ripe, commit what is done."""
        for record in await self._reader.poll():
            await self._take(record)
        asked_at = self._clock.now()
        ends = await self._reader.ends()
        self._watermark.at(await self._reader.positions(), ends, asked_at)
        ripe = self._join.ripe(self._watermark.now)
        for at in range(0, len(ripe), _BATCH):
            await self._judge(ripe[at : at + _BATCH])
        for place in self._join.strays():
            self._finish(place)
        await self.commit()
        self._reader.hold(self._watermark.ahead(_AHEAD))
        self.lag = sum(
            end - self._committed.get(part, 0)
            for part, end in ends.items()
            if part[0] == self._followed.input_topic
        )

    async def commit(self) -> None:
        """Commit what is done, and count the decisions that this settles."""
        moved = {part: to for part, to in self._done.items() if to != self._committed.get(part)}
        if not moved:
            return
        acked, self._acked = self._acked, []
        await self._reader.commit(moved)
        self._committed |= moved
        for place in acked:
            row, parts = self._judged.pop(place, (None, ()))
            if row is not None:
                self._counting.counted(row)
            for part in parts:
                self._finish(part)

    async def _take(self, record: StoredRecord) -> None:
        partition, place = (record.topic, record.partition), _place(record)
        self._watermark.read(partition, record.written_at)
        self._arrivals[place] = self._acks.arrived(partition, self._acknowledge(place))
        message = await self._decoded(record)
        if message is None:
            self._counting.left_out()
        if message is None or not self._entered(message, record):
            self._finish(place)

    def _acknowledge(self, place: Place) -> Callable[[], None]:
        def acknowledge() -> None:
            self._done[place.topic, place.partition] = place.offset + 1
            self._acked.append(place)

        return acknowledge

    async def _decoded(self, record: StoredRecord) -> Message | None:
        async def decode() -> Message:
            message: Message = self._codec.decode(self._topics[record.topic], record.value or b"")
            return message

        try:
            return await self._schemas.knowing(decode)
        except UndecodableMessage:
            return None

    def _entered(self, message: Any, record: StoredRecord) -> bool:
        """Enter a message where it belongs; returns False for one that is no part of this stage's decisions."""
        topic, consumes = self._topics[record.topic], self._followed.replay.consumes
        ours: bool = message.meta.stage == self._followed.stage
        if topic.name == EVIDENCE.name:
            if ours:
                self._join.saw(message, record)
            return ours
        answers, decided = topic in self._followed.replay.answers, self._followed.decided(topic, message)
        if topic.name == consumes.name and (decided is not None or not answers):
            self._join.given(Input(message, record), record)
        if decided is not None:
            self._join.answered(decided, Emission(topic, message), record)
        return decided is not None or not answers

    async def _judge(self, batch: Sequence[Joined]) -> None:
        """Let the other revision decide, compare, and write what it decided."""
        decided = await self._decided(batch)
        rows = [_row(joined, now) for joined, now in zip(batch, decided, strict=True)]
        await self._publisher.publish([emission for row in rows for emission in row.replayed])
        for joined, row in zip(batch, rows, strict=True):
            assert joined.given.record is not None
            place = _place(joined.given.record)
            self._judged[place] = row, joined.parts
            self._finish(place)

    async def _decided(self, batch: Sequence[Joined]) -> Sequence[Decided]:
        try:
            return await self._decider.decide([Question(j.given.message, j.evidence) for j in batch])
        except WorkerFailed as e:
            signals = ", ".join(joined.given.message.meta.correlation_id for joined in batch[:_NAMED])
            among = " among others" if len(batch) > _NAMED else ""
            raise WorkerFailed(f"{e}\n  it was asked about signal {signals}{among}") from e

    def _finish(self, place: Place) -> None:
        arrival = self._arrivals.pop(place, None)
        if arrival is not None:
            self._acks.finished(arrival)


def _row(joined: Joined, decided: Decided) -> Row:
    unanswered = not joined.recorded
    row = row_of(joined.given, joined.recorded, decided, pending=unanswered and joined.evidence is None)
    if unanswered and not joined.timely:
        return replace(row, status=Status.PENDING, note="judged before its time: too much was held")
    return row


def _place(record: StoredRecord) -> Place:
    return Place(record.topic, record.partition, record.offset)
