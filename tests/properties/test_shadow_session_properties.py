"""A shadow that is stopped or dies anywhere and is started again: each decision is counted once, and none is left out."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.replay.deciding import LocalDecider, replay_of
from dispatch.replay.results import Row, Status
from dispatch.shadow.following import Followed, Session
from dispatch.shadow.join import Rules
from kernel.domain.errors import TransientError
from kernel.runtime.health import Health
from kernel.stream.group import Partition
from kernel.stream.reader import StoredRecord
from kernel.stream.schemas import LogSchemas
from kernel.testing.builders import NOW, a_signal
from kernel.testing.clock import FixedClock
from kernel.testing.driver import RecordingPublisher
from tests.fakes.chains import Row as ChainRow
from tests.fakes.group import FakeGroup, FakeGroupReader
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline

REPLAY = replay_of("selector", PARAMS, "next")
FOLLOWED = Followed(stage="selector", replay=REPLAY, prefix=RecordedPipeline().log.prefix)
PARTITIONS: list[Partition] = [(topic, number) for topic in FOLLOWED.topics for number in range(2)]
LONG_AFTER = NOW + timedelta(days=1)
SIGNALS = 6
#: For each life of a shadow: how many commits it lives for (None: till a clean stop), what comes poll by poll.
LIVES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 6)),
        st.lists(st.lists(st.sampled_from(PARTITIONS), min_size=4, max_size=30), max_size=8),
    ),
    max_size=4,
)


class Counted:
    """A dispatch.shadow.following.Counting."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def counted(self, row: Row) -> None:
        self.rows.append(row)

    def left_out(self) -> None:
        raise AssertionError("every record is a message")


async def recorded() -> list[StoredRecord]:
    pipeline = RecordedPipeline()
    for number in range(SIGNALS):
        await pipeline.send(a_signal(f"signal {number}"), ChainRow())
    return [record for record in pipeline.log.records if record.topic in FOLLOWED.topics]


RECORDS = asyncio.run(recorded())


def grouped(shuffle: random.Random) -> FakeGroup:
    """Lay the records out over time and partitions by chance: one signal's answer may lie before another's evidence."""
    group, records = FakeGroup(PARTITIONS), list(RECORDS)
    shuffle.shuffle(records)
    for number, record in enumerate(records):
        part = (record.topic, shuffle.randrange(2))
        at = len(group.log[part])
        group.log[part].append(
            StoredRecord(
                topic=part[0],
                partition=part[1],
                offset=at,
                key=record.key,
                value=record.value,
                written_at=NOW + timedelta(seconds=number),
                headers=(),
            )
        )
    return group


async def live_through(
    group: FakeGroup,
    counting: Counted,
    log: RecordingPublisher,
    life: tuple[int | None, list[list[Partition]]],
) -> None:
    lives, script = life
    reader = FakeGroupReader(group, script, lives=10**9 if lives is None else lives)
    session = Session(
        FOLLOWED,
        reader=reader,  # type: ignore[arg-type] # the fake stands in for the class
        publisher=log,
        decider=LocalDecider(REPLAY),
        schemas=LogSchemas(_never, stage="selector", health=Health()),
        counting=counting,
        clock=FixedClock(LONG_AFTER),
        rules=Rules(settle=timedelta(0)),
    )
    try:
        await session.begin(anew=False)
        for _ in script:
            await session.turn()
        await session.commit()
    except TransientError:
        return


async def _never() -> None:
    raise AssertionError("every schema is known")


@given(lives=LIVES, shuffle=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_however_its_lives_end_each_decision_is_counted_once(
    lives: list[tuple[int | None, list[list[Partition]]]], shuffle: random.Random
) -> None:
    group, counting, log = grouped(shuffle), Counted(), RecordingPublisher()
    group.offsets = dict.fromkeys(PARTITIONS, 0)
    last = (None, [PARTITIONS * SIGNALS] * 4)

    async def all_lives() -> None:
        for life in [*lives, last]:
            await live_through(group, counting, log, life)

    asyncio.run(all_lives())
    assert Counter(row.message.meta.id for row in counting.rows) == {
        a_signal(f"signal {n}").meta.id: 1 for n in range(SIGNALS)
    }
    assert {row.status for row in counting.rows} == {Status.SAME}
    assert len({e.message.meta.id for e in log.published}) == SIGNALS
    assert group.offsets == {part: len(records) for part, records in group.log.items()}
