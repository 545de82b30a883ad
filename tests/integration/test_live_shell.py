"""The live shell on a real Kafka: what is acknowledged, what is repeated, what is buried."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from aiokafka import AIOKafkaProducer

from kernel.contracts.codec import Codec
from kernel.contracts.messages import Selection, Signal
from kernel.contracts.topics import EVIDENCE, SELECTIONS, SIGNALS, Topic
from kernel.domain.errors import InvariantBroken, TransientError, UnprocessableError, VenueUnavailable
from kernel.runtime.health import Health
from kernel.stream.admin import TopicSettings, create_topics, group_lag, list_topics, topic_names
from kernel.stream.dead_letter import read_headers
from kernel.stream.handling import Handler
from kernel.stream.producer import MAX_MESSAGE_BYTES, KafkaPublisher
from kernel.stream.reader import LogReader, StoredRecord
from kernel.stream.schemas import log_schemas
from kernel.stream.stage import Emission, Emissions
from kernel.stream.worker import Worker
from kernel.testing.builders import a_meta, a_selection, a_signal, an_idea
from tests.contracts.samples import an_evidence
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration

DEADLINE_S = 40.0
CODEC = Codec()
UNDERLYINGS = ("SPY", "QQQ", "IWM", "AAPL", "MSFT", "NVDA")


class EchoStage:
    """Answers each signal with a selection of its own; `errors` are raised once for the external id they name."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.errors: dict[str, Exception] = {}

    async def handle(self, message: Signal) -> Emissions:
        name = message.external_id or ""
        self.seen.append(name)
        if name in self.errors:
            raise self.errors.pop(name)
        meta = a_meta(message.meta.id, "echo", correlation_id=message.meta.id)
        return [Emission(SELECTIONS, a_selection(meta=meta, idea=message.idea))]


@dataclass
class Broker:
    """A Kafka with the topics of one test."""

    bootstrap: str
    prefix: str
    sent: list[Signal] = field(default_factory=list)

    async def send(self, count: int, start: int = 0) -> None:
        """Write signals numbered from `start` over all underlyings in turn."""
        signals = [
            a_signal(
                f"{self.prefix}{n}",
                idea=an_idea(UNDERLYINGS[n % len(UNDERLYINGS)]),
                external_id=str(n),
            )
            for n in range(start, start + count)
        ]
        async with KafkaPublisher(self.bootstrap, self.prefix, "test") as publisher:
            await publisher.publish([Emission(SIGNALS, signal) for signal in signals])
        self.sent += signals

    async def send_raw(self, value: bytes | None, key: bytes | None = b"SPY") -> None:
        async with KafkaPublisher(self.bootstrap, self.prefix, "test") as publisher:
            await publisher.publish_raw(SIGNALS.full_name(self.prefix), key, value)

    async def records(self, topic: str) -> list[StoredRecord]:
        async with LogReader(self.bootstrap, [topic]) as reader:
            return [record async for record in reader.to_the_end()]

    async def selections(self) -> list[Selection]:
        records = await self.records(SELECTIONS.full_name(self.prefix))
        return [CODEC.decode(SELECTIONS, r.value or b"") for r in records]

    async def answered(self) -> set[str]:
        """Return the ids of the signals that have an answer."""
        return {selection.meta.correlation_id for selection in await self.selections()}

    async def all_answered(self) -> bool:
        return await self.answered() == {signal.meta.id for signal in self.sent}

    async def buried(self) -> list[StoredRecord]:
        return await self.records(SIGNALS.dead_name(self.prefix))

    @contextlib.asynccontextmanager
    async def worker(
        self, stage: EchoStage, health: Health | None = None
    ) -> AsyncIterator[asyncio.Task[None]]:
        """Run a worker of the group for the length of the block."""
        health = health or Health()
        async with KafkaPublisher(self.bootstrap, self.prefix, "echo") as publisher:
            handler: Handler[Signal] = Handler(
                name="echo",
                consumes=SIGNALS,
                stage=stage,
                publisher=publisher,
                health=health,
                prefix=self.prefix,
                codec=CODEC,
                writers=log_schemas(self.bootstrap, self.prefix, stage="echo", health=health),
            )
            task = asyncio.create_task(Worker(handler, self.bootstrap).run())
            try:
                yield task
            finally:
                task.cancel()
                await asyncio.wait([task])


