"""Compares a pydantic model with the Avro schema it travels by, field by field, all the way down.

Entry point: `model_problems`.
1. A model and its schema have the same fields.
2. A field may be None in the model exactly where it may be null in the schema.
3. Types match one to one: what the schema can carry, the model can hold, and the other way round. An enum of the
   schema has one symbol more than the model at most: its default, read where a later release wrote a symbol unknown here.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from kernel.contracts.resolution import Schema, named_types

_SIMPLE: Mapping[Any, tuple[tuple[str, str | None], ...]] = {
    str: (("string", None),),
    bytes: (("bytes", None),),
    bool: (("boolean", None),),
    int: (("int", None), ("long", None)),
    float: (("double", None),),
    Decimal: (("bytes", "decimal"),),
    datetime: (("long", "timestamp-micros"),),
}


def model_problems(name: str, model: type[BaseModel], schema: Schema) -> list[str]:
    """Return where `model` and `schema` differ, one line a field."""
    return list(_record_problems(name, model, schema, named_types(schema)))


def _record_problems(
    path: str, model: type[BaseModel], schema: Schema, known: Mapping[str, Schema]
) -> Iterator[str]:
    fields = {field["name"]: field for field in schema.get("fields", ())}
    for name in sorted(fields.keys() - model.model_fields.keys()):
        yield f"{path}.{name}: in the schema, not in {model.__name__}"
    for name, info in model.model_fields.items():
        if name not in fields:
            yield f"{path}.{name}: in {model.__name__}, not in the schema"
            continue
        yield from _type_problems(f"{path}.{name}", info.annotation, fields[name]["type"], known)


def _type_problems(path: str, annotation: Any, schema: Any, known: Mapping[str, Schema]) -> Iterator[str]:
    kind, may_be_none = _bare(annotation)
    branches = schema if isinstance(schema, list) else [schema]
    if ("null" in branches) is not may_be_none:
        yield f"{path}: {'may be' if may_be_none else 'is never'} None in the model, not so in the schema"
    carried = [branch for branch in branches if branch != "null"]
    if len(carried) != 1:
        yield f"{path}: a union of several types has no model"
        return
    described = known.get(str(carried[0]), carried[0])
    yield from _carried_problems(path, kind, described, known)


def _carried_problems(path: str, kind: Any, schema: Any, known: Mapping[str, Schema]) -> Iterator[str]:
    described: Schema = schema if isinstance(schema, dict) else {"type": schema}
    if isinstance(kind, type) and issubclass(kind, BaseModel) and described["type"] == "record":
        yield from _record_problems(path, kind, described, known)
    elif isinstance(kind, type) and issubclass(kind, StrEnum) and described["type"] == "enum":
        yield from _enum_problems(path, kind, described)
    elif get_origin(kind) is tuple and described["type"] == "array":
        yield from _type_problems(f"{path}[]", get_args(kind)[0], described["items"], known)
    elif get_origin(kind) is Mapping and described["type"] == "map":
        yield from _type_problems(f"{path}{{}}", get_args(kind)[1], described["values"], known)
    elif (described["type"], described.get("logicalType")) not in _SIMPLE.get(kind, ()):
        yield f"{path}: {getattr(kind, '__name__', kind)} in the model, {described['type']} in the schema"


def _enum_problems(path: str, kind: type[StrEnum], schema: Schema) -> Iterator[str]:
    symbols, members = set(schema["symbols"]), {str(member) for member in kind}
    default = schema.get("default")
    if default not in symbols:
        yield f"{path}: the schema's enum has no default"
    if missing := members - symbols:
        yield f"{path}: {', '.join(sorted(missing))} is in the model, not in the schema"
    if unknown := symbols - members - {default}:
        yield f"{path}: {', '.join(sorted(unknown))} is in the schema, not in the model"


def _bare(annotation: Any) -> tuple[Any, bool]:
    """Return the type behind Annotated and `| None`, and whether None is allowed."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        inner = [part for part in get_args(annotation) if part is not NoneType]
        return (_bare(inner[0])[0], True) if len(inner) == 1 else (annotation, True)
    return annotation, False
