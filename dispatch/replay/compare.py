"""Two answers to one input, side by side. Pure.

What counts is in `rules`. An answer that carries its wire bytes says by its schema which fields its writer knew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dispatch.replay.rules import IGNORED, tolerance
from kernel.contracts.base import Message, Meta
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Execution, Rejection, Selection, Signal, Ticket
from kernel.domain.money import plain
from kernel.stream.stage import Emission

_ABSENT = object()
_META_FIELDS = tuple(name for name in Meta.model_fields if f"meta.{name}" not in IGNORED)


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure at `path` that is not what it was; None where one side has none."""

    path: str
    recorded: Any
    replayed: Any


def differences(
    recorded: Sequence[Emission[Any]], replayed: Sequence[Emission[Any]]
) -> tuple[Difference, ...]:
    """Return what differs between the answers to one input; empty when they are the same."""
    if len(recorded) == len(replayed) and all(map(_same, recorded, replayed)):
        return ()
    found: list[Difference] = []
    left, right = _by_topic(recorded), _by_topic(replayed)
    if left.keys() != right.keys():
        found.append(Difference("answer", _headline(recorded), _headline(replayed)))
    for topic in sorted(left.keys() & right.keys()):
        unknown = _unwritten(left[topic]) | _unwritten(right[topic])
        found += [
            d for d in _between(left[topic].message, right[topic].message) if not _lies_in(d.path, unknown)
        ]
    return tuple(found)


def _same(left: Emission[Any], right: Emission[Any]) -> bool:
    """Tell equality without taking the messages apart: nearly all of a replay is the same."""
    if left is right:
        return True
    if left.topic.name != right.topic.name:
        return False
    one, other = left.message, right.message
    if any(getattr(one.meta, name) != getattr(other.meta, name) for name in _META_FIELDS):
        return False
    return all(
        getattr(one, name) == getattr(other, name) for name in type(one).model_fields if name != "meta"
    )


def _between(left: Message, right: Message) -> Iterator[Difference]:
    ours, theirs = dict(_flat(left.model_dump())), dict(_flat(right.model_dump()))
    for path in ours | theirs:
        one, other = ours.get(path, _ABSENT), theirs.get(path, _ABSENT)
        if path not in IGNORED and not _equal(path, one, other):
            yield Difference(path, _shown(one), _shown(other))


def _unwritten(emission: Emission[Any]) -> frozenset[str]:
    """Return the fields the writer of an answer did not know."""
    return frozenset() if emission.wire is None else Codec().unwritten(emission.topic, emission.wire)


def _lies_in(path: str, fields: frozenset[str]) -> bool:
    names = [name for name in path.split(".") if not name.isdecimal()]
    return any(".".join(names[:length]) in fields for length in range(1, len(names) + 1))


def _equal(path: str, one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= tolerance(path)
    return bool(one == other)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        items: Any = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    else:
        yield path, value
        return
    for name, inner in items:
        yield from _flat(inner, f"{path}.{name}" if path else str(name))


def _shown(value: Any) -> Any:
    return None if value is _ABSENT else value


def _by_topic(emissions: Sequence[Emission[Any]]) -> dict[str, Emission[Any]]:
    return {e.topic.name: e for e in emissions}


def _headline(emissions: Sequence[Emission[Any]]) -> str | None:
    return "; ".join(headline(e.message) for e in emissions) or None


def headline(message: Message) -> str:
    """Return an answer in one line, as a trader would say it."""
    match message:
        case Selection():
            return f"{message.legs[0].occ_symbol} at {message.score.total:.1f}/100"
        case Ticket():
            return f"buy {message.contracts} {message.legs[0].occ_symbol} at {plain(message.limit_price)}"
        case Rejection():
            return f"no: {message.code.value}"
        case Execution():
            return f"send {message.contracts} {message.legs[0].occ_symbol} at {plain(message.limit_price)}"
        case Signal():
            return f"{message.idea.underlying} {message.idea.direction} {message.idea.strategy} ({message.setup})"
        case _:
            return type(message).__name__.lower()
