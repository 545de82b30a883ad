"""Every change that breaks a reader is caught, at every field of every message; every one that does not is let through."""

import copy
import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from kernel.contracts.evolution import pair_problems
from kernel.contracts.resolution import Schema, named_types, obstacles
from kernel.contracts.schema_store import load_store

SCHEMAS = load_store().current_raw
OPTIONAL = {"type": ["null", "string"], "default": None}
each_message = pytest.mark.parametrize("name", sorted(SCHEMAS))

#: A change of the field `field` of `record`, or None where it does not apply.
Change = Callable[[Schema, dict[str, Any]], bool | None]


def _remove(record: Schema, field: dict[str, Any]) -> bool | None:
    if "default" in field:
        return False  # an older reader has the default
    record["fields"].remove(field)
    return None


def _rename(_: Schema, field: dict[str, Any]) -> bool | None:
    if "default" in field:
        return False
    field["name"] += "_renamed"
    return None


def _add_without_default(record: Schema, field: dict[str, Any]) -> bool | None:
    record["fields"].insert(record["fields"].index(field), {"name": "added", "type": "string"})
    return None


def _narrow(_: Schema, field: dict[str, Any]) -> bool | None:
    narrower = {"long": "int", "double": "float", "string": "bytes", "int": "boolean"}
    if not isinstance(field["type"], str) or field["type"] not in narrower:
        return False
    field["type"] = narrower[field["type"]]
    return None


def _allow_null(_: Schema, field: dict[str, Any]) -> bool | None:
    if isinstance(field["type"], list):
        return False
    field["type"] = ["null", field["type"]]
    return None


def _forbid_null(_: Schema, field: dict[str, Any]) -> bool | None:
    if not isinstance(field["type"], list):
        return False
    field["type"] = field["type"][1]
    field.pop("default", None)
    return None


def _rescale(_: Schema, field: dict[str, Any]) -> bool | None:
    kind = field["type"][1] if isinstance(field["type"], list) else field["type"]
    if not isinstance(kind, dict) or "scale" not in kind:
        return False
    kind["scale"] -= 2
    return None


def _other_time(_: Schema, field: dict[str, Any]) -> bool | None:
    kind = field["type"][1] if isinstance(field["type"], list) else field["type"]
    if not isinstance(kind, dict) or kind.get("logicalType") != "timestamp-micros":
        return False
    kind["logicalType"] = "timestamp-millis"
    return None


def _reorder(_: Schema, field: dict[str, Any]) -> bool | None:
    kind = field["type"]
    if not isinstance(kind, dict) or kind["type"] != "enum":
        return False
    kind["symbols"].reverse()
    return None


def _drop_symbol(_: Schema, field: dict[str, Any]) -> bool | None:
    kind = field["type"]
    if not isinstance(kind, dict) or kind["type"] != "enum":
        return False
    kind["symbols"].pop(0)
    return None


def _rename_type(_: Schema, field: dict[str, Any]) -> bool | None:
    kind = field["type"]
    if not isinstance(kind, dict) or "name" not in kind:
        return False
    kind["name"] += "Two"
    return None


BREAKING: dict[str, tuple[Change, str]] = {
    "remove a field": (_remove, "was removed, and had no default: a stage that still runs the older version"),
    "rename a field": (_rename, "was renamed to"),
    "add a field without default": (_add_without_default, "was added without a default: the newer version"),
    "narrow a type": (_narrow, " became "),
    "let a field be null": (_allow_null, "may now be null: a stage that still runs the older version"),
    "forbid null": (_forbid_null, "may no longer be null: the newer version could not read the records"),
    "change a scale": (_rescale, "bytes would be read as another value"),
    "change a unit of time": (_other_time, "bytes would be read as another value"),
    "reorder an enum": (_reorder, "its symbols changed their order"),
    "drop a symbol": (_drop_symbol, "was taken away, old records would be read as the default"),
    "rename a type": (_rename_type, "Keep the type's name"),
}


def versions(name: str, change: Change) -> Iterator[tuple[str, Schema]]:
    """Yield the schema of `name` with `change` made to one field after another, and that field's name."""
    records = [key for key, kind in named_types(SCHEMAS[name]).items() if "fields" in kind and "." not in key]
    for record_name in records:
        for number in range(len(named_types(SCHEMAS[name])[record_name]["fields"])):
            schema = copy.deepcopy(SCHEMAS[name])
            record = named_types(schema)[record_name]
            field = record["fields"][number]
            field_name = field["name"]
            if change(record, field) is not False:
                yield field_name, schema


parsed = functools.cache(parse)


def avro_allows(reader: Schema, writer: Schema) -> bool:
    """Return what the specification's own implementation says."""
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(parsed(json.dumps(reader)), parsed(json.dumps(writer)))
    return result.compatibility is SchemaCompatibilityType.compatible


@each_message
@pytest.mark.parametrize("kind", BREAKING)
def test_a_change_that_breaks_is_told_wherever_it_is_made(name: str, kind: str) -> None:
    change, told = BREAKING[kind]
    for field, schema in versions(name, change):
        problems = pair_problems(SCHEMAS[name], schema)
        assert any(told in problem for problem in problems), (field, problems)
        place = "added" if kind == "add a field without default" else field
        assert any(problem.partition(" ")[0].rstrip(":").endswith(place) for problem in problems), problems


def test_every_kind_of_change_was_tried() -> None:
    for kind, (change, _) in BREAKING.items():
        assert any(True for name in SCHEMAS for _ in versions(name, change)), kind


@each_message
@pytest.mark.parametrize("kind", BREAKING)
def test_a_reader_has_an_obstacle_wherever_avro_sees_one(name: str, kind: str) -> None:
    for field, schema in versions(name, BREAKING[kind][0]):
        for reader, writer in ((SCHEMAS[name], schema), (schema, SCHEMAS[name])):
            assert avro_allows(reader, writer) or obstacles(reader, writer), field


@each_message
def test_a_change_that_keeps_every_reader_is_let_through(name: str) -> None:
    def add_with_default(record: Schema, _: dict[str, Any]) -> None:
        record["fields"].append({"name": "added", **OPTIONAL})

    def add_symbol(_: Schema, field: dict[str, Any]) -> bool | None:
        kind = field["type"]
        if not isinstance(kind, dict) or kind["type"] != "enum":
            return False
        kind["symbols"].append("ADDED")
        return None

    def say_more(_: Schema, field: dict[str, Any]) -> None:
        field["doc"] = "More."

    for change in (add_with_default, add_symbol, say_more):
        for field, schema in versions(name, change):
            # An empty list is Avro's word too: evolution.py asks it last.
            assert pair_problems(SCHEMAS[name], schema) == [], field
