"""What `--break` understands, what it makes of it, and what it refuses before anything runs."""

import pytest

from dispatch.replay.debug.conditions import parse_condition
from dispatch.replay.debug.shapes import shape_of
from dispatch.replay.results import Status
from kernel.contracts.messages import Evidence, Rejection, RejectionCode, Selection, Signal
from kernel.domain.errors import ConfigError
from kernel.testing.builders import a_meta, a_score, a_selection, a_signal, an_idea

SHAPES = {
    "signal": shape_of(Signal),
    "answer": shape_of(Selection, Rejection),
    "evidence": shape_of(Evidence),
    "status": shape_of(Status),
    "differing": shape_of(tuple[str, ...]),
}
SELECTED = a_selection(score=a_score(total=91.3), rejects={"VOLUME_TOO_LOW": 40})
REFUSED = Rejection(
    meta=a_meta(), idea=an_idea(), code=RejectionCode.SCORE_BELOW_MINIMUM, message="no", figures={"best": "3"}
)
NAMES = {
    "signal": a_signal(),
    "answer": SELECTED,
    "evidence": None,
    "status": Status.CHANGED,
    "differing": ("legs.0.bid",),
}


@pytest.mark.parametrize(
    ("text", "of_selected", "of_refused"),
    [
        ("answer.score.total > 60", True, False),
        ("60 < answer.score.total < 91", False, False),
        ("answer.score.total >= 91.3 and answer.mid == 2.5", True, False),
        ("not answer.score.total > 60", False, True),
        ("answer.code == 'SCORE_BELOW_MINIMUM'", False, True),
        ("answer.code != 'SCORE_BELOW_MINIMUM'", True, False),
        ("answer.code in ('SCORE_BELOW_MINIMUM', 'MARKET_CLOSED')", False, True),
        ("answer.code not in ['SCORE_BELOW_MINIMUM']", True, False),
        ("answer.code is None", True, False),
        ("answer.code", False, True),
        ("answer.score.total < 0 or signal.idea.underlying == 'SPY'", True, True),
        ("answer.legs[0].delta > -0.5", True, False),
        ("answer.legs[3].delta > -0.5", False, False),
        ("answer.rejects.VOLUME_TOO_LOW > 39", True, False),
        ("answer.rejects['DELTA_OUT_OF_BAND'] > 39", False, False),
        ("'VOLUME_TOO_LOW' in answer.rejects", True, False),
        ("answer.figures.best == '3'", False, True),
        ("'PY' in signal.idea.underlying", True, True),
        ("'legs.0.bid' in differing and status == 'changed'", True, True),
        ("evidence == None", True, True),
        ("evidence.decided_at > '2026-06-05T10:00:00Z'", False, False),
        ("signal.meta.occurred_at > '2026-06-05T10:00:00+02:00'", True, True),
        ("answer.spread_pct > answer.score.total", False, False),
    ],
)
def test_a_condition_is_true_of_the_decisions_it_describes(
    text: str, of_selected: bool, of_refused: bool
) -> None:
    condition = parse_condition(text, SHAPES)
    assert condition.holds(NAMES) is of_selected
    assert condition.holds({**NAMES, "answer": REFUSED}) is of_refused


def test_a_number_means_the_decimal_that_is_written() -> None:
    tenth = {**NAMES, "answer": a_selection(mid="2.1", spread_pct=0.1)}
    assert parse_condition("answer.mid == 2.1 and answer.spread_pct == 0.1", SHAPES).holds(tenth)
    assert not parse_condition("answer.mid < 2.1 or answer.mid > 2.1", SHAPES).holds(tenth)


def test_without_an_answer_every_field_of_it_is_absent() -> None:
    nothing = {**NAMES, "answer": None}
    assert parse_condition("answer == None and answer.legs[0].bid is None", SHAPES).holds(nothing)
    assert not parse_condition("answer.mid < 99999 or answer.mid > 0", SHAPES).holds(nothing)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("answer.scor > 60", "answer has no 'scor': did you mean score?"),
        ("signl.idea", "there is no 'signl': did you mean signal?"),
        ("signal.idea.underlying.x == 1", "signal.idea.underlying has no 'x': it is text"),
        ("signal[0]", "signal is no list, it has no [0]"),
        ("answer.code == 'SCORE_BELOW'", "did you mean SCORE_BELOW_MINIMUM?"),
        ("answer.code in ('MARKET_CLOSED', 'SCORE')", "answer.code is never 'SCORE'"),
        ("signal.idea.strategy == 'day'", "signal.idea.strategy is never 'day'"),
        (
            "answer.score.total > '60'",
            "answer.score.total is a number, '60' is text: these cannot be compared",
        ),
        ("answer.mid > signal.idea.underlying", "these cannot be compared"),
        ("answer == signal", "these cannot be compared"),
        ("answer.score > 3", "these cannot be compared"),
        ("signal.meta.occurred_at > '2026-06-05'", "is none with a zone"),
        ("3 in answer.mid", "nothing can be in answer.mid"),
        ("status == ('changed', 'same')", "say `in` of several"),
        ("status is 'changed'", "say status == 'changed'"),
        ("answer.mid = 3", "is no condition: invalid syntax"),
        ("(answer.mid", "was never closed"),
        ("", "is no condition"),
        ("answer.mid + 1 > 3", "more than a condition can say"),
        ("~1", "more than a condition can say"),
        ("-answer.mid > 1", "more than a condition can say"),
        ("answer.legs[0:1]", "more than a condition can say"),
        ("answer.code in (answer.code,)", "more than a condition can say"),
        ("1j == 1", "more than a condition can say"),
        ("b'x' == 1", "more than a condition can say"),
        ("... == 1", "more than a condition can say"),
        ("(" * 300 + "1" + ")" * 300, "--break"),
        ("not " * 230 + "x", "there is no 'x'"),
        ("-" * 999 + "1", "--break"),
        ("x" * 1001, "1001 characters are too many"),
    ],
)
def test_what_cannot_be_is_refused_before_the_run_with_its_reason(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_condition(text, SHAPES)
    assert str(refused.value).startswith("--break: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "answer.__class__",
        "answer.rejects.__class__",
        "answer['__dict__']",
        "answer.model_dump",
        "signal.idea.model_copy()",
        "'x'.format",
        "'{0.__class__}'.format(answer)",
        "f'{answer}'",
        "(lambda: 1)()",
        "[x for x in answer.legs]",
        "(x := answer)",
        "{**answer.rejects}",
        "print",
        "[].__class__",
    ],
)
def test_nothing_but_data_is_reached(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_condition(text, SHAPES)
