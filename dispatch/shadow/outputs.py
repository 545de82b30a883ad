"""The topics a shadow writes to. Nobody trades on them: what a consumer group reads is refused."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from dispatch.shadow.naming import Names
from kernel.contracts.topics import SCHEMAS, Topic
from kernel.domain.errors import ConfigError
from kernel.stream.admin import create_topics, groups_reading, settings_of
from kernel.stream.producer import KafkaPublisher

_CLIENT = "shadow"


@asynccontextmanager
async def shadow_topics(
    bootstrap_servers: str, names: Names, topics: Sequence[Topic[Any]]
) -> AsyncIterator[KafkaPublisher]:
    """Yield a writer to the shadow's `topics`, made like the live ones where they are missing.

    Raises ConfigError where a consumer group reads them, TransientError when Kafka does not answer.
    """
    wanted = [topic.full_name(names.prefix) for topic in topics]
    readers = await groups_reading(bootstrap_servers, wanted)
    if readers:
        topic, group = min(readers.items())
        raise ConfigError(
            f"the group {group} reads {topic}: nobody may act on what a shadow decides; choose another name with --as"
        )
    made_like = await settings_of(bootstrap_servers, names.live_prefix)
    await create_topics(
        bootstrap_servers, replace(made_like, prefix=names.prefix), [*wanted, names.prefix + SCHEMAS]
    )
    async with KafkaPublisher(bootstrap_servers, names.prefix, _CLIENT) as publisher:
        await publisher.announce_others()
        yield publisher
