"""`--break EXPRESSION`: a condition over one decision. Pure.

Entry points: `parse_condition`, `Condition.holds`.
1. An expression is read, never run: only comparisons, `and`, `or`, `not`, `in`, the names it is given, their fields,
   and numbers, texts and None are known. Whatever else Python can say is refused.
2. A field is one of the message's model, a name of a table, a place in a list. No attribute of any object is reached.
3. What can be known before the run is checked before it: names, fields, and what is compared with what.
4. A field that an answer does not have is None: `answer.code` of a selection. Nothing is above or below None.
"""

import ast
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from pydantic import BaseModel

from dispatch.replay.debug.condition_terms import Names, Read, Term, link, nearest, said
from dispatch.replay.debug.shapes import Shape, element, inside, kinds, names_in, shape_of
from kernel.domain.errors import ConfigError

#: Longer is no condition but an accident, and bounds what the parser is given.
_MAX_CHARACTERS = 1000
_EXAMPLE = "conditions look like answer.score.total < 60 and signal.idea.underlying == 'SPY'"


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked expression."""

    text: str
    _read: Read

    def holds(self, names: Names) -> bool:
        """Tell whether it is true of these values."""
        return bool(self._read(names))


def parse_condition(text: str, shapes: Mapping[str, Shape]) -> Condition:
    """Read an expression over names of the given shapes; raises ConfigError that says what is wrong with it."""
    if len(text) > _MAX_CHARACTERS:
        raise ConfigError(f"--break: {len(text)} characters are too many for a condition ({_MAX_CHARACTERS})")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as of "\d" in a text, which is the writer's own affair
            tree = ast.parse(text.strip(), mode="eval")
        return Condition(text, _Reader(shapes).term(tree.body).read)
    except SyntaxError as e:
        raise ConfigError(f"--break: {text!r} is no condition: {e.msg}; {_EXAMPLE}") from None
    except (ValueError, RecursionError, MemoryError) as e:
        raise ConfigError(f"--break: {text!r} cannot be read: {e}") from None


class _Reader:
    """Turns a syntax tree into functions, checking as it goes."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._shapes = shapes
        #: All that an expression may be made of.
        self._readers: Mapping[type[ast.expr], Callable[[Any], Term]] = {
            ast.BoolOp: self._joined,
            ast.UnaryOp: self._turned,
            ast.Compare: self._comparison,
            ast.Constant: lambda node: _constant(node, node.value),
            ast.Tuple: self._collection,
            ast.List: self._collection,
            ast.Set: self._collection,
            ast.Name: self._name,
            ast.Attribute: lambda node: self._field(node, node.attr),
            ast.Subscript: self._subscript,
        }

    def term(self, node: ast.expr) -> Term:
        """Return the term a node is; raises ConfigError where it is none."""
        read = self._readers.get(type(node))
        return _refuse(node) if read is None else read(node)

    def _joined(self, node: ast.BoolOp) -> Term:
        parts = [self.term(value).read for value in node.values]
        of: Callable[[Iterable[Any]], bool] = all if isinstance(node.op, ast.And) else any
        return _truth(node, lambda names: of(part(names) for part in parts))

    def _turned(self, node: ast.UnaryOp) -> Term:
        """Read `not …` and a number below zero."""
        if isinstance(node.op, ast.Not):
            inner = self.term(node.operand).read
            return _truth(node, lambda names: not inner(names))
        number = node.operand.value if isinstance(node.operand, ast.Constant) else None
        if not isinstance(node.op, ast.USub) or not isinstance(number, (int, float)):
            return _refuse(node)
        return _constant(node, -number)

    def _comparison(self, node: ast.Compare) -> Term:
        terms = [self.term(each) for each in (node.left, *node.comparators)]
        links = [link(op, left, right) for op, left, right in zip(node.ops, terms, terms[1:], strict=False)]
        return _truth(node, lambda names: all(link(names) for link in links))

    def _collection(self, node: ast.Tuple | ast.List | ast.Set) -> Term:
        members = [self.term(each) for each in node.elts]
        if any(member.constants is None or member.is_group for member in members):
            _refuse(node)
        values = tuple(value for member in members for value in member.constants or ())
        return Term(ast.unparse(node), shape_of(*map(type, values)), lambda _: values, values, is_group=True)

    def _name(self, node: ast.Name) -> Term:
        shape = self._shapes.get(node.id)
        if shape is None:
            raise ConfigError(f"--break: there is no {node.id!r}: {nearest(node.id, list(self._shapes))}")
        return Term(node.id, shape, lambda names: names.get(node.id))

    def _field(self, node: ast.Attribute | ast.Subscript, name: str) -> Term:
        owner = self.term(node.value)
        shape = shape_of() if name.startswith("_") else inside(owner.shape, name)
        if not shape or owner.constants is not None:
            known = names_in(owner.shape)
            has = nearest(name, known) if known else f"it is {said(kinds(owner.shape))}"
            raise ConfigError(f"--break: {owner.text} has no {name!r}: {has}")
        return Term(ast.unparse(node), shape, lambda names: _child(owner.read(names), name))

    def _subscript(self, node: ast.Subscript) -> Term:
        place = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if isinstance(place, str):
            return self._field(node, place)
        return self._element(node, place) if isinstance(place, int) else _refuse(node)

    def _element(self, node: ast.Subscript, place: int) -> Term:
        owner = self.term(node.value)
        shape = element(owner.shape)
        if not shape or owner.constants is not None:
            raise ConfigError(f"--break: {owner.text} is no list, it has no [{place}]")
        return Term(ast.unparse(node), shape, lambda names: _at(owner.read(names), place))


def _constant(node: ast.expr, value: Any) -> Term:
    if value is not None and not isinstance(value, (str, int, float)):
        _refuse(node)
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    return Term(ast.unparse(node), shape_of(type(exact)), lambda _: exact, (exact,))


def _truth(node: ast.expr, read: Read) -> Term:
    return Term(ast.unparse(node), shape_of(bool), read)


def _child(value: Any, name: str) -> Any:
    if isinstance(value, BaseModel):
        return getattr(value, name) if name in type(value).model_fields else None
    return value.get(name) if isinstance(value, Mapping) else None


def _at(value: Any, place: int) -> Any:
    return value[place] if isinstance(value, tuple) and -len(value) <= place < len(value) else None


def _refuse(node: ast.expr) -> NoReturn:
    raise ConfigError(
        f"--break: {ast.unparse(node)!r} is more than a condition can say:"
        " comparisons of fields with numbers and texts, joined by and, or, not, in"
    )
