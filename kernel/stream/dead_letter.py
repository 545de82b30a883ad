"""Dead letters: the original bytes, untouched, and why they could not be handled.

Headers follow Kafka Streams' dead letter queue: `__streams.errors.*`, so that its tools read ours. Sending one back
leaves two traces: headers on the record that went back, and a mark on the dead topic, an empty record whose
headers name the letter and where it went.
"""

from dataclasses import dataclass
from typing import Self

from kernel.stream.producer import Header

_PREFIX = "__streams.errors."
_FROM = "dispatch.requeued.from"
_DEATHS = "dispatch.requeued.deaths"
_TO = "dispatch.requeued.to"
#: A reason may quote what it is about; a header is no place for all of it.
_REASON_CHARS = 500


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record is in the log; `topic` is its full name. As text: `topic:partition/offset`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the place `text` names, or None where it names none."""
        topic, _, numbers = text.rpartition(":")
        partition, _, offset = numbers.partition("/")
        if not (topic and _is_number(partition) and _is_number(offset)):
            return None
        return cls(topic, int(partition), int(offset))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """Where a record that could not be handled was, and why; `reason` is one line for a person."""

    topic: str
    partition: int
    offset: int
    stage: str
    error: str
    reason: str

    def headers(self) -> list[Header]:
        """Return the record headers that say where it came from and why it is here."""
        figures = {
            "exception": self.error,
            "message": self.reason[:_REASON_CHARS],
            "topic": self.topic,
            "partition": str(self.partition),
            "offset": str(self.offset),
            "stage": self.stage,
        }
        return [(_PREFIX + name, text.encode()) for name, text in figures.items()]


@dataclass(frozen=True, slots=True)
class RequeueMark:
    """What the dead topic keeps of a requeue: which letter, and where it went."""

    letter: Place
    went_to: Place

    def headers(self) -> list[Header]:
        """Return the headers of the mark."""
        return [(_FROM, str(self.letter).encode()), (_TO, str(self.went_to).encode())]


def requeued_headers(letter: Place, deaths: int) -> list[Header]:
    """Return the headers of a record that goes back: that it was `letter`, and how often it has died so far."""
    return [(_FROM, str(letter).encode()), (_DEATHS, str(deaths).encode())]


def read_headers(headers: list[Header]) -> dict[str, str]:
    """Return the figures of a dead letter's headers by their short names."""
    return {
        name.removeprefix(_PREFIX): text
        for name, text in header_texts(headers).items()
        if name.startswith(_PREFIX)
    }


def read_mark(headers: list[Header]) -> RequeueMark | None:
    """Return the mark these headers make, or None where they belong to a letter."""
    texts = header_texts(headers)
    letter, went_to = Place.parse(texts.get(_FROM, "")), Place.parse(texts.get(_TO, ""))
    return None if letter is None or went_to is None else RequeueMark(letter, went_to)


def header_texts(headers: list[Header]) -> dict[str, str]:
    """Return headers as text, whatever is in them; one without a value, as other clients may write, is empty."""
    return {name: (value or b"").decode("utf-8", "replace") for name, value in headers}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()
