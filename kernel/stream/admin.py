"""Makes and lists topics; nothing else ever creates one (auto-creation is off)."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError, for_code

from kernel.contracts.topics import ALL_TOPICS, CONSUMED_TOPICS, DEAD_SUFFIX, DEFAULT_PREFIX, SCHEMAS
from kernel.domain.errors import TransientError
from kernel.stream.producer import MAX_DEAD_LETTER_BYTES

_DAY_MS = 86_400_000
_TOPIC_ALREADY_EXISTS = 36
#: Schemas outlive every message written with them. Each start of a process repeats some 30 KB; small segments let
#: compaction take the repeats away, for it never touches the one being written.
_SCHEMAS_CONFIG = {"cleanup.policy": "compact", "segment.bytes": str(1 << 20), "segment.ms": str(_DAY_MS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSettings:
    """How topics are made. One node has one replica; a cluster wants three."""

    prefix: str = DEFAULT_PREFIX
    partitions: int = 4
    replicas: int = 1
    retention_days: int = 30
    dead_retention_days: int = 365


def topic_names(prefix: str = DEFAULT_PREFIX) -> list[str]:
    """Return the full names of every topic, dead letters and schemas included."""
    messages = [t.full_name(prefix) for t in ALL_TOPICS]
    return [*messages, *(t.dead_name(prefix) for t in CONSUMED_TOPICS), prefix + SCHEMAS]


async def create_topics(
    bootstrap_servers: str, settings: TopicSettings, names: Collection[str] | None = None
) -> list[str]:
    """Create the topics that are missing, all or those of `names`; returns theirs. Existing ones are left as they are."""
    wanted = [
        NewTopic(
            name=name,
            num_partitions=1 if name == settings.prefix + SCHEMAS else settings.partitions,
            replication_factor=settings.replicas,
            topic_configs=_topic_configs(name, settings),
        )
        for name in topic_names(settings.prefix)
        if names is None or name in names
    ]
    async with _admin(bootstrap_servers) as admin:
        answer = await admin.create_topics(wanted)
    created = []
    for name, code, *_ in answer.topic_errors:
        if code == 0:
            created.append(name)
        elif code != _TOPIC_ALREADY_EXISTS:
            raise TransientError(f"topic {name} could not be created: {for_code(code).__name__}")
    return created


async def settings_of(bootstrap_servers: str, prefix: str) -> TopicSettings:
    """Return how the topics of `prefix` were made, read from the first of them and its dead letters."""
    name = ALL_TOPICS[0].full_name(prefix)
    async with _admin(bootstrap_servers) as admin:
        if name not in await admin.list_topics():
            raise TransientError(f"there is no topic {name}; make the topics with: dispatch topics create")
        (described,) = await admin.describe_topics([name])
        retention = [await _retention_days(admin, each) for each in (name, name + DEAD_SUFFIX)]
    return TopicSettings(
        prefix=prefix,
        partitions=len(described["partitions"]),
        replicas=len(described["partitions"][0]["replicas"]),
        retention_days=retention[0],
        dead_retention_days=retention[1],
    )


async def groups_reading(bootstrap_servers: str, topics: Collection[str]) -> dict[str, str]:
    """Return those of `topics` (full names) a consumer group reads or has read, with the name of one such group."""
    found: dict[str, str] = {}
    async with _admin(bootstrap_servers) as admin:
        for group, *_ in await admin.list_consumer_groups():
            committed = {tp.topic for tp in await admin.list_consumer_group_offsets(group)}
            # One by one: aiokafka 0.14 leaves four bytes of each group unread and stumbles over the second.
            (answer,) = await admin.describe_consumer_groups([group])
            members = answer.groups[0][5]
            assigned = {topic for member in members for topic in _assigned(member[-1])}
            found |= {topic: group for topic in committed | assigned if topic in topics}
    return found


async def list_topics(bootstrap_servers: str, prefix: str = DEFAULT_PREFIX) -> dict[str, int]:
    """Return the partitions of every existing topic with that prefix."""
    async with _admin(bootstrap_servers) as admin:
        names = [n for n in await admin.list_topics() if n.startswith(prefix)]
        described = await admin.describe_topics(names) if names else []
    return {d["topic"]: len(d["partitions"]) for d in sorted(described, key=lambda d: d["topic"])}


def _topic_configs(name: str, settings: TopicSettings) -> dict[str, str]:
    if name == settings.prefix + SCHEMAS:
        return _SCHEMAS_CONFIG
    if not name.endswith(DEAD_SUFFIX):
        return {"retention.ms": str(settings.retention_days * _DAY_MS)}
    return {
        "retention.ms": str(settings.dead_retention_days * _DAY_MS),
        "max.message.bytes": str(MAX_DEAD_LETTER_BYTES),
    }


async def _retention_days(admin: AIOKafkaAdminClient, topic: str) -> int:
    asked = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": ""})
    (answer,) = await admin.describe_configs([asked])
    ((_, _, _, _, entries),) = answer.resources
    return max(1, int(entries[0][1]) // _DAY_MS)


def _assigned(assignment: bytes) -> list[str]:
    """Return the topics of a group member's assignment; a member that just joined has none."""
    if not assignment:
        return []
    return [topic for topic, _ in ConsumerProtocolMemberAssignment.decode(assignment).assignment]


@asynccontextmanager
async def _admin(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=10_000)
    try:
        await admin.start()
        yield admin
    except KafkaError as e:
        raise TransientError(f"Kafka at {bootstrap_servers} did not answer: {type(e).__name__}: {e}") from e
    finally:
        await admin.close()


async def group_lag(bootstrap_servers: str, group: str, topic: str) -> int:
    """Return how many records of `topic` the group has not acknowledged yet."""
    async with _admin(bootstrap_servers) as admin:
        committed = await admin.list_consumer_group_offsets(group)
        described = await admin.describe_topics([topic])
        partitions = [TopicPartition(topic, p["partition"]) for p in described[0]["partitions"]]
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
        try:
            await consumer.start()
            ends = await consumer.end_offsets(partitions)
        finally:
            await consumer.stop()
    done = {tp: committed[tp].offset for tp in partitions if tp in committed}
    return sum(end - max(0, done.get(tp, 0)) for tp, end in ends.items())