@pytest.fixture
async def broker(kafka_bootstrap: str, topic_prefix: str) -> Broker:
    await create_topics(kafka_bootstrap, TopicSettings(prefix=topic_prefix, partitions=3))
    return Broker(kafka_bootstrap, topic_prefix)


async def test_topics_are_made_once_with_their_dead_letters(broker: Broker) -> None:
    again = await create_topics(broker.bootstrap, TopicSettings(prefix=broker.prefix, partitions=9))
    assert again == []
    wanted = dict.fromkeys(topic_names(broker.prefix), 3) | {f"{broker.prefix}schemas": 1}
    assert await list_topics(broker.bootstrap, broker.prefix) == wanted


async def test_every_message_is_answered_in_the_order_of_its_key(broker: Broker) -> None:
    stage = EchoStage()
    await broker.send(60)
    async with broker.worker(stage) as task:
        await eventually(broker.all_answered, task)
    for place in range(len(UNDERLYINGS)):
        own = [int(name) for name in stage.seen if int(name) % len(UNDERLYINGS) == place]
        assert own == sorted(own)


async def test_poison_is_buried_and_the_stream_goes_on(broker: Broker) -> None:
    stage = EchoStage()
    stage.errors["1"] = UnprocessableError("can never be handled")
    wrong_topic = CODEC.encode(SELECTIONS, a_selection())
    poison: Sequence[bytes | None] = (b"garbage", wrong_topic, None)
    for value in poison:
        await broker.send_raw(value)
    await broker.send(6)

    async def buried_and_answered() -> bool:
        return len(await broker.buried()) == 4 and len(await broker.answered()) == 5

    async with broker.worker(stage) as task:
        await eventually(buried_and_answered, task)
    buried = await broker.buried()
    unprocessable = CODEC.encode(SIGNALS, broker.sent[1])
    assert {record.value for record in buried} == {b"garbage", wrong_topic, None, unprocessable}
    reasons = {record.value: read_headers(list(record.headers))["message"] for record in buried}
    assert reasons[unprocessable] == "can never be handled"
    assert reasons[wrong_topic] == "a selection message on the topic of signal messages"


async def test_a_venue_that_is_away_for_a_moment_delays_one_message_and_loses_none(broker: Broker) -> None:
    stage = EchoStage()
    stage.errors["2"] = VenueUnavailable("away")
    await broker.send(12)
    async with broker.worker(stage) as task:
        await eventually(broker.all_answered, task)
    assert stage.seen.count("2") == 2
    assert await broker.buried() == []


async def test_a_broken_invariant_stops_the_worker_and_its_message_comes_again(broker: Broker) -> None:
    stage = EchoStage()
    stage.errors["3"] = InvariantBroken("a second order")
    await broker.send(12)
    async with broker.worker(stage) as task:
        with pytest.raises(InvariantBroken, match="a second order"):
            await asyncio.wait_for(asyncio.shield(task), DEADLINE_S)
    assert broker.sent[3].meta.id not in await broker.answered()
    async with broker.worker(EchoStage()) as task:
        await eventually(broker.all_answered, task)
    assert await broker.buried() == []


async def test_after_a_clean_stop_nothing_is_handled_twice(broker: Broker) -> None:
    await broker.send(12)
    async with broker.worker(EchoStage()) as task:
        await eventually(broker.all_answered, task)
    await broker.send(3, start=12)
    stage = EchoStage()
    async with broker.worker(stage) as task:
        await eventually(broker.all_answered, task)
    assert sorted(stage.seen, key=int) == ["12", "13", "14"]


async def test_two_workers_share_the_partitions(broker: Broker) -> None:
    first, second = EchoStage(), EchoStage()
    healths = Health(), Health()
    for health in healths:
        health.expects("consumer")

    async def both_have_joined() -> bool:
        return all(health.ready()[0] for health in healths)

    async def both_have_work() -> bool:
        await broker.send(12, start=len(broker.sent))
        return bool(first.seen and second.seen)

    async with broker.worker(first, healths[0]) as one, broker.worker(second, healths[1]) as two:
        await eventually(both_have_joined, one, two)
        await eventually(both_have_work, one, two)
        await eventually(broker.all_answered, one, two)
    assert await broker.buried() == []


