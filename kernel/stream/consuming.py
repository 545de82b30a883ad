"""What a live shell does with the records it reads, whoever reads them: side by side across keys, done in order.

1. A record is acknowledged only when every record before it in its partition was handled to the end.
2. Records of one key are handled in order; different keys run side by side.
3. After the first failure nothing more is acknowledged.
"""

from collections.abc import Callable, Hashable
from typing import Any

from kernel.stream.acks import Arrival, InOrderAcks
from kernel.stream.handling import Handler, RawRecord
from kernel.stream.lanes import Lanes

#: Enough to hide a slow venue, few enough that a crash repeats little work.
MAX_IN_FLIGHT = 16
#: What is under way at a SIGTERM usually ends in milliseconds; a venue that hangs must not hold the process for long.
_DRAIN_DEADLINE_S = 5.0


class Consumption:
    """The records one process is working on. Needs a running loop."""

    def __init__(self, handler: Handler[Any]) -> None:
        self._handler = handler
        self._lanes = Lanes(MAX_IN_FLIGHT)
        self._acks = InOrderAcks()

    async def take(self, record: RawRecord, acknowledge: Callable[[], object]) -> None:
        """Begin to handle a record, in the order of its partition; waits while too many are under way.

        `acknowledge` is called once it and all before it in its partition are done.
        """
        arrival = self._acks.arrived(record.partition, acknowledge)
        await self._lanes.submit(_lane(record), lambda: self._handle(record, arrival))

    async def failed(self) -> None:
        """Return never, or raise what broke the handler."""
        await self._lanes.failed()

    async def drain(self) -> None:
        """Take nothing new and give what is under way a moment to end; the rest will be read again."""
        await self._lanes.drain(_DRAIN_DEADLINE_S)

    async def _handle(self, record: RawRecord, arrival: Arrival) -> None:
        await self._handler.handle_record(record)
        self._acks.finished(arrival)


def _lane(record: RawRecord) -> Hashable:
    return record.key if record.key is not None else record.partition
