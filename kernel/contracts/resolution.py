"""Whether a reader with one schema can take in what another wrote, place by place, by the rules of Avro's resolution.

Entry points: `obstacles` (one direction), `unwritten`, `named_types`.
1. No obstacle means: every record of the writer is read, and no value changes its meaning on the way.
2. That is stricter than Avro where Avro would let a value be misread: another logical type, precision or scale, and
   text read as bytes or back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Schema = dict[str, Any]

_LOGICAL = ("logicalType", "precision", "scale")
#: Types a reader may have wider than the writer without losing anything but precision.
_WIDER: Mapping[str, frozenset[str]] = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
}


class Kind(StrEnum):
    """What stands between a reader and a writer."""

    FIELD = "field"
    TYPE = "type"
    NULL = "null"
    NAME = "name"
    SYMBOLS = "symbols"
    MEANING = "meaning"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a record cannot be read: `place` is the field's dotted name, the other two what each side has there."""

    kind: Kind
    place: str
    reader: str
    writer: str

    def __str__(self) -> str:
        place = self.place or "the message"
        match self.kind:
            case Kind.FIELD:
                return f"{place}: not written, and the reader has no default for it"
            case Kind.NULL:
                return f"{place}: may be null where it is written, never where it is read"
            case Kind.SYMBOLS:
                return f"{place}: {self.writer} is unknown to the reader, whose enum has no default"
            case Kind.MEANING:
                return f"{place}: written as {self.writer}, it would be read as {self.reader}, another value"
            case Kind.TYPE | Kind.NAME:
                return f"{place}: written as {self.writer}, read as {self.reader}"


def obstacles(reader: Schema, writer: Schema) -> list[Obstacle]:
    """Return what keeps a reader with the schema `reader` from the records of `writer`; empty when nothing does."""
    return list(_between(reader, writer, "", (named_types(reader), named_types(writer))))


def unwritten(reader: Schema, writer: Schema) -> frozenset[str]:
    """Return the dotted names of the fields a reader has and the writer does not: what it reads there is a default."""
    return frozenset(_unwritten(reader, writer, "", (named_types(reader), named_types(writer))))


def named_types(schema: Any) -> dict[str, Schema]:
    """Return the records and enums defined anywhere in `schema`, by short name and by full name."""
    found: dict[str, Schema] = {}
    namespace = schema.get("namespace", "") if isinstance(schema, dict) else ""
    for named in _definitions(schema):
        found[named["name"]] = named
        found[f"{named.get('namespace', namespace)}.{named['name']}"] = named
    return found


def type_name(schema: Any) -> str:
    """Return a type as a person would say it: bytes(decimal, 18, 6), Leg, null or string."""
    if isinstance(schema, list):
        return " or ".join(type_name(branch) for branch in schema)
    if not isinstance(schema, dict):
        return str(schema)
    figures = [str(schema[key]) for key in _LOGICAL if key in schema]
    if figures:
        return f"{schema['type']}({', '.join(figures)})"
    return str(schema.get("name", schema["type"]))


_Known = tuple[Mapping[str, Schema], Mapping[str, Schema]]


def _definitions(schema: Any) -> Iterator[Schema]:
    if isinstance(schema, list):
        for branch in schema:
            yield from _definitions(branch)
    elif isinstance(schema, dict):
        if schema["type"] in {"record", "enum"}:
            yield schema
        for inner in (schema["type"], schema.get("items"), schema.get("values")):
            if isinstance(inner, dict | list):
                yield from _definitions(inner)
        for field in schema.get("fields", ()):
            yield from _definitions(field["type"])


def _between(reader: Any, writer: Any, place: str, known: _Known) -> Iterator[Obstacle]:
    if isinstance(writer, list) or isinstance(reader, list):
        yield from _between_unions(reader, writer, place, known)
        return
    wanted, given = described(reader, known[0]), described(writer, known[1])
    if wanted["type"] != given["type"]:
        plain = not any("logicalType" in side for side in (wanted, given))
        if not plain or wanted["type"] not in _WIDER.get(given["type"], ()):
            yield Obstacle(Kind.TYPE, place, type_name(wanted), type_name(given))
        return
    if [wanted.get(key) for key in _LOGICAL] != [given.get(key) for key in _LOGICAL]:
        yield Obstacle(Kind.MEANING, place, type_name(wanted), type_name(given))
    yield from _inside(wanted, given, place, known)


