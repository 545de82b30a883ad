"""`dispatch replay --into`: decisions taken again go to topics of their own, and nothing else is ever written."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from dispatch import cli
from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.topics import REJECTIONS, SELECTIONS, TICKETS, Topic
from kernel.stream.admin import (
    TopicSettings,
    create_topics,
    groups_reading,
    list_topics,
    settings_of,
    topic_names,
)
from kernel.stream.producer import KafkaPublisher
from kernel.stream.reader import LogReader, StoredRecord
from tests.fakes.replays import a_recording

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

DEADLINE_S = 90.0
MADE = {"partitions": 3, "retention_days": 7, "dead_retention_days": 70}


@dataclass
class Desk:
    """An operator's command, and a pipeline's topics with a recording in them."""

    bootstrap: str
    prefix: str
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def shadow(self) -> str:
        return f"shadow.{self.prefix}"

    async def dispatch(self, *words: str) -> tuple[int, str]:
        """Run `dispatch replay …`; returns the exit code and what it said on standard error."""
        self.monkeypatch.setattr("sys.argv", ["dispatch", "replay", *words])
        self.monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", self.bootstrap)
        self.monkeypatch.setenv("DISPATCH_TOPIC_PREFIX", self.prefix)
        self.monkeypatch.setenv("DISPATCH_REVISION", "replaying")
        self.capsys.readouterr()
        code = await asyncio.to_thread(_run)
        return code, self.capsys.readouterr().err

    async def record(self) -> None:
        """Make the topics and write what a live pipeline wrote."""
        await create_topics(self.bootstrap, TopicSettings(prefix=self.prefix, **MADE))
        log = await a_recording()
        async with KafkaPublisher(self.bootstrap, self.prefix, "test") as publisher:
            for record in log.records:
                topic = record.topic.replace(log.prefix, self.prefix, 1)
                await publisher.publish_raw(topic, record.key, record.value)

    async def records(self, prefix: str, topic: Topic[Any]) -> list[StoredRecord]:
        """Return what lies on a topic, in log order."""
        async with LogReader(self.bootstrap, [topic.full_name(prefix)]) as reader:
            return [record async for record in reader.to_the_end()]

    async def ends(self, prefix: str) -> dict[str, int]:
        """Return how much was ever written to each topic under a prefix; -1 for those of other tests, which only exist."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        await consumer.start()
        try:
            topics = await list_topics(self.bootstrap, prefix)
            places = [
                TopicPartition(name, number)
                for name, count in topics.items()
                for number in range(count)
                if self.prefix in name
            ]
            found = await consumer.end_offsets(places)
        finally:
            await consumer.stop()
        return {
            name: sum(end for tp, end in found.items() if tp.topic == name) if self.prefix in name else -1
            for name in topics
        }

    @contextlib.asynccontextmanager
    async def group(self, topic: str, *, commits: bool) -> AsyncIterator[str]:
        """Let a consumer group read a topic."""
        name = f"{self.prefix}somebody"
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=self.bootstrap,
            group_id=name,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            if commits:
                await consumer.getmany(timeout_ms=100)
                await consumer.commit({TopicPartition(topic, 0): 0})
                await consumer.stop()
            yield name
        finally:
            await consumer.stop()


