"""The local stack's servers: they start, work, stop, and never outlive their owner."""

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

pytestmark = pytest.mark.integration


async def test_kafka_returns_what_was_written_to_it(kafka_bootstrap: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}greetings"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, b"hello", key=b"SPY")
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka_bootstrap, group_id=topic_prefix, auto_offset_reset="earliest"
    )
    async with consumer:
        record = await consumer.getone()
    assert (record.key, record.value) == (b"SPY", b"hello")


def test_postgres_keeps_checksums_and_durability_on(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        settings = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("data_checksums", "fsync", "full_page_writes", "synchronous_commit")
        }
        encoding = connection.execute("SHOW server_encoding").fetchone()
    assert settings == dict.fromkeys(settings, ("on",))
    assert encoding == ("UTF8",)
