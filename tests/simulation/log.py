"""A Kafka in memory: what of it a stage can notice.

1. A record is in the log or it is not, whatever its writer was told; a writer's records of one partition keep their order.
2. A group gives each partition to one member per generation. A member that is not heard of for the session time-out is
   put out, and whatever joins or leaves starts a new generation once all others have joined it, or were put out.
3. A commit of a member that is not in the present generation is refused. What was not committed is delivered again to
   whoever gets the partition next, while the old owner may still be at work on it: fetching is not fenced.
"""

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from kernel.stream.producer import Header
from tests.simulation.link import Lost
from tests.simulation.loop import SimulatedLoop
from tests.simulation.trace import Trace

PARTITIONS = 2
SESSION_TIMEOUT_S = 10.0
_REBALANCE_TIMEOUT_S = 10.0
_FETCH_WAIT_S = 2.0

#: Topic and number.
Partition = tuple[str, int]


class Fenced(Exception):
    """The group has moved on: join again."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record as it was appended; `offset` counts within its partition."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


@dataclass(frozen=True, slots=True)
class Seat:
    """What a member of a generation may read, and from where."""

    generation: int
    offsets: dict[Partition, int]


@dataclass(eq=False)
class _Group:
    topic: str
    generation: int = 0
    heard_s: dict[str, float] = field(default_factory=dict)
    joining: dict[str, "asyncio.Future[Seat]"] = field(default_factory=dict)
    forming_since: int | None = None
    watched: bool = False
    seats: dict[str, list[Partition]] = field(default_factory=dict)
    committed: dict[Partition, int] = field(default_factory=dict)


class ModelLog:
    """Topics by their full names, groups by theirs."""

    def __init__(self, loop: SimulatedLoop, trace: Trace) -> None:
        self._loop = loop
        self._trace = trace
        self._partitions: dict[Partition, list[LogRecord]] = defaultdict(list)
        self._groups: dict[str, _Group] = {}
        self._fetching: dict[Partition, list[asyncio.Future[list[LogRecord]]]] = defaultdict(list)

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[Header]
    ) -> LogRecord:
        """Write a record."""
        partition = zlib.crc32(key or b"") % PARTITIONS
        place = (topic, partition)
        record = LogRecord(topic, partition, len(self._partitions[place]), key, value, headers)
        self._partitions[place].append(record)
        self._trace.event(self._loop.time(), "log", "append", f"{topic}:{partition}/{record.offset}")
        waiting, self._fetching[place] = self._fetching[place], []
        for answer in waiting:
            if not answer.done():
                answer.set_result([record])
        return record

    def records(self, topic: str) -> list[LogRecord]:
        """Return all of a topic, partition by partition."""
        return [r for n in range(PARTITIONS) for r in self._partitions[topic, n]]

    def lag(self, group: str) -> int:
        """Return how many records of its topic a group has not committed."""
        found = self._groups.get(group)
        if found is None:
            return 1
        return sum(
            len(self._partitions[found.topic, n]) - found.committed.get((found.topic, n), 0)
            for n in range(PARTITIONS)
        )

    def fetch(self, positions: dict[Partition, int]) -> list[LogRecord] | asyncio.Future[list[LogRecord]]:
        """Return what lies at and after `positions`; waits a moment where nothing does."""
        found = [r for place, at in positions.items() for r in self._partitions[place][at:]]
        if found:
            return found
        answer: asyncio.Future[list[LogRecord]] = self._loop.create_future()
        for place in positions:
            self._fetching[place].append(answer)
        self._loop.at(_FETCH_WAIT_S, _give_up, answer)
        return answer

    def join(self, name: str, topic: str, member: str) -> "asyncio.Future[Seat]":
        """Enter the next generation of a group; answered when that begins."""
        group = self._groups.setdefault(name, _Group(topic))
        group.heard_s[member] = self._loop.time()
        answer: asyncio.Future[Seat] = self._loop.create_future()
        before = group.joining.pop(member, None)
        if before is not None and not before.done():
            before.set_exception(Lost("joined once more"))
        group.joining[member] = answer
        self._form(name, group)
        self._watch(name, group)
        if group.joining.keys() >= group.heard_s.keys():
            self._begin(name, group)
        return answer

    def leave(self, name: str, member: str) -> None:
        """Go, before the session time-out says so."""
        group = self._groups[name]
        self._drop(name, group, member)

    def heartbeat(self, name: str, member: str, generation: int) -> None:
        """Say that a member lives; raises Fenced when it must join again."""
        group = self._groups[name]
        if member in group.heard_s:
            group.heard_s[member] = self._loop.time()
        self._check(group, member, generation)
        if group.forming_since is not None:
            raise Fenced("the group is being formed anew")

    def commit(self, name: str, member: str, generation: int, offsets: dict[Partition, int]) -> None:
        """Keep that everything before `offsets` is done; raises Fenced."""
        group = self._groups[name]
        self._check(group, member, generation)
        group.committed |= offsets
        said = " ".join(f"{p}/{o}" for (_, p), o in offsets.items())
        self._trace.event(self._loop.time(), member, "commit", f"{name} {said}")

    @staticmethod
    def _check(group: _Group, member: str, generation: int) -> None:
        if member not in group.heard_s or generation != group.generation:
            raise Fenced(f"{member} is not in generation {group.generation}")

    def _form(self, name: str, group: _Group) -> None:
        if group.forming_since is None:
            group.forming_since = group.generation
            self._loop.at(_REBALANCE_TIMEOUT_S, self._begin, name, group, group.generation)

    def _begin(self, name: str, group: _Group, of: int | None = None) -> None:
        """Begin the next generation with who has joined; who has not is out."""
        if group.forming_since is None or (of is not None and group.forming_since != of):
            return
        group.forming_since = None
        group.generation += 1
        joined, group.joining = group.joining, {}
        group.heard_s = {m: self._loop.time() for m in sorted(joined) if not joined[m].done()}
        members = list(group.heard_s)
        group.seats = {m: [] for m in members}
        for number in range(PARTITIONS if members else 0):
            group.seats[members[number % len(members)]].append((group.topic, number))
        self._trace.event(
            self._loop.time(), "log", "generation", f"{name} {group.generation}: {' '.join(members)}"
        )
        for member in members:
            offsets = {place: group.committed.get(place, 0) for place in group.seats[member]}
            joined[member].set_result(Seat(group.generation, offsets))
        self._watch(name, group)

    def _watch(self, name: str, group: _Group) -> None:
        """Look again when the longest silent member's time is over."""
        silent = [at for member, at in group.heard_s.items() if member not in group.joining]
        if silent and not group.watched:
            group.watched = True
            left_s = min(silent) + SESSION_TIMEOUT_S - self._loop.time()
            self._loop.at(max(left_s, 0.0) + 0.01, self._put_out_silent, name, group)

    def _put_out_silent(self, name: str, group: _Group) -> None:
        now_s = self._loop.time()
        group.watched = False
        for member in [m for m, at in group.heard_s.items() if now_s - at > SESSION_TIMEOUT_S]:
            if member not in group.joining:
                self._trace.event(now_s, "log", "put out", f"{name} {member}")
                self._drop(name, group, member)
        self._watch(name, group)

    def _drop(self, name: str, group: _Group, member: str) -> None:
        if group.heard_s.pop(member, None) is None:
            return
        group.joining.pop(member, None)
        if group.heard_s:
            self._form(name, group)
            if group.joining.keys() >= group.heard_s.keys():
                self._begin(name, group)


def _give_up(answer: "asyncio.Future[list[LogRecord]]") -> None:
    if not answer.done():
        answer.set_result([])
