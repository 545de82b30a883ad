"""Why two versions of a message may not stand in one history, in words that say what would break, for whom, and what to do.

Entry point: `pair_problems`.
1. Both directions count: the newer version reads what is on the topics already, and a stage that still runs the older
   one (not rolled yet, or rolled back) reads what is written from now on.
2. Avro's own checker has the last word: what it refuses is refused, should we have seen nothing wrong.
3. Two changes that Avro lets pass are refused as well: an enum symbol that went, and symbols in another order.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from kernel.contracts.resolution import Kind, Obstacle, Schema, described, named_types, obstacles, type_name

_NEWER = "the newer version could not read the records that are on the topics already"
_OLDER = "a stage that still runs the older version could not read the new records"
_NEITHER = "neither version could read the other's records"


def pair_problems(older: Schema, newer: Schema) -> list[str]:
    """Return why the two schemas may not stand in one history, one line a change; empty when they may."""
    newer_fails = {(o.kind, o.place): o for o in obstacles(newer, older)}
    older_fails = {(o.kind, o.place): o for o in obstacles(older, newer)}
    renamed = _renamed(older, newer)
    for old, new in renamed.items():  # both halves of a renaming are told as one change
        if (half := newer_fails.pop((Kind.FIELD, new), None)) is not None:
            newer_fails[Kind.FIELD, old] = half
    lines = [
        _told(newer_fails.get(key), older_fails.get(key), renamed)
        for key in dict.fromkeys([*older_fails, *newer_fails])
    ]
    lines += _enum_changes(older, newer)
    return list(dict.fromkeys(lines)) or _avros_own(older, newer)


def _told(newer: Obstacle | None, older: Obstacle | None, renamed: Mapping[str, str]) -> str:
    """Tell one change by the obstacles it makes for a reader with the newer and with the older version."""
    seen = older or newer
    assert seen is not None
    whom = _NEITHER if older and newer else _OLDER if older else _NEWER
    match seen.kind:
        case Kind.FIELD:
            place = (older or seen).place
            return _field(place, whom, gone=older is not None, new_name=renamed.get(place))
        case Kind.NULL:
            did, remedy = ("no longer", "Keep null in its type") if newer else ("now", _ANOTHER_FIELD)
            told = f" may {did} be null: {whom}. {remedy}"
        case Kind.SYMBOLS:
            did = "was added to" if older else "was taken from"
            told = f": {seen.writer} {did} an enum without a default: {whom}. {_ANOTHER_FIELD}"
        case Kind.MEANING:
            told = f": {_change(newer, older)}, bytes would be read as another value. {_ANOTHER_FIELD}"
        case Kind.NAME:
            told = f": the type {_change(newer, older)}: {whom}. Keep the type's name"
        case Kind.TYPE:
            told = f": {_change(newer, older)}: {whom}. {_ANOTHER_FIELD}"
    return (seen.place or "the message") + told


_ANOTHER_FIELD = "Leave it as it is and add a field of another name, with a default"


def _field(place: str, whom: str, *, gone: bool, new_name: str | None) -> str:
    if new_name is not None:
        return (
            f"{place} was renamed to {new_name}, and a field is found by its name: {whom}."
            f" Keep {place}; to have another name too, add it with a default and write both"
        )
    if gone:
        return f"{place} was removed, and had no default: {whom}. Keep it; nobody has to use it"
    return f'{place} was added without a default: {whom}. Give it one: "type": ["null", …], "default": null'


def _change(newer: Obstacle | None, older: Obstacle | None) -> str:
    if older is not None:
        return f"{older.reader} became {older.writer}"
    assert newer is not None
    return f"{newer.writer} became {newer.reader}"


def _renamed(older: Schema, newer: Schema) -> dict[str, str]:
    """Return fields that seem to have changed their name only: one of its type went, one came, in the same record."""
    before, after = _fields(older), _fields(newer)
    gone = [place for place in before if place not in after]
    come = [place for place in after if place not in before]
    found = {}
    for old in gone:
        like = [new for new in come if _record_of(new) == _record_of(old) and after[new] == before[old]]
        if len(like) == 1:
            found[old] = like[0]
    return found


def _fields(schema: Schema) -> dict[str, str]:
    """Return the type of every field, down to the last, by dotted name."""
    return {place: type_name(kind) for place, kind in _places(schema, "", named_types(schema))}


def _enums(schema: Schema) -> dict[str, Schema]:
    """Return every enum by the dotted name of its field."""
    known = named_types(schema)
    found = {}
    for place, kind in _places(schema, "", known):
        for branch in kind if isinstance(kind, list) else [kind]:
            if described(branch, known)["type"] == "enum":
                found[place] = described(branch, known)
    return found


def _places(schema: Any, place: str, known: Mapping[str, Schema]) -> Iterator[tuple[str, Any]]:
    for branch in schema if isinstance(schema, list) else [schema]:
        kind = described(branch, known)
        for inner in (kind.get("items"), kind.get("values")):
            if inner is not None:
                yield place, inner
                yield from _places(inner, place, known)
        for field in kind.get("fields", ()):
            name = f"{place}.{field['name']}".lstrip(".")
            yield name, field["type"]
            yield from _places(field["type"], name, known)


def _record_of(place: str) -> str:
    return place.rpartition(".")[0]


def _enum_changes(older: Schema, newer: Schema) -> Iterator[str]:
    before, after = _enums(older), _enums(newer)
    for place in sorted(before.keys() & after.keys()):
        then, now = before[place], after[place]
        removed = [symbol for symbol in then["symbols"] if symbol not in now["symbols"]]
        if removed and "default" in now:
            yield (
                f"{place}: {', '.join(removed)} was taken away, old records would be read as the default,"
                f" {now['default']}. Keep the symbol; nobody has to write it"
            )
        kept = [symbol for symbol in then["symbols"] if symbol in now["symbols"]]
        if kept != [symbol for symbol in now["symbols"] if symbol in then["symbols"]]:
            yield (
                f"{place}: its symbols changed their order, and a symbol is written as its place in that order: a"
                f" program that reads without the writer's schema would take one for another. Keep the order of"
                f" {', '.join(kept)}"
            )


def _avros_own(older: Schema, newer: Schema) -> list[str]:
    return [
        *_avro_problems(reader=newer, writer=older, whom=_NEWER),
        *_avro_problems(reader=older, writer=newer, whom=_OLDER),
    ]


def _avro_problems(*, reader: Schema, writer: Schema, whom: str) -> Iterator[str]:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # avro annotates in part
    result = checker.get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    if result.compatibility is not SchemaCompatibilityType.compatible:
        yield f"{whom}: {'; '.join(sorted(result.messages))} ({', '.join(sorted(result.locations))})"
