"""A shadow on a real Kafka, beside recorded decisions of the live stages that arrive while it follows."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dispatch.replay.deciding import replay_of
from dispatch.replay.elsewhere.remote import WorkerFailed
from dispatch.replay.elsewhere.revisions import code_of, this_code
from dispatch.replay.results import Status
from dispatch.shadow.join import Rules
from dispatch.shadow.naming import Names
from dispatch.shadow.run import Plan, Shadow
from kernel.contracts.codec import Codec
from kernel.contracts.topics import EVIDENCE, REJECTIONS, SELECTIONS, SIGNALS, TICKETS, Topic
from kernel.domain.errors import ConfigError
from kernel.runtime.clock import SystemClock
from kernel.runtime.health import Health
from kernel.runtime.settings import PROJECT_ROOT
from kernel.stream.admin import TopicSettings, create_topics, groups_reading, list_topics
from kernel.stream.group import GroupReader
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

    @property
    def group(self) -> str:
        """The group of the shadow `next` of the selector."""
        return f"{self.prefix}shadow.next.selector"

    async def decides(self, *rows: Row, **signal: Any) -> list[Emission[Any]]:
        """Return all that one signal leads to; nothing is written yet."""
        before, codec = len(self._pipeline.log.records), Codec()
        given = a_signal(f"signal {self._count}", idea=an_idea(), **signal)
        self._count += 1
        await self._pipeline.send(given, *rows)
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


def started(plan: Plan, stop: asyncio.Event) -> tuple[Shadow, asyncio.Task[None]]:
    shadow = Shadow(plan, clock=SystemClock(), health=Health(), moved=lambda *_: None)
    return shadow, asyncio.create_task(shadow.run(stop))


@asynccontextmanager
async def following(plan: Plan) -> AsyncIterator[Shadow]:
    """Let a shadow follow, from when it holds its partitions to a stop as a signal asks for it."""
    stop = asyncio.Event()
    shadow, running = started(plan, stop)
    try:
        await until(lambda: running.done() or shadow.follows)
        yield shadow
    finally:
        stop.set()
        await running


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not true():  # noqa: ASYNC110 - the one that moves is another process, or a broker
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


async def test_a_changed_parameter_is_found_on_the_decisions_it_touches_and_no_other(live: Live) -> None:
    plan = plan_of(live, settings=("selector.min_score=90",))
    async with following(plan) as shadow:
        for row in (GOOD, WORSE, GOOD):
            await live.sends(row)
        await compared(shadow, 3)
    tally = shadow.tally
    assert tally.counts == {Status.SAME: 2, Status.CHANGED: 1}
    (row,) = tally.differing
    assert row.replayed[0].message.code == "SCORE_BELOW_MINIMUM"
    assert (tally.effect.now_refused, round(tally.agreement_pct or 0, 1)) == (1, 66.7)
    assert not tally.holds(67)
    assert tally.holds(66)


@pytest.mark.parametrize("order", ["answers first", "evidence last"])
async def test_input_evidence_and_answer_come_in_any_order(live: Live, order: str) -> None:
    stories = [await live.decides(row) for row in (GOOD, WORSE, GOOD)]
    everything = [emission for story in stories for emission in story]
    last = SIGNALS if order == "answers first" else EVIDENCE
    async with following(plan_of(live)) as shadow:
        await live.writes([e for e in everything if e.topic is not last])
        await until(lambda: shadow.standing.waiting == (0 if last is SIGNALS else 3))
        assert shadow.tally.compared == 0
        await live.writes([e for e in everything if e.topic is last])
        await compared(shadow, 3)
    assert shadow.tally.counts == {Status.SAME: 3}


async def test_the_sizer_is_shadowed_on_what_the_live_selector_gives_it(live: Live) -> None:
    async with following(plan_of(live, "sizer", settings=("sizer.tiers.large.risk_pct=2",))) as shadow:
        await live.sends(GOOD)
        await live.sends(Row(day_volume=1))
        await compared(shadow, 1)
    assert shadow.tally.effect.risk_usd_replayed == 2 * shadow.tally.effect.risk_usd_recorded
    tickets = await live.read(f"shadow.next.{live.prefix}tickets")
    assert [Codec().decode(TICKETS, value).contracts for value in tickets] == [8]


async def test_a_restart_goes_on_where_it_stopped_and_counts_nothing_twice(live: Live) -> None:
    stories = [await live.decides(row) for row in (GOOD, WORSE, GOOD, GOOD)]
    async with following(plan_of(live)) as first:
        await live.writes(stories[0])
        await live.writes(
            stories[1][:1]
        )  # its signal, and nothing more yet: what follows cannot be committed
        await live.writes(stories[2])
        await until(lambda: first.tally.compared == 1 and first.standing.waiting == 1)
        assert first.standing.lag > 0
    await live.writes(stories[1][1:])
    await live.writes(stories[3])
    async with following(plan_of(live)) as second:
        await compared(second, 3)
    assert (first.tally.counts, second.tally.counts) == ({Status.SAME: 1}, {Status.SAME: 3})
    written = [
        Codec().decode(SELECTIONS, v).meta.id for v in await live.read(f"shadow.next.{live.prefix}selections")
    ]
    assert len(set(written)) == 4


async def test_two_shadows_of_different_revisions_do_not_disturb_each_other_or_the_live_group(
    live: Live,
) -> None:
    async with (
        following(plan_of(live)) as one,
        following(plan_of(live, revision="other", settings=("selector.min_score=90",))) as other,
    ):
        await live.sends(GOOD)
        await live.sends(WORSE)
        await compared(one, 2)
        await compared(other, 2)
    assert (one.tally.agreement_pct, other.tally.agreement_pct) == (100, 50)
    readers = await groups_reading(live.kafka, [f"{live.prefix}{t}" for t in ("signals", "evidence")])
    assert set(readers.values()) <= {live.group, f"{live.prefix}shadow.other.selector"}
    ours = [f"{prefix}{live.prefix}selections" for prefix in ("", "shadow.next.", "shadow.other.")]
    assert [len(await live.read(topic)) for topic in ours] == [2, 2, 1]


async def test_a_second_shadow_of_the_same_revision_is_refused_and_the_first_goes_on(live: Live) -> None:
    async with following(plan_of(live)) as first:
        await live.sends(GOOD)
        await compared(first, 1)
        with pytest.raises(ConfigError, match="has another member: this is running already"):
            async with following(plan_of(live)):
                pass
        await live.sends(WORSE)
        await compared(first, 2)


async def test_topics_that_somebody_acts_on_are_refused(live: Live) -> None:
    async with following(plan_of(live)) as shadow:
        await live.sends(GOOD)
        await compared(shadow, 1)
    topic = f"shadow.next.{live.prefix}selections"
    async with GroupReader(live.kafka, "careless", [topic]) as reader:
        await reader.commit(await reader.ends())
    with pytest.raises(ConfigError, match=f"the group careless reads {topic}"):
        async with following(plan_of(live)):
            pass


async def test_a_revision_that_dies_of_an_input_ends_it_and_its_last_words_and_the_signal_are_told(
    live: Live, tmp_path: Path
) -> None:
    for package in ("kernel", "services", "dispatch", "schemas", "config"):
        shutil.copytree(
            PROJECT_ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    file = tmp_path / "services" / "selector" / "replay.py"
    begin = "        if evidence is None:\n"
    planted = (
        "        if message.setup == 'deadly':\n            import os\n            os.write(2, b'cannot go on')\n"
        "            os._exit(1)\n"
    )
    assert file.read_text("utf-8").count(begin) == 1
    file.write_text(file.read_text("utf-8").replace(begin, planted + begin), "utf-8")
    harmless, deadly = await live.decides(GOOD), await live.decides(GOOD, setup="deadly")
    with code_of(f"{tmp_path}/") as code:
        shadow, running = started(plan_of(live, code=code), asyncio.Event())
        await until(lambda: shadow.follows)
        await live.writes(harmless)
        await compared(shadow, 1)
        await live.writes(deadly)
        with pytest.raises(WorkerFailed, match="cannot go on") as caught:
            await asyncio.wait_for(running, DEADLINE_S)
    assert f"it was asked about signal {deadly[0].message.meta.id}" in str(caught.value)
    assert shadow.tally.counts == {Status.SAME: 1}


async def test_it_stops_once_enough_was_compared(live: Live) -> None:
    async with following(plan_of(live, decisions=2)) as shadow:
        await live.sends(GOOD)
        await live.sends(GOOD)
        await compared(shadow, 2)


async def test_an_input_the_live_stage_leaves_unanswered_is_pending_and_no_disagreement(live: Live) -> None:
    rules = Rules(settle=timedelta(0), patience=timedelta(0))
    async with following(plan_of(live, rules=rules)) as shadow:
        await live.writes((await live.decides(GOOD))[:1])
        await until(lambda: shadow.tally.counts[Status.PENDING] == 1)
    assert shadow.tally.agreement_pct is None
    assert not shadow.tally.holds(0)
