from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel

from kernel.contracts.base import UsdPositive, UtcTime
from kernel.contracts.model_schema import model_problems

DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 6}
TIME = {"type": "long", "logicalType": "timestamp-micros"}


class Colour(StrEnum):
    RED = "red"


class Inner(BaseModel):
    price: UsdPositive


class Outer(BaseModel):
    name: str
    count: int
    ratio: float
    price: Decimal | None
    at: UtcTime
    colour: Colour
    inner: tuple[Inner, ...]
    tally: Mapping[str, int]
    body: bytes


INNER = {"type": "record", "name": "Inner", "fields": [{"name": "price", "type": DECIMAL}]}
COLOUR = {"type": "enum", "name": "Colour", "symbols": ["red", "UNKNOWN"], "default": "UNKNOWN"}
FIELDS: dict[str, Any] = {
    "name": "string",
    "count": "long",
    "ratio": "double",
    "price": ["null", DECIMAL],
    "at": TIME,
    "colour": COLOUR,
    "inner": {"type": "array", "items": INNER},
    "tally": {"type": "map", "values": "int"},
    "body": "bytes",
}


def problems(**changes: Any) -> list[str]:
    fields = [{"name": name, "type": kind} for name, kind in (FIELDS | changes).items() if kind is not None]
    return model_problems("outer", Outer, {"type": "record", "name": "Outer", "fields": fields})


def test_a_model_that_is_what_its_schema_says_has_no_problem() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": None}, "outer.name: in Outer, not in the schema"),
        ({"extra": "string"}, "outer.extra: in the schema, not in Outer"),
        ({"name": "long"}, "outer.name: str in the model, long in the schema"),
        ({"name": ["null", "string"]}, "outer.name: is never None in the model, not so in the schema"),
        ({"price": DECIMAL}, "outer.price: may be None in the model, not so in the schema"),
        ({"price": ["null", "double"]}, "outer.price: Decimal in the model, double in the schema"),
        ({"price": ["null", "bytes"]}, "outer.price: Decimal in the model, bytes in the schema"),
        ({"body": DECIMAL}, "outer.body: bytes in the model, bytes in the schema"),
        ({"at": "long"}, "outer.at: datetime in the model, long in the schema"),
        ({"at": TIME | {"logicalType": "timestamp-millis"}}, "outer.at: datetime in the model, long in the schema"),
        ({"ratio": "float"}, "outer.ratio: float in the model, float in the schema"),
        ({"count": ["int", "string"]}, "outer.count: a union of several types has no model"),
        ({"inner": INNER}, "outer.inner: "),
        ({"tally": {"type": "map", "values": "string"}}, "outer.tally{}: int in the model, string in the schema"),
        ({"inner": {"type": "array", "items": INNER | {"fields": []}}}, "outer.inner[].price: in Inner, not in the schema"),
        ({"colour": COLOUR | {"symbols": ["UNKNOWN"]}}, "outer.colour: red is in the model, not in the schema"),
        (
            {"colour": COLOUR | {"symbols": ["red", "blue", "UNKNOWN"]}},
            "outer.colour: blue is in the schema, not in the model",
        ),
        ({"colour": COLOUR | {"default": None}}, "outer.colour: the schema's enum has no default"),
        ({"colour": "string"}, "outer.colour: Colour in the model, string in the schema"),
    ],
)  # fmt: skip
def test_a_difference_is_told_by_the_place_where_it_is(changes: dict[str, Any], problem: str) -> None:
    assert any(found.startswith(problem) for found in problems(**changes)), problems(**changes)


def test_a_type_given_by_name_is_looked_up() -> None:
    class Twice(BaseModel):
        first: Inner
        second: Inner

    fields = [{"name": "first", "type": INNER}, {"name": "second", "type": "dispatch.Inner"}]
    schema = {"type": "record", "name": "Twice", "namespace": "dispatch", "fields": fields}
    assert model_problems("twice", Twice, schema) == []
