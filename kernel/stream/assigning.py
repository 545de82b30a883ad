"""Who gets which partitions, with nothing left out.

The member of the group that assigns goes by what it knows of the topics. A broker that has just come back may tell it
nothing of ours; Faust then assigns none of its partitions to anybody, and as all members have what they were given, nobody
asks again: every process runs and nothing is consumed. Here that is a failure of the process that assigns: it stops,
and the next assignment knows better.
"""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import faust
from faust.assignor.partition_assignor import PartitionAssignor

from kernel.domain.errors import InvariantBroken


class StrictAssignor(PartitionAssignor):
    """Faust's assignor, which tells the app when it must leave a topic out."""

    def assign(self, cluster: Any, member_metadata: MutableMapping[str, Any]) -> Any:
        """Assign; runs in the consumer's thread."""
        wanted = {topic for member in member_metadata.values() for topic in member.subscription}
        missing = sorted(topic for topic in wanted if not cluster.partitions_for_topic(topic))
        if missing and isinstance(self.app, StrictApp):
            self.app.left_out(missing)
        return super().assign(cluster, member_metadata)


class StrictApp(faust.App):
    """Faust without its folders: they are for tables, of which we have none, and would land in the working directory."""

    _missing: "asyncio.Queue[list[str]] | None" = None

    def _create_directories(self) -> None:
        return

    def left_out(self, topics: list[str]) -> None:
        """Say that nobody was given the partitions of `topics`; may be called from any thread."""
        if self._missing is not None:
            self.loop.call_soon_threadsafe(self._missing.put_nowait, topics)

    async def until_left_out(self) -> None:
        """Wait for that; raises InvariantBroken."""
        self._missing = asyncio.Queue()
        topics = await self._missing.get()
        raise InvariantBroken(
            f"nobody was given the partitions of {', '.join(topics)}: the broker did not know them"
        )
