"""What a value of a message may be, told from its model before there is one. Pure.

Entry points: `shape_of`, `inside`, `element`, `kinds`.
A shape is the set of types a value may have: a stage's answer is a selection or a rejection. None is left out, since
any value may be absent.
"""

import types
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel

Shape: TypeAlias = frozenset[Any]


class Kind(StrEnum):
    """What can be compared with what; the text is how a person says it."""

    NUMBER = "a number"
    TEXT = "text"
    TIME = "an instant"
    BYTES = "bytes"
    LIST = "a list"
    TABLE = "a table of names and values"
    RECORD = "a record"


def shape_of(*annotations: Any) -> Shape:
    """Return the shape that type annotations describe."""
    return frozenset(leaf for annotation in annotations for leaf in _leaves(annotation))


def inside(shape: Shape, name: str) -> Shape:
    """Return what lies under `name` in a value of that shape; empty when nothing can."""
    found: list[Any] = []
    for each in shape:
        if _is_record(each):
            field = each.model_fields.get(name)
            found += [] if field is None else [field.annotation]
        elif _kind(each) is Kind.TABLE:
            found.append(get_args(each)[1])
    return shape_of(*found)


def element(shape: Shape) -> Shape:
    """Return what lies in a list of that shape; empty when it is none."""
    return shape_of(*(get_args(each)[0] for each in shape if _kind(each) is Kind.LIST))


def names_in(shape: Shape) -> list[str]:
    """Return the fields of the records a shape may be, each once, in their order."""
    return list(dict.fromkeys(name for each in shape if _is_record(each) for name in each.model_fields))


def kinds(shape: Shape) -> frozenset[Kind]:
    """Return the kinds a value of that shape may be of."""
    return frozenset(map(_kind, shape))


def choices(shape: Shape) -> list[str] | None:
    """Return the only texts a value of that shape may be; None when it may be any."""
    if not shape or not all(_is_enum(each) for each in shape):
        return None
    return sorted({member.value for each in shape for member in each})


def _leaves(annotation: Any) -> Iterable[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _leaves(get_args(annotation)[0])
    elif origin is Union or isinstance(annotation, types.UnionType):
        for each in get_args(annotation):
            yield from _leaves(each)
    elif annotation is not types.NoneType:
        yield annotation


def _kind(each: Any) -> Kind:
    origin = get_origin(each)
    if origin is tuple:
        return Kind.LIST
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Kind.TABLE
    for kind, members in _KINDS.items():
        if isinstance(each, type) and issubclass(each, members):
            return kind
    raise TypeError(f"{each!r} is no type of a message's field")


_KINDS: dict[Kind, tuple[type, ...]] = {
    Kind.NUMBER: (int, float, Decimal),
    Kind.TEXT: (str,),
    Kind.TIME: (datetime,),
    Kind.BYTES: (bytes,),
    Kind.RECORD: (BaseModel,),
}


def _is_record(each: Any) -> bool:
    return isinstance(each, type) and issubclass(each, BaseModel)


def _is_enum(each: Any) -> bool:
    return isinstance(each, type) and issubclass(each, StrEnum)