def _run() -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
async def desk(
    kafka_bootstrap: str,
    topic_prefix: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    made = Desk(kafka_bootstrap, topic_prefix, capsys, monkeypatch)
    await made.record()
    return made


def decoded(topic: Topic[Any], record: StoredRecord) -> Message:
    return Codec().decode(topic, record.value or b"")


async def test_what_is_decided_again_lies_under_the_prefix_as_a_live_stage_would_have_written_it(
    desk: Desk,
) -> None:
    code, said = await desk.dispatch("selector..sizer", "--into", desk.shadow)
    assert code == 0, said
    assert f"written: 8 messages to the topics of {desk.shadow}" in said
    for topic in (SELECTIONS, TICKETS):
        live, shadow = await desk.records(desk.prefix, topic), await desk.records(desk.shadow, topic)
        assert len(shadow) == 4
        assert [(r.partition, r.key) for r in shadow] == [(r.partition, r.key) for r in live]
        then, now = ([decoded(topic, r) for r in records] for records in (live, shadow))
        assert [m.meta.id for m in now] == [m.meta.id for m in then]
        assert {m.meta.revision for m in then} == {"recorded"}
        assert {m.meta.revision for m in now} == {"replaying"}
        blank = {"revision": "", "config_hash": ""}
        anonymous = [
            [m.model_copy(update={"meta": m.meta.model_copy(update=blank)}) for m in messages]
            for messages in (then, now)
        ]
        assert anonymous[0] == anonymous[1]


async def test_what_changed_parameters_decide_can_be_told_apart(desk: Desk) -> None:
    code, _ = await desk.dispatch("selector", "--into", desk.shadow, "--set", "selector.min_score=90")
    assert code == 1
    (no, other) = [decoded(REJECTIONS, r) for r in await desk.records(desk.shadow, REJECTIONS)]
    live = [decoded(SELECTIONS, r) for r in await desk.records(desk.prefix, SELECTIONS)]
    assert no.meta.config_hash == other.meta.config_hash
    assert {m.meta.config_hash for m in live} != {no.meta.config_hash}
    assert len(await desk.records(desk.shadow, SELECTIONS)) == 2


async def test_written_twice_it_has_the_same_ids(desk: Desk) -> None:
    for _ in range(2):
        assert (await desk.dispatch("selector", "--into", desk.shadow))[0] == 0
    ids = [decoded(SELECTIONS, r).meta.id for r in await desk.records(desk.shadow, SELECTIONS)]
    assert len(ids) == 8
    assert ids[:4] == ids[4:]


async def test_shadow_topics_are_made_like_the_live_ones_whose_records_are_left_alone(desk: Desk) -> None:
    before = await desk.ends(desk.prefix)
    await desk.dispatch("selector", "--into", desk.shadow)
    live, made = (
        await settings_of(desk.bootstrap, desk.prefix),
        await settings_of(desk.bootstrap, desk.shadow),
    )
    assert (live.partitions, live.retention_days, live.dead_retention_days) == (3, 7, 70)
    assert (made.partitions, made.replicas, made.retention_days) == (3, live.replicas, 7)
    assert await desk.ends(desk.prefix) == before
    assert await groups_reading(desk.bootstrap, [*topic_names(desk.prefix), *topic_names(desk.shadow)]) == {}


async def test_without_into_nothing_is_written_anywhere(desk: Desk) -> None:
    before = await desk.ends("")
    code, _ = await desk.dispatch("selector..sizer", "--set", "selector.min_score=90")
    assert code == 1
    assert await desk.ends("") == before


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        (lambda desk: desk.prefix, "the stages listen under"),
        (lambda desk: "dispatch.", "the stages listen under 'dispatch.'"),
        (lambda desk: "shadow", "is no prefix; it ends with a dot"),
        (lambda desk: "a b.", "is no prefix"),
    ],
)
async def test_a_prefix_that_stages_listen_under_is_refused(
    desk: Desk, prefix: Callable[[Desk], str], said: str
) -> None:
    before = await desk.ends("")
    code, err = await desk.dispatch("selector", "--into", prefix(desk))
    assert code == 2, err
    assert said in err
    assert await desk.ends("") == before


@pytest.mark.parametrize("commits", [True, False])
async def test_a_prefix_under_which_a_group_reads_is_refused(desk: Desk, *, commits: bool) -> None:
    await create_topics(desk.bootstrap, TopicSettings(prefix=desk.shadow))
    topic = SELECTIONS.full_name(desk.shadow)
    async with desk.group(topic, commits=commits) as group:
        code, err = await desk.dispatch("selector", "--into", desk.shadow)
        assert code == 2, err
        assert f"the group {group} reads {topic}" in err
    assert await desk.records(desk.shadow, SELECTIONS) == []


async def test_a_replay_that_halts_has_written_what_it_decided_and_leaves_no_reader_open(desk: Desk) -> None:
    code, err = await desk.dispatch("selector", "--break", "answer.score.total < 80", "--into", desk.shadow)
    assert code == 0, err
    assert len(await desk.records(desk.shadow, SELECTIONS)) == 2
    gc.collect()  # an open consumer that is thrown away warns, and a warning is an error here
