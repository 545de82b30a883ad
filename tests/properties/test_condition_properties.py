"""Whatever is typed as a condition, it is refused or it is a yes or no about the data it was given."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from dispatch.replay.debug.conditions import parse_condition
from dispatch.replay.debug.shapes import Kind, Shape, element, inside, kinds, shape_of
from kernel.contracts.messages import Rejection, Selection, Signal
from kernel.domain.errors import ConfigError
from kernel.testing.builders import a_selection, a_signal

SHAPES = {"signal": shape_of(Signal), "answer": shape_of(Selection, Rejection)}
NAMES = {"signal": a_signal(), "answer": a_selection()}
#: Of ours, of Python's insides, of pydantic's.
_WORDS = st.sampled_from(
    [
        "signal",
        "answer",
        "meta",
        "idea",
        "legs",
        "score",
        "total",
        "code",
        "mid",
        "bid",
        "underlying",
        "rejects",
        "figures",
        "strategy",
        "occurred_at",
        "id",
        "__class__",
        "__init__",
        "__globals__",
        "__subclasses__",
        "__dict__",
        "model_dump",
        "model_fields_set",
        "model_copy",
        "copy",
        "json",
        "func",
        "__import__",
        "eval",
        "os",
        "x",
        "mro",
        "items",
        "get",
        "format",
    ]
)
_LITERALS = st.one_of(
    st.integers(-5, 10**9).map(repr), st.floats(allow_nan=False).map(repr), st.text(max_size=6).map(repr)
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def shaped(*forms: str) -> st.SearchStrategy[str]:
        return st.tuples(st.sampled_from(forms), inner, inner, _WORDS).map(
            lambda made: made[0].format(a=made[1], b=made[2], w=made[3])
        )

    fields = shaped("{a}.{w}", "{a}[0]", "{a}['{w}']", "{a}.{w}.{w}")
    tests = shaped("{a} == {b}", "{a} < {b}", "{a} in {b}", "{a} is {b}", "{a} in ({b}, {b})")
    joined = shaped("({a}) and ({b})", "not ({a})", "({a}) or ({b})", "-{a}")
    beyond = shaped(
        "{a}()", "{a}({b})", "{a} + {b}", "lambda: {a}", "[{w} for {w} in {a}]", "({w} := {a})", "f'{{{a}}}'"
    )
    return fields | tests | joined | beyond


_PATHS = st.sampled_from(
    ["signal", "answer", "signal.idea", "answer.legs", "answer.rejects", "answer.mid", "answer.score.total"]
)
EXPRESSIONS = st.recursive(_PATHS | _WORDS | _LITERALS, _larger, max_leaves=8)


@given(EXPRESSIONS | st.text(max_size=60))
def test_a_condition_is_refused_or_reads_only_the_data_it_was_given(text: str) -> None:
    try:
        condition = parse_condition(text, SHAPES)
    except ConfigError:
        return
    assert isinstance(condition.holds(NAMES), bool)
    for node in ast.walk(ast.parse(text.strip(), mode="eval")):
        assert not isinstance(node, (ast.Call, ast.Lambda, ast.comprehension, ast.NamedExpr, ast.JoinedStr))
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            assert _is_data(node)


def _is_data(node: ast.expr) -> bool:
    """Walk a path by the models alone."""
    return bool(_shape(node))


def _shape(node: ast.expr) -> Shape:
    match node:
        case ast.Name(id=name):
            return SHAPES[name]
        case (
            ast.Attribute(value=owner, attr=name)
            | ast.Subscript(value=owner, slice=ast.Constant(value=str(name)))
        ):
            shape = _shape(owner)
            known = {field for each in shape if hasattr(each, "model_fields") for field in each.model_fields}
            assert name in known or Kind.TABLE in kinds(shape)
            assert not name.startswith("_")
            return inside(shape, name)
        case ast.Subscript(value=owner):
            return element(_shape(owner))
        case _:
            return shape_of()
