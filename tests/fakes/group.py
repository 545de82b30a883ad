"""A consumer group in memory: what a shadow reads by, without a broker."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from kernel.domain.errors import TransientError
from kernel.stream.group import Partition
from kernel.stream.reader import StoredRecord


class FakeGroup:
    """The log and what was committed; it outlives its readers."""

    def __init__(self, partitions: Collection[Partition]) -> None:
        self.log: dict[Partition, list[StoredRecord]] = {part: [] for part in partitions}
        self.offsets: dict[Partition, int] = {}
        self.commits: list[dict[Partition, int]] = []


class FakeGroupReader:
    """A kernel.stream.group.GroupReader. `script` says how many records of which partition each poll brings; then all
    that is left comes. `lives` asked-for commits succeed, the next one fails.
    """

    def __init__(
        self, group: FakeGroup, script: Sequence[Sequence[Partition]], *, lives: int = 10**9
    ) -> None:
        self._group = group
        self._script = list(script)
        self._lives = lives
        self._positions = {part: group.offsets.get(part, 0) for part in group.log}
        self.held: set[Partition] = set()

    @property
    def partitions(self) -> set[Partition]:
        return set(self._group.log)

    async def poll(self) -> list[StoredRecord]:
        again = [record for part in self._group.log for record in self._behind(part)]
        if again:
            return again
        wanted = (
            self._script.pop(0)
            if self._script
            else [part for part, records in self._group.log.items() for _ in records]
        )
        found = []
        for part in wanted:
            if part not in self.held and self._positions[part] < len(self._group.log[part]):
                found.append(self._group.log[part][self._positions[part]])
                self._positions[part] += 1
        return found

    def _behind(self, part: Partition) -> list[StoredRecord]:
        """Return what lies between a seek back and what was committed; the script is of what comes after."""
        start, to = self._positions[part], self._group.offsets.get(part, 0)
        if part in self.held or start >= to:
            return []
        self._positions[part] = to
        return self._group.log[part][start:to]

    async def ends(self) -> dict[Partition, int]:
        return {part: len(records) for part, records in self._group.log.items()}

    async def positions(self) -> dict[Partition, int]:
        return dict(self._positions)

    async def committed(self) -> dict[Partition, int]:
        return dict(self._group.offsets)

    async def since(self, moment: datetime) -> dict[Partition, int]:
        return {
            part: sum(record.written_at < moment for record in records)
            for part, records in self._group.log.items()
        }

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        self._positions |= offsets

    def hold(self, held: Collection[Partition]) -> None:
        self.held = set(held)

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        if self._lives == 0:
            raise TransientError("the broker went away")
        self._lives -= 1
        self._group.offsets |= offsets
        self._group.commits.append(dict(offsets))
