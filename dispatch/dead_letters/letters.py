"""Dead letters put together from the records of the dead topics.

1. A letter's address is its place on the dead topic; nothing ever moves or removes it before its retention ends.
2. Two letters of the same record (a stage that crashed between the letter and its acknowledgement) are one death:
   the later one is a copy.
3. A letter whose record is one that was sent back is the same letter dying again: marks lead from one to the next.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kernel.contracts.topics import Topic
from kernel.stream.dead_letter import Place, read_headers, read_mark
from kernel.stream.reader import StoredRecord


@dataclass(frozen=True, slots=True)
class Sent:
    """That a letter was sent back: when (wall clock, UTC) and where it went."""

    at: datetime
    to: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One dead letter and what became of it. `figures` are its headers by their short names.

    `deaths` counts this one; `sent` is of its death, whichever of the copies was sent.
    """

    topic: Topic[Any]
    record: StoredRecord
    figures: Mapping[str, str]
    sent: tuple[Sent, ...]
    deaths: int
    copy_of: str | None
    died_again_as: str | None

    @property
    def place(self) -> Place:
        """Where it is on the dead topic."""
        return _place(self.record)

    @property
    def address(self) -> str:
        """What an operator calls it: `signals:2/17`."""
        return _address(self.topic, self.record)


def read_letters(records: Iterable[StoredRecord], topics: Mapping[str, Topic[Any]]) -> list[Letter]:
    """Return the letters among `records`, oldest first; `topics` are what they came from, by the dead topic's name."""
    marks: list[tuple[StoredRecord, Sent, Place]] = []
    buried: list[StoredRecord] = []
    for record in records:
        mark = read_mark(list(record.headers))
        if mark is None:
            buried.append(record)
        else:
            marks.append((record, Sent(record.written_at, mark.went_to), mark.letter))
    buried.sort(key=lambda r: (r.written_at, _place(r)))
    families = _Families(buried, [(letter, sent) for _, sent, letter in marks])
    return [families.letter(record, topics) for record in buried]


class _Families:
    """Who is a copy of whom, and who came back as whom."""

    def __init__(self, buried: Sequence[StoredRecord], marks: Sequence[tuple[Place, Sent]]) -> None:
        self._records = {_place(record): record for record in buried}
        self._figures = {place: read_headers(list(r.headers)) for place, r in self._records.items()}
        self._first = self._firsts()
        self._sent: defaultdict[Place, list[Sent]] = defaultdict(list)
        self._sender: dict[Place, Place] = {}
        for letter, sent in marks:
            first = self._first.get(letter, letter)
            self._sent[first].append(sent)
            self._sender[sent.to] = first
        self._members: defaultdict[Place, list[Place]] = defaultdict(list)
        for place, first in self._first.items():
            if place == first:
                self._members[self._root(place)].append(place)

    def letter(self, record: StoredRecord, topics: Mapping[str, Topic[Any]]) -> Letter:
        """Return the letter a record is."""
        place = _place(record)
        first = self._first[place]
        members = self._members[self._root(first)]
        again = [other for other in members if other != first and self._parent(other) == first]
        topic = topics[record.topic]
        return Letter(
            topic=topic,
            record=record,
            figures=self._figures[place],
            sent=tuple(sorted(self._sent[first], key=lambda s: s.at)),
            deaths=members.index(first) + 1,
            copy_of=None if first == place else _address(topic, self._records[first]),
            died_again_as=_address(topic, self._records[again[-1]]) if again else None,
        )

    def _firsts(self) -> dict[Place, Place]:
        """Return for each letter the first one of the same death."""
        seen: dict[tuple[Place, bytes | None], Place] = {}
        found = {}
        for place, record in self._records.items():
            origin = self._origin(place)
            found[place] = place if origin is None else seen.setdefault((origin, record.value), place)
        return found

    def _root(self, place: Place) -> Place:
        """Return the letter of the first death; places that lead round in a circle, as forged marks could, end it."""
        passed = {place}
        while (before := self._parent(place)) is not None and before not in passed:
            place = before
            passed.add(place)
        return place

    def _parent(self, place: Place) -> Place | None:
        origin = self._origin(place)
        sender = None if origin is None else self._sender.get(origin)
        return sender if sender in self._records else None

    def _origin(self, place: Place) -> Place | None:
        figures = self._figures[place]
        return Place.parse(
            f"{figures.get('topic', '')}:{figures.get('partition', '')}/{figures.get('offset', '')}"
        )


def _place(record: StoredRecord) -> Place:
    return Place(record.topic, record.partition, record.offset)


def _address(topic: Topic[Any], record: StoredRecord) -> str:
    return str(Place(topic.name, record.partition, record.offset))
