"""Revisions that write differently, on a real Kafka: the log says how, and a reader finds it there."""

import json

import pytest

from kernel.contracts.codec import Codec
from kernel.contracts.messages import Signal
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import SELECTIONS, SIGNALS
from kernel.domain.errors import TransientError
from kernel.runtime.health import Health
from kernel.stream.admin import TopicSettings, create_topics
from kernel.stream.handling import Handler, RawRecord
from kernel.stream.producer import KafkaPublisher
from kernel.stream.reader import LogReader, StoredRecord
from kernel.stream.schemas import LogSchemas, learn_writers
from kernel.stream.stage import Emission, Emissions
from kernel.testing.builders import a_selection, a_signal
from tests.fakes.revisions import changed, exported, own_store, values, with_field, written

pytestmark = pytest.mark.integration

NEXT = changed("signal", with_field("note", ["null", "string"], default=None))
DATA = written(NEXT, values(a_signal()) | {"note": "later"})


class Stage:
    """Answers every signal."""

    def __init__(self) -> None:
        self.seen: list[Signal] = []

    async def handle(self, message: Signal) -> Emissions:
        self.seen.append(message)
        return [Emission(SELECTIONS, a_selection())]


async def records(bootstrap: str, topic: str) -> list[StoredRecord]:
    async with LogReader(bootstrap, [topic]) as reader:
        return [record async for record in reader.to_the_end()]


async def announce(publisher: KafkaPublisher, prefix: str) -> None:
    for key, entry in exported("signal", NEXT).items():
        await publisher.publish_raw(f"{prefix}schemas", key.encode(), json.dumps(entry).encode())


async def handle(bootstrap: str, prefix: str, publisher: KafkaPublisher) -> Stage:
    """Handle the next revision's signal with a handler of this one; returns what the stage saw."""
    store, stage, health = own_store(), Stage(), Health()

    async def learn() -> None:
        await learn_writers(bootstrap, prefix, store)

    handler: Handler[Signal] = Handler(
        name="selector",
        consumes=SIGNALS,
        stage=stage,
        publisher=publisher,
        health=health,
        prefix=prefix,
        codec=Codec(store),
        writers=LogSchemas(learn, stage="selector", health=health, store=store),
    )
    await handler.handle_record(
        RawRecord(topic=SIGNALS.full_name(prefix), partition=0, offset=0, key=b"SPY", value=DATA)
    )
    return stage


async def test_a_publisher_says_how_it_writes_before_it_writes(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    await create_topics(kafka_bootstrap, TopicSettings(prefix=topic_prefix))
    async with KafkaPublisher(kafka_bootstrap, topic_prefix, "test"):
        found = await records(kafka_bootstrap, f"{topic_prefix}schemas")
    announced = {(r.key or b"").decode(): json.loads(r.value or b"") for r in found}
    assert announced == load_store().announced()


async def test_an_older_reader_handles_what_a_newer_revision_announced_and_wrote(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    await create_topics(kafka_bootstrap, TopicSettings(prefix=topic_prefix))
    async with KafkaPublisher(kafka_bootstrap, topic_prefix, "test") as publisher:
        await announce(publisher, topic_prefix)
        stage = await handle(kafka_bootstrap, topic_prefix, publisher)
    assert stage.seen == [a_signal()]
    assert await records(kafka_bootstrap, SIGNALS.dead_name(topic_prefix)) == []


async def test_what_nobody_announced_is_a_dead_letter_that_says_so(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    await create_topics(kafka_bootstrap, TopicSettings(prefix=topic_prefix))
    async with KafkaPublisher(kafka_bootstrap, topic_prefix, "test") as publisher:
        stage = await handle(kafka_bootstrap, topic_prefix, publisher)
    (letter,) = await records(kafka_bootstrap, SIGNALS.dead_name(topic_prefix))
    assert (stage.seen, letter.value) == ([], DATA)


async def test_topics_of_before_are_told_by_what_makes_the_missing_one(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    with pytest.raises(TransientError) as caught:
        async with KafkaPublisher(kafka_bootstrap, topic_prefix, "test"):
            pass
    assert str(caught.value) == (
        f"there is no topic {topic_prefix}schemas; make the topics with: dispatch topics create"
    )
