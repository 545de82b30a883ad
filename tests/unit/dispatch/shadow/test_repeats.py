"""An input that is written again, in a later session than its decision: a letter sent back, a redelivery."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dispatch.replay.deciding import LocalDecider, replay_of
from dispatch.replay.results import Row, Status
from dispatch.shadow.following import Followed, Session
from dispatch.shadow.join import Rules
from kernel.runtime.health import Health
from kernel.stream.reader import StoredRecord
from kernel.stream.schemas import LogSchemas
from kernel.testing.builders import NOW, a_signal
from kernel.testing.clock import FixedClock
from kernel.testing.driver import RecordingPublisher
from tests.fakes.chains import Row as ChainRow
from tests.fakes.group import FakeGroup, FakeGroupReader
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline

#: A repeat comes without evidence where the recorded answer alone is kept, else with the recorded evidence.
STAGES = {"selector": False, "sizer": True}
LATER = NOW + timedelta(hours=1)
MUCH_LATER = NOW + timedelta(days=1)


class Counted:
    """A dispatch.shadow.following.Counting."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def counted(self, row: Row) -> None:
        self.rows.append(row)

    def left_out(self) -> None:
        raise AssertionError("every record is a message")


class Desk:
    """A log of one partition per topic, and a shadow of `stage` that is started again and again."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.replay = replay_of(stage, PARAMS, "next")
        self.followed = Followed(stage=stage, replay=self.replay, prefix=RecordedPipeline().log.prefix)
        self.group = FakeGroup([(topic, 0) for topic in self.followed.topics])
        self.counted = Counted()

    async def decides(self, name: str) -> list[StoredRecord]:
        """Return what one decision of the stage leaves in the log; the input comes first."""
        pipeline = RecordedPipeline()
        await pipeline.send(a_signal(name), ChainRow())
        found = [record for record in pipeline.log.records if record.topic in self.followed.topics]
        return sorted(found, key=lambda record: record.topic != self.followed.input_topic)

    def again(self, records: Sequence[StoredRecord]) -> list[StoredRecord]:
        """Return what the stage writes when the input comes again."""
        return [r for r in records if STAGES[self.stage] or not r.topic.endswith("evidence")]

    def write(self, records: Sequence[StoredRecord], at: datetime) -> None:
        for record in records:
            log = self.group.log[record.topic, 0]
            log.append(replace(record, partition=0, offset=len(log), written_at=at))

    async def session(self, *, starting_at: datetime = MUCH_LATER, turns: int = 3) -> list[Status]:
        """Let a shadow follow to the end of the log; returns what it counted."""
        before = len(self.counted.rows)
        clock = FixedClock(starting_at)
        session = Session(
            self.followed,
            reader=FakeGroupReader(self.group, []),  # type: ignore[arg-type] # stands in for the class
            publisher=RecordingPublisher(),
            decider=LocalDecider(self.replay),
            schemas=LogSchemas(self._never, stage=self.stage, health=Health()),
            counting=self.counted,
            clock=clock,
            rules=Rules(),
        )
        await session.begin(anew=False)
        clock.set(MUCH_LATER)
        for _ in range(turns):
            await session.turn()
        return [row.status for row in self.counted.rows[before:]]

    @property
    def is_done(self) -> bool:
        return self.group.offsets == {part: len(records) for part, records in self.group.log.items()}

    async def _never(self) -> None:
        raise AssertionError("every schema is known")


@pytest.mark.parametrize("stage", STAGES)
async def test_a_repeat_in_a_later_session_is_not_counted(stage: str) -> None:
    desk = Desk(stage)
    desk.group.offsets = dict.fromkeys(desk.group.log, 0)
    first, second = await desk.decides("first"), await desk.decides("second")
    desk.write(first, NOW)
    assert await desk.session() == [Status.SAME]
    desk.write(desk.again(first), LATER)
    desk.write(second, LATER)
    assert await desk.session() == [Status.SAME]
    assert desk.counted.rows[1].message.meta.correlation_id == a_signal("second").meta.id
    assert desk.is_done


@pytest.mark.parametrize("stage", STAGES)
async def test_a_repeat_of_what_was_decided_before_the_shadow_began_is_not_counted(stage: str) -> None:
    desk = Desk(stage)
    first = await desk.decides("first")
    desk.write(first, NOW)
    assert await desk.session(starting_at=LATER) == []
    desk.write(desk.again(first), LATER + timedelta(minutes=1))
    assert await desk.session() == []
    assert desk.is_done


async def test_what_was_left_without_an_answer_and_is_decided_when_it_comes_again_is_counted() -> None:
    desk = Desk("selector")
    desk.group.offsets = dict.fromkeys(desk.group.log, 0)
    first = await desk.decides("first")
    desk.write(first[:1], NOW)
    assert await desk.session() == [Status.PENDING]
    desk.write(first, LATER)
    assert await desk.session() == [Status.SAME]


async def test_a_decision_of_before_is_read_again_from_any_distance_that_is_remembered() -> None:
    desk = Desk("selector")
    stories = [await desk.decides(f"signal {number}") for number in range(5)]
    for number, story in enumerate(stories):
        desk.write(story, NOW + timedelta(minutes=10 * number))
    assert await desk.session(starting_at=LATER) == []
    for story in stories:
        desk.write(desk.again(story), LATER + timedelta(minutes=1))
    assert await desk.session() == []
    assert desk.is_done
