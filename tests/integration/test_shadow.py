"""A shadow on a real Kafka, beside recorded decisions of the live stages that arrive while it follows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch.replay.deciding import replay_of
from dispatch.replay.results import Status
from dispatch.replay.revisions import Code, code_of, this_code
from dispatch.shadow.join import Rules
from dispatch.shadow.naming import Names
from dispatch.shadow.run import Plan, Shadow
from kernel.contracts.codec import Codec
from kernel.contracts.topics import EVIDENCE, REJECTIONS, SELECTIONS, SIGNALS, TICKETS, Topic
from kernel.domain.errors import ConfigError
from kernel.runtime.clock import SystemClock
from kernel.runtime.health import Health
from kernel.stream.admin import TopicSettings, create_topics, group_lag, groups_reading, list_topics
from kernel.stream.producer import KafkaPublisher
from kernel.stream.reader import LogReader
from kernel.stream.stage import Emission
from kernel.testing.builders import a_signal, an_idea
from tests.fakes.chains import Row
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline

pytestmark = pytest.mark.integration

GOOD = Row()
WORSE = Row(strike="525", bid="2.45", ask="2.55", day_volume=400)
RULES = Rules(settle=timedelta(0), patience=timedelta(minutes=5))
DEADLINE_S = 90.0


class Live:
    """The live pipeline: what it says goes to Kafka, in the order given."""

    def __init__(self, kafka: str, prefix: str, publisher: KafkaPublisher) -> None:
        self.kafka = kafka
        self.prefix = prefix
        self._publisher = publisher
        self._pipeline = RecordedPipeline()
        self._count = 0

    async def decides(self, *rows: Row) -> list[Emission[Any]]:
        """Return all that one signal leads to; nothing is written yet."""
        before, codec = len(self._pipeline.log.records), Codec()
        signal = a_signal(f"signal {self._count}", idea=an_idea())
        self._count += 1
        await self._pipeline.send(signal, *rows)
        topics: dict[str, Topic[Any]] = {
            t.full_name("test."): t for t in (SIGNALS, SELECTIONS, TICKETS, REJECTIONS, EVIDENCE)
        }
        return [
            Emission(topic, codec.decode(topic, record.value or b""))
            for record in self._pipeline.log.records[before:]
            for topic in [topics[record.topic]]
        ]

    async def writes(self, emissions: Sequence[Emission[Any]]) -> None:
        """Write, one acknowledged after the other."""
        for emission in emissions:
            await self._publisher.publish([emission])

    async def sends(self, *rows: Row) -> None:
        """Let one signal through."""
        await self.writes(await self.decides(*rows))

    async def read(self, topic: str) -> list[Any]:
        """Return the values of a topic."""
        async with LogReader(self.kafka, [topic]) as reader:
            return [record.value async for record in reader.to_the_end()]


@pytest.fixture
async def live(kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Live]:
    await create_topics(kafka_bootstrap, TopicSettings(prefix=topic_prefix, partitions=2))
    async with KafkaPublisher(kafka_bootstrap, topic_prefix, "live") as publisher:
        yield Live(kafka_bootstrap, topic_prefix, publisher)


def plan_of(live: Live, stage: str = "selector", **changes: Any) -> Plan:
    plan = Plan(
        names=Names(stage=stage, revision=changes.pop("revision", "next"), live_prefix=live.prefix),
        replay=replay_of(stage, PARAMS, "here"),
        code=this_code("next"),
        params=PARAMS.model_dump_json(),
        settings=(),
        bootstrap_servers=live.kafka,
        rules=RULES,
    )
    return replace(plan, **changes)


@asynccontextmanager
async def following(plan: Plan) -> AsyncIterator[Shadow]:
    """Let a shadow follow, from when it holds its partitions to a stop as a signal asks for it."""
    stop, health = asyncio.Event(), Health()
    shadow = Shadow(plan, clock=SystemClock(), health=health, moved=lambda *_: None)
    running = asyncio.create_task(shadow.run(stop))
    try:
        await until(lambda: running.done() or health.ready()[0])
        yield shadow
    finally:
        stop.set()
        await running


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not true():
            await asyncio.sleep(0.05)


async def compared(shadow: Shadow, count: int) -> None:
    await until(lambda: shadow.tally.compared >= count and shadow.standing.lag == 0)
    assert shadow.tally.compared == count


async def test_what_the_live_stage_decides_is_decided_the_same_and_written_to_topics_of_its_own(
    live: Live,
) -> None:
    await live.sends(GOOD)  # before its time
    async with following(plan_of(live)) as shadow:
        for row in (GOOD, WORSE, Row(day_volume=1)):
            await live.sends(row)
        await compared(shadow, 3)
    assert shadow.tally.counts == {Status.SAME: 3}
    own = f"shadow.next.{live.prefix}"
    live_ids = [Codec().decode(SELECTIONS, v).meta.id for v in await live.read(f"{live.prefix}selections")]
    shadowed = [Codec().decode(SELECTIONS, value).meta for value in await live.read(f"{own}selections")]
    assert sorted(meta.id for meta in shadowed) == sorted(live_ids[1:])
    assert {meta.revision for meta in shadowed} == {"next"}
    assert len(await live.read(f"{own}rejections")) == 1
    assert set(await list_topics(live.kafka, own)) == {
        f"{own}selections",
        f"{own}rejections",
        f"{own}schemas",
    }
