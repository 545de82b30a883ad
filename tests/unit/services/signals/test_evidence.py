from datetime import timedelta

from kernel.testing.builders import a_meta
from services.signals.core.evidence import evidence_of, read_view
from services.signals.core.scanning import detect
from services.signals.core.setups import Setup
from tests.fakes.signals_market import OPENS_AT, PARAMS, a_breakout_day, a_pullback_history, a_view


def test_what_was_seen_is_enough_to_find_the_same_again() -> None:
    view = a_view(a_breakout_day(), a_pullback_history())
    now = OPENS_AT + timedelta(minutes=16)
    evidence = evidence_of(a_meta(), "signal-1", view, now)
    answers = detect(view, PARAMS, now)
    assert any(isinstance(answer, Setup) for answer in answers)
    assert detect(read_view(evidence.items), PARAMS, evidence.decided_at) == answers


def test_evidence_is_kept_under_the_signals_id() -> None:
    now = OPENS_AT + timedelta(minutes=1)
    evidence = evidence_of(a_meta(), "signal-1", a_view(), now)
    assert (evidence.input_id, evidence.decided_at) == ("signal-1", now)
    assert {item.observed_at for item in evidence.items} == {now}
