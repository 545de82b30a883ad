"""What a replay reads of a Kafka that is written to meanwhile."""

from typing import Any

import pytest

from dispatch.replay.source import KafkaSource
from kernel.contracts.messages import Signal
from kernel.contracts.topics import SELECTIONS, SIGNALS, Topic
from kernel.stream.admin import TopicSettings, create_topics
from kernel.stream.producer import KafkaPublisher
from kernel.stream.stage import Emission
from kernel.testing.builders import a_selection, a_signal

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


async def test_a_source_is_one_cut_through_the_log_and_a_fresh_one_has_the_rest(
    kafka_bootstrap: str, topic_prefix: str
) -> None:
    await create_topics(kafka_bootstrap, TopicSettings(prefix=topic_prefix))
    source = KafkaSource(kafka_bootstrap, topic_prefix)
    async with KafkaPublisher(kafka_bootstrap, topic_prefix, "test") as publisher:
        await publisher.publish([Emission(SIGNALS, signal(1))])
        assert await count(source, SIGNALS) == 1
        await publisher.publish([Emission(SIGNALS, signal(2)), Emission(SELECTIONS, a_selection())])
        assert [await count(source, topic) for topic in (SIGNALS, SELECTIONS)] == [1, 0]
        assert [await count(source.fresh(), topic) for topic in (SIGNALS, SELECTIONS)] == [2, 1]


def signal(number: int) -> Signal:
    return a_signal(f"signal {number}")


async def count(source: KafkaSource, topic: Topic[Any]) -> int:
    return len([record async for record in source.read([topic])])
