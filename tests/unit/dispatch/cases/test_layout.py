"""JSON for a review: short values on a line, the rest a line each."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dispatch.cases.layout import lay_out

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(DOCUMENTS)
def test_it_is_json_of_the_same_value(document: Any) -> None:
    text = lay_out(document)
    assert json.loads(text) == document
    assert text == lay_out(json.loads(text))


def test_short_values_stand_on_one_line_and_others_apart() -> None:
    document = {
        "score": {"total": 90.5, "spread": 38.1},
        "legs": [{"symbol": "S" * 60}, {"symbol": "T" * 60}],
    }
    assert lay_out(document).splitlines() == [
        "{",
        '  "score": {"total": 90.5, "spread": 38.1},',
        '  "legs": [',
        f'    {{"symbol": "{"S" * 60}"}},',
        f'    {{"symbol": "{"T" * 60}"}}',
        "  ]",
        "}",
    ]


def test_a_schema_stays_on_one_line() -> None:
    text = lay_out({"name": "signal", "schema": {"fields": list(range(100))}})
    assert len(text.splitlines()) == 4