def _inside(wanted: Schema, given: Schema, place: str, known: _Known) -> Iterator[Obstacle]:
    if wanted["type"] in {"record", "enum", "fixed"} and _short(wanted) != _short(given):
        yield Obstacle(Kind.NAME, place, _short(wanted), _short(given))
        return
    if wanted["type"] == "enum" and "default" not in wanted:
        unknown = [symbol for symbol in given["symbols"] if symbol not in wanted["symbols"]]
        if unknown:
            yield Obstacle(Kind.SYMBOLS, place, ", ".join(wanted["symbols"]), ", ".join(unknown))
    if wanted["type"] == "fixed" and wanted["size"] != given["size"]:
        yield Obstacle(Kind.TYPE, place, f"{wanted['size']} bytes", f"{given['size']} bytes")
    for key in ("items", "values"):
        if key in wanted:
            yield from _between(wanted[key], given[key], place, known)
    written = {field["name"]: field["type"] for field in given.get("fields", ())}
    for field in wanted.get("fields", ()):
        inner = f"{place}.{field['name']}".lstrip(".")
        if field["name"] in written:
            yield from _between(field["type"], written[field["name"]], inner, known)
        elif "default" not in field:
            yield Obstacle(Kind.FIELD, inner, type_name(field["type"]), "nothing")


def _unwritten(reader: Any, writer: Any, place: str, known: _Known) -> Iterator[str]:
    for wanted, given in _records_in_both(reader, writer, known):
        written = {field["name"]: field["type"] for field in given["fields"]}
        for field in wanted["fields"]:
            inner = f"{place}.{field['name']}".lstrip(".")
            if field["name"] in written:
                yield from _unwritten(field["type"], written[field["name"]], inner, known)
            else:
                yield inner


def _records_in_both(reader: Any, writer: Any, known: _Known) -> Iterator[tuple[Schema, Schema]]:
    """Yield the records at one place of two schemas, each with its namesake: bare, in a union, in an array or a map."""
    wanted, given = (_records_at(side, types) for side, types in zip((reader, writer), known, strict=True))
    for name in wanted.keys() & given.keys():
        yield wanted[name], given[name]


def _records_at(schema: Any, types: Mapping[str, Schema]) -> dict[str, Schema]:
    if isinstance(schema, list):
        return {name: record for branch in schema for name, record in _records_at(branch, types).items()}
    definition = described(schema, types)
    if definition["type"] == "record":
        return {_short(definition): definition}
    inner = definition.get("items", definition.get("values"))
    return {} if inner is None else _records_at(inner, types)


def _between_unions(reader: Any, writer: Any, place: str, known: _Known) -> Iterator[Obstacle]:
    readable = reader if isinstance(reader, list) else [reader]
    for branch in writer if isinstance(writer, list) else [writer]:
        given = described(branch, known[1])
        if given["type"] == "null":
            if not any(described(each, known[0])["type"] == "null" for each in readable):
                yield Obstacle(Kind.NULL, place, type_name(reader), type_name(writer))
            continue
        yield from _best_of(readable, branch, place, known)


def _best_of(readable: list[Any], branch: Any, place: str, known: _Known) -> Iterator[Obstacle]:
    """Yield what stands between `branch` and the one of the reader's types that is nearest to it."""
    given = described(branch, known[1])["type"]
    carried = [each for each in readable if described(each, known[0])["type"] != "null"]
    alike = [each for each in carried if described(each, known[0])["type"] == given]
    trials = [list(_between(each, branch, place, known)) for each in alike or carried]
    if trials:
        yield from min(trials, key=len)
    else:
        yield Obstacle(Kind.TYPE, place, type_name(readable), type_name(branch))


def described(schema: Any, known: Mapping[str, Schema]) -> Schema:
    """Return a type as its definition, wherever it was given by its name alone."""
    if isinstance(schema, dict):
        inner = schema["type"]
        return described(inner, known) if isinstance(inner, dict) else schema
    found = known.get(str(schema))
    return found if found is not None else {"type": schema}


def _short(named: Schema) -> str:
    return str(named["name"]).rpartition(".")[2]