async def test_a_message_too_large_for_the_log_can_never_be_written(broker: Broker) -> None:
    item = an_evidence().items[0].model_copy(update={"body": bytes(MAX_MESSAGE_BYTES)})
    topic: Topic[object] = EVIDENCE  # type: ignore[assignment]
    async with KafkaPublisher(broker.bootstrap, broker.prefix, "test") as publisher:
        with pytest.raises(UnprocessableError, match="too large"):
            await publisher.publish([Emission(topic, an_evidence(items=(item,)))])  # type: ignore[type-var]


class GatedStage(EchoStage):
    """An EchoStage that keeps the signals of `held` until the gate opens."""

    def __init__(self, *held: str) -> None:
        super().__init__()
        self.held = set(held)
        self.gate = asyncio.Event()

    async def handle(self, message: Signal) -> Emissions:
        if message.external_id in self.held:
            self.seen.append(message.external_id or "")
            await self.gate.wait()
        return await super().handle(message)


@pytest.mark.parametrize("before", [0, 6])
async def test_a_record_still_in_hand_holds_back_the_offset_of_those_done_after_it(
    kafka_bootstrap: str, topic_prefix: str, before: int
) -> None:
    """Stopped while the first of its records is in hand, with or without an offset committed before it."""
    await create_topics(kafka_bootstrap, TopicSettings(prefix=topic_prefix, partitions=1))
    broker = Broker(kafka_bootstrap, topic_prefix)
    group, topic = f"{topic_prefix}echo", SIGNALS.full_name(topic_prefix)

    async def lag_is(expected: int) -> bool:
        return await group_lag(kafka_bootstrap, group, topic) == expected

    await broker.send(before)
    stage = GatedStage(str(before))
    async with broker.worker(stage) as working:
        await eventually(broker.all_answered, working)
        await eventually(lambda: lag_is(0), working)
        await broker.send(4, start=before)
        others = {signal.meta.id for signal in broker.sent if signal.external_id != str(before)}

        async def others_answered() -> bool:
            return await broker.answered() == others

        await eventually(others_answered, working)
        await asyncio.sleep(1.5)  # longer than the commit interval: what may be committed is
        assert await lag_is(4)

    again = EchoStage()
    async with broker.worker(again) as working:
        await eventually(broker.all_answered, working)
        await eventually(lambda: lag_is(0), working)
    assert str(before) in again.seen


async def test_garbage_as_large_as_a_topic_takes_is_buried_whole(broker: Broker) -> None:
    value = b"x" * (MAX_MESSAGE_BYTES - 200)
    async with broker.worker(EchoStage()) as working:
        await broker.send_raw(value)
        await eventually(broker.buried, working)
    (letter,) = await broker.buried()
    assert letter.value == value


async def test_a_record_with_neither_key_nor_value_is_buried_as_an_empty_one(broker: Broker) -> None:
    async with broker.worker(EchoStage()) as working:
        await write_nothing(broker.bootstrap, SIGNALS.full_name(broker.prefix))
        await broker.send(1)
        await eventually(broker.all_answered, working)
        await eventually(broker.buried, working)
        (letter,) = await broker.buried()
    assert (letter.key, letter.value) == (None, b"")


async def write_nothing(bootstrap: str, topic: str) -> None:
    """Write a record without key and value, as clients other than aiokafka can."""
    batch_of_one = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await batch_of_one.start()
    try:
        batch = batch_of_one.create_batch()
        batch.append(key=None, value=None, timestamp=None)
        await (await batch_of_one.send_batch(batch, topic, partition=0))
    finally:
        await batch_of_one.stop()


async def test_a_reader_waits_for_a_topic_that_is_being_made(kafka_bootstrap: str, topic_prefix: str) -> None:
    topic = SELECTIONS.full_name(topic_prefix)

    async def opened() -> list[StoredRecord]:
        async with LogReader(kafka_bootstrap, [topic]) as reader:
            return [record async for record in reader.to_the_end()]

    reading = asyncio.create_task(opened())
    await asyncio.sleep(0.5)  # long enough for it to have asked in vain
    assert not reading.done()
    await create_topics(kafka_bootstrap, TopicSettings(prefix=topic_prefix, partitions=1))
    assert await reading == []


async def test_a_topic_nobody_made_is_named_with_its_remedy(kafka_bootstrap: str, topic_prefix: str) -> None:
    with pytest.raises(TransientError, match=f"no topic {topic_prefix}absent; .*dispatch topics create"):
        async with LogReader(kafka_bootstrap, [f"{topic_prefix}absent"]):
            pytest.fail("it opened")
