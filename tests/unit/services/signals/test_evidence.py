import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from kernel.contracts.messages import SignalSource
from kernel.domain.ids import derive_id
from kernel.testing.builders import a_meta, a_signal
from services.signals.core.evidence import Scan, alert_in, evidence_of_alert, evidence_of_setup, scan_in
from services.signals.core.scanning import detect
from services.signals.core.setups import Setup
from tests.fakes.signals_market import (
    OPENS_AT,
    PARAMS,
    a_breakout_day,
    a_pullback_history,
    a_view,
    daily,
    minute,
)

NOW = OPENS_AT + timedelta(minutes=16)
SIGNAL = a_signal(meta=a_meta("scan:rule", "signals", occurred_at=NOW), source=SignalSource.SCANNER)
SCAN = Scan(looked_at=OPENS_AT, view=a_view(a_breakout_day(), a_pullback_history()), sessions_needed=50)


def test_what_was_seen_is_read_back_and_enough_to_find_the_same_again() -> None:
    evidence = evidence_of_setup(SIGNAL, SCAN)
    answers = detect(SCAN.view, PARAMS, NOW)
    assert any(isinstance(answer, Setup) for answer in answers)
    assert scan_in(evidence) == SCAN
    assert detect(scan_in(evidence).view, PARAMS, evidence.decided_at) == answers


def test_evidence_is_kept_under_the_signals_id() -> None:
    evidence = evidence_of_setup(SIGNAL, SCAN)
    assert (evidence.input_id, evidence.decided_at) == (SIGNAL.meta.id, NOW)
    assert evidence.meta.id == derive_id(SIGNAL.meta.id, "evidence")
    assert (evidence.meta.correlation_id, evidence.meta.causation_id) == (
        SIGNAL.meta.correlation_id,
        SIGNAL.meta.id,
    )


def test_items_say_what_they_are_and_of_when() -> None:
    items = evidence_of_setup(SIGNAL, SCAN).items
    assert [(i.name, i.observed_at) for i in items] == [
        ("session", OPENS_AT),
        ("minute_bars", NOW),
        ("daily_bars", NOW),
    ]


def test_an_alert_is_kept_byte_for_byte() -> None:
    body = b'{ "id": "tv-1",\n "price": 520.100 }'
    evidence = evidence_of_alert(SIGNAL, body)
    assert alert_in(evidence) == body
    assert (evidence.input_id, evidence.decided_at) == (SIGNAL.meta.id, NOW)


def test_a_scanners_evidence_holds_no_alert() -> None:
    assert alert_in(evidence_of_setup(SIGNAL, SCAN)) is None


def test_the_evidence_of_a_whole_session_stays_under_16_kb() -> None:
    chance = random.Random(7)
    minutes = [
        replace(
            minute(n, f"{chance.uniform(500, 540):.4f}", reach=f"{chance.uniform(0, 1):.4f}"),
            volume=chance.randrange(100_000),
        )
        for n in range(390)
    ]
    days = [daily(n, Decimal(f"{chance.uniform(400, 600):.2f}")) for n in range(150, 0, -1)]
    scan = replace(SCAN, view=a_view(minutes, days))
    assert sum(len(item.body) for item in evidence_of_setup(SIGNAL, scan).items) < 16_000
