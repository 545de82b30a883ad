"""What servers need before stages can work: topics and tables."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kernel.adapters.migrate import migrate
from kernel.stream.admin import TopicSettings, create_topics


def create_all_topics(bootstrap_servers: str, prefix: str, partitions: int) -> None:
    """Create the topics that are missing."""
    asyncio.run(create_topics(bootstrap_servers, TopicSettings(prefix=prefix, partitions=partitions)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """The two steps; tests of the stack itself put their own in."""

    create_topics: Callable[[str, str, int], None] = create_all_topics
    migrate: Callable[[str], None] = migrate

    def run(self, bootstrap_servers: str, prefix: str, partitions: int, database_url: str) -> None:
        """Do both side by side, away from the caller's event loop if it has one; raises what either raises."""
        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="prepare") as pool:
            steps = [
                pool.submit(self.create_topics, bootstrap_servers, prefix, partitions),
                pool.submit(self.migrate, database_url),
            ]
        for step in steps:
            step.result()
