"""A signal's story: every message that carries its id, in the order of its life.

1. A story is the same however its messages were read: repeats (same message id) count once. Evidence repeats only
   when it was decided on at the same instant: what an interrupted attempt saw is not what the answer was taken on.
2. Its fate is decided by the furthest it got: an order at the venue outweighs any rejection of the same signal.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Evidence, Execution, OrderStatus, Rejection, Selection, Signal, Ticket
from kernel.contracts.topics import ALL_TOPICS, CONTROL, DEFAULT_PREFIX, Topic
from kernel.domain.errors import UndecodableMessage
from kernel.stream.handling import RawRecord
from kernel.stream.reader import StoredRecord

M = TypeVar("M", bound=Message)

#: What a signal's story is told in: every topic but that of the switch, which belongs to no signal.
STORY_TOPICS = tuple(topic for topic in ALL_TOPICS if topic is not CONTROL)
ENDED = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED})
#: The venue took the order, whatever became of it.
AT_VENUE = frozenset(
    {
        OrderStatus.ACKNOWLEDGED,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.FILLED,
        OrderStatus.CANCELED,
        OrderStatus.EXPIRED,
    }
)


class Fate(StrEnum):
    """What became of a signal."""

    PENDING = "pending"
    WORKING = "working"
    FILLED = "filled"
    ENDED_UNFILLED = "ended_unfilled"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Chapter:
    """One message of a story, where it lies and when it was written (wall clock)."""

    topic: str
    message: Message
    partition: int
    offset: int
    written_at: datetime


@dataclass(slots=True)
class Story:
    """All messages of one signal."""

    signal_id: str
    chapters: list[Chapter] = field(default_factory=list)

    @property
    def signal(self) -> Signal | None:
        """The signal itself."""
        return self._first(Signal)

    @property
    def selection(self) -> Selection | None:
        """What the selector chose, if it did."""
        return self._first(Selection)

    @property
    def ticket(self) -> Ticket | None:
        """What the sizer made of it, if it did."""
        return self._first(Ticket)

    @property
    def rejection(self) -> Rejection | None:
        """The first no, if there was one."""
        return self._first(Rejection)

    @property
    def executions(self) -> list[Execution]:
        """The order's steps, by sequence."""
        steps = [c.message for c in self.chapters if isinstance(c.message, Execution)]
        return sorted(steps, key=lambda step: step.sequence)

    @property
    def reached_venue(self) -> bool:
        """Whether the venue took an order for this signal."""
        return any(step.status in AT_VENUE for step in self.executions)

    @property
    def fate(self) -> Fate:
        """What became of the signal, as far as the messages tell."""
        steps = self.executions
        last = steps[-1] if steps else None
        if last is not None and self.reached_venue:
            if last.status not in ENDED:
                return Fate.WORKING
            return Fate.FILLED if last.filled_contracts else Fate.ENDED_UNFILLED
        if self.rejection is not None:
            return Fate.REJECTED
        return Fate.WORKING if last is not None else Fate.PENDING

    def _first(self, kind: type[M]) -> M | None:
        return next((c.message for c in self.chapters if isinstance(c.message, kind)), None)


class Library:
    """Stories by signal id, growing as records are added."""

    def __init__(self, prefix: str = DEFAULT_PREFIX) -> None:
        self._codec = Codec()
        self._topics: dict[str, Topic[Any]] = {t.full_name(prefix): t for t in STORY_TOPICS}
        self._seen: set[tuple[str, str, datetime | None]] = set()
        self.stories: dict[str, Story] = {}
        self.undecodable: list[RawRecord] = []

    def add(self, record: StoredRecord) -> Story | None:
        """File a record; returns the story it changed, or None for a repeat or bytes that are no message."""
        topic = self._topics.get(record.topic)
        if topic is None:
            return None
        try:
            message = self._codec.decode(topic, record.value or b"")
        except UndecodableMessage:
            self.undecodable.append(record)
            return None
        if _identity(topic, message) in self._seen:
            return None
        self._seen.add(_identity(topic, message))
        story = self.stories.setdefault(message.meta.correlation_id, Story(message.meta.correlation_id))
        story.chapters.append(
            Chapter(topic.name, message, record.partition, record.offset, record.written_at)
        )
        return story

    def add_all(self, records: Iterable[StoredRecord]) -> None:
        """File many."""
        for record in records:
            self.add(record)

    def signals(self) -> list[Story]:
        """Return the stories that begin with a signal, in the order the signals arose."""
        begun = [s for s in self.stories.values() if s.signal is not None]
        return sorted(begun, key=_arose_at)


def _identity(topic: Topic[Any], message: Message) -> tuple[str, str, datetime | None]:
    """A decision that was begun again after a crash has the same evidence id, and saw something else."""
    return topic.name, message.meta.id, message.decided_at if isinstance(message, Evidence) else None


def _arose_at(story: Story) -> tuple[datetime, str]:
    assert story.signal is not None
    return story.signal.meta.occurred_at, story.signal_id
