"""How far the log is read: everything written up to the watermark was seen, whichever partition it lies in. Pure.

Patience is counted by it and not by the clock on the wall: whoever catches up after an hour, or waits for a broker, has
not waited in vain for what is in the log.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from kernel.stream.group import Partition

_NOT_READ = datetime.min.replace(tzinfo=UTC)
#: What was written by then may appear in the log a moment later: clocks differ, and writing takes time.
_ARRIVAL = timedelta(seconds=2)


class Watermark:
    """Fed with what was read; tells the instant up to which nothing is missing."""

    def __init__(self, partitions: Iterable[Partition]) -> None:
        self._read_to = dict.fromkeys(partitions, _NOT_READ)

    def read(self, partition: Partition, written_at: datetime) -> None:
        """Take note of a record. A writer whose clock is behind does not turn the time back."""
        self._read_to[partition] = max(self._read_to[partition], written_at)

    def at(
        self, positions: Mapping[Partition, int], ends: Mapping[Partition, int], asked_at: datetime
    ) -> None:
        """Take note of where reading stands and where the log ended at `asked_at` (wall clock)."""
        for partition, end in ends.items():
            if positions[partition] >= end:
                self.read(partition, asked_at - _ARRIVAL)

    @property
    def now(self) -> datetime:
        """The watermark."""
        return min(self._read_to.values(), default=_NOT_READ)

    def ahead(self, by: timedelta) -> set[Partition]:
        """Return the partitions read further than `by` beyond the watermark: to read on there would only fill memory."""
        now = self.now
        return {partition for partition, at in self._read_to.items() if at - now > by}
