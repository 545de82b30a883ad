"""One hop of a bare relay: what the log itself costs, to hold the pipeline against.

`python -m benchmarks.relay BOOTSTRAP SOURCE TARGET` copies records until it is stopped.
"""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def relay(bootstrap: str, source: str, target: str) -> None:
    """Copy every record of `source` to `target`, acknowledged per poll, committed after."""
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=f"relay-{source}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    await consumer.start()
    await producer.start()
    while True:
        batches = await consumer.getmany(timeout_ms=200)
        sent = [await producer.send(target, r.value, key=r.key) for rs in batches.values() for r in rs]
        if sent:
            await asyncio.gather(*sent)
            await consumer.commit()


if __name__ == "__main__":
    asyncio.run(relay(*sys.argv[1:4]))
