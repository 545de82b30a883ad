"""How far each stage is behind its topic."""

import asyncio

from kernel.contracts.topics import CONSUMED_TOPICS
from kernel.stream.admin import group_lag

#: Which stage reads which topic (its group is named after it).
READERS = dict(zip(("selector", "sizer", "executor"), CONSUMED_TOPICS, strict=True))


def consumer_lags(bootstrap_servers: str, prefix: str) -> dict[str, int]:
    """Return stage → records not yet acknowledged."""

    async def read() -> dict[str, int]:
        return {
            stage: await group_lag(bootstrap_servers, f"{prefix}{stage}", topic.full_name(prefix))
            for stage, topic in READERS.items()
        }

    return asyncio.run(read())
