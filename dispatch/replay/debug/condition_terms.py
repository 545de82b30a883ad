"""The parts of a condition and how two of them are compared. Pure.

Entry points: `Term`, `link`.
"""

import ast
import difflib
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NoReturn, TypeAlias

from dispatch.replay.debug.shapes import Kind, Shape, choices, kinds, shape_of
from kernel.domain.clock import require_utc
from kernel.domain.errors import ConfigError

Names: TypeAlias = Mapping[str, Any]
Read: TypeAlias = Callable[[Names], Any]
_Test: TypeAlias = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Term:
    """A part of an expression: how it reads, what it may be. `constants`: what it is, if it is known already."""

    text: str
    shape: Shape
    read: Read
    constants: tuple[Any, ...] | None = None
    is_group: bool = False


def link(op: ast.cmpop, left: Term, right: Term) -> Read:
    """Return the reading of `left op right`."""
    if isinstance(op, (ast.In, ast.NotIn)):
        within, turned = _within(left, right), isinstance(op, ast.NotIn)
        return lambda names: within(names) is not turned
    if isinstance(op, (ast.Is, ast.IsNot)) and (None,) not in (left.constants, right.constants):
        raise ConfigError(f"--break: `is` compares with None only; say {left.text} == {right.text}")
    if left.is_group or right.is_group:
        raise ConfigError(f"--break: say `in` of several: {left.text} in {right.text}")
    _check_kinds(left, right)
    test, one, other = _TESTS[type(op)], _fitted(left, right).read, _fitted(right, left).read
    return lambda names: test(one(names), other(names))


def _within(item: Term, group: Term) -> Read:
    """Return the reading of `item in group`: one of several, part of a text, a name of a table."""
    if group.is_group:
        held = _fitted(group, item).constants or ()
        return lambda names: any(_equal(item.read(names), each) for each in held)
    if not kinds(group.shape) & {Kind.TEXT, Kind.LIST, Kind.TABLE}:
        raise ConfigError(f"--break: nothing can be in {group.text}: it is {said(kinds(group.shape))}")
    return lambda names: _holds(group.read(names), item.read(names))


def _holds(group: Any, item: Any) -> bool:
    if isinstance(group, str):
        return isinstance(item, str) and item in group
    return any(_equal(item, each) for each in group or ())


def _check_kinds(left: Term, right: Term) -> None:
    """Raise ConfigError where two fields can never be equal, or are more than a value."""
    if left.constants is None and right.constants is None:
        common = kinds(left.shape) & kinds(right.shape)
        if not common or Kind.RECORD in common:
            _cannot_compare(left, right)


def _fitted(term: Term, other: Term) -> Term:
    """Return a constant as what it is compared with has it; raises ConfigError where the two can never be equal."""
    if term.constants is None or other.constants is not None:
        return term
    values = tuple(_as_compared(value, term, other) for value in term.constants)
    return Term(
        term.text, term.shape, lambda _: values if term.is_group else values[0], values, term.is_group
    )


def _as_compared(value: Any, term: Term, other: Term) -> Any:
    known = kinds(other.shape)
    if value is None:
        return None
    if isinstance(value, str) and Kind.TIME in known:
        return _instant(value, other)
    if not kinds(shape_of(type(value))) & known:
        _cannot_compare(other, term)
    allowed = choices(other.shape) if isinstance(value, str) else None
    if allowed is not None and value not in allowed:
        raise ConfigError(f"--break: {other.text} is never {value!r}: {nearest(value, allowed)}")
    return value


def _instant(text: str, other: Term) -> datetime:
    try:
        return require_utc(datetime.fromisoformat(text))
    except ValueError:
        msg = f"--break: {other.text} is an instant; {text!r} is none with a zone, like 2026-06-05T14:30:00Z"
        raise ConfigError(msg) from None


def _equal(left: Any, right: Any) -> bool:
    left, right = _numbers(left, right)
    return bool(left == right)


def _ordered(test: Callable[[Any, Any], Any]) -> _Test:
    def ordered(left: Any, right: Any) -> bool:
        left, right = _numbers(left, right)
        if left is None or right is None:
            return False
        try:
            return bool(test(left, right))
        except TypeError:  # a field that is now text, now a number
            return False

    return ordered


def _numbers(left: Any, right: Any) -> tuple[Any, Any]:
    """Compare an exact decimal with a binary float as floats: 0.1 means the float nearest to it."""
    if isinstance(left, float) and isinstance(right, Decimal):
        return left, float(right)
    if isinstance(right, float) and isinstance(left, Decimal):
        return float(left), right
    return left, right


_TESTS: Mapping[type[ast.cmpop], _Test] = {
    ast.Eq: _equal,
    ast.Is: _equal,
    ast.NotEq: lambda left, right: not _equal(left, right),
    ast.IsNot: lambda left, right: not _equal(left, right),
    ast.Lt: _ordered(operator.lt),
    ast.LtE: _ordered(operator.le),
    ast.Gt: _ordered(operator.gt),
    ast.GtE: _ordered(operator.ge),
}


def _cannot_compare(term: Term, other: Term) -> NoReturn:
    raise ConfigError(
        f"--break: {term.text} is {said(kinds(term.shape))}, {other.text} is {said(kinds(other.shape))}:"
        " these cannot be compared"
    )


def nearest(name: str, known: Sequence[str]) -> str:
    """Return what may have been meant by `name`, else all that is known."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"


def said(found: frozenset[Kind]) -> str:
    """Return kinds as a person says them."""
    return " or ".join(sorted(found)) or "None"
