"""A replay's results for a terminal: short lines, what matters first, nothing that steers a terminal."""

import io
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from dispatch.replay.compare import Difference
from dispatch.replay.report.figures import moved, shown
from dispatch.replay.report.telling import difference_lines, row_lines, show, to_document
from dispatch.replay.results import StageResult
from kernel.contracts.messages import RejectionCode
from kernel.testing.builders import NOW
from tests.fakes.replays import a_recording, replayed


def told(results: Sequence[StageResult], limit: int = 20) -> list[str]:
    out = io.StringIO()
    show(results, Console(file=out, soft_wrap=True, width=100), limit)
    return out.getvalue().splitlines()


async def test_a_differing_input_is_a_line_with_its_answers_and_below_it_the_figures() -> None:
    results = await replayed(await a_recording(), "sizer", settings=["sizer.tiers.large.risk_pct=2"])
    lines = told(results)
    assert (
        lines[0].split()
        == (
            f"{results[0].rows[0].message.meta.correlation_id[:8]} SPY changed"
            " buy 4 SPY260612C00520000 at 2.50 → buy 8 SPY260612C00520000 at 2.50"
        ).split()
    )
    assert lines[1] == "    contracts         4 → 8 (+4)"
    assert lines[2] == "    total_risk_usd    1000 → 2000 (+1000)"
    assert all(len(line) <= 100 for line in lines)


async def test_an_answer_that_turned_is_told_once() -> None:
    results = await replayed(await a_recording(), "selector", settings=["selector.min_score=90"])
    assert row_lines(results[0].rows[1]) == ["SPY260612C00525000 at 72.1/100 → no: SCORE_BELOW_MINIMUM"]


async def test_the_sum_tells_only_what_there_is() -> None:
    results = await replayed(await a_recording(), "selector", settings=["selector.min_score=90"])
    lines = told(results, limit=1)
    assert "and 1 more; --json or --html shows all" in lines
    assert "  2 decisions changed: 2 refused now" in lines
    assert not any("swapped" in line or "risk" in line for line in lines)


async def test_a_stage_fed_by_another_tells_the_risk_that_is_gone() -> None:
    log = await a_recording()
    results = await replayed(log, "selector", "sizer", settings=["selector.min_score=90"])
    lines = told(results)
    assert any(line.endswith("buy 3 SPY260612C00525000 at 2.50 → nothing") for line in lines)
    assert any(line.startswith("  risk of those: $1,500.00 then, $0.00 now (-$1,500.00)") for line in lines)


def test_many_differences_are_cut_with_what_matters_first_and_long_texts_are_cut() -> None:
    found = [Difference(f"rejects.R{n}", n, n + 1) for n in range(30)]
    found += [Difference("message", "x" * 500, "y" * 500), Difference("answer", "a", "b")]
    lines = difference_lines(found, 4)
    assert lines[0].startswith("message")
    assert lines[-1] == "and 27 more"
    assert len(lines) == 5
    assert all(len(line) < 150 for line in lines)
    assert len(difference_lines(found)) == 31


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (Decimal("1E+3"), "1000"),
        (Decimal("2.500000"), "2.50"),
        (1 / 3, "0.333333"),
        (NOW.replace(microsecond=0), NOW.replace(microsecond=0).isoformat().replace("+00:00", "Z")),
        (RejectionCode.MARKET_CLOSED, "MARKET_CLOSED"),
        (b"abc", "<3 bytes>"),
        ("\x1b[2Jno", "\\x1b[2Jno"),
        (0, "0"),
    ],
)
def test_values_are_plain_short_and_printable(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        (Decimal("2.50"), Decimal("2.45"), "-0.05"),
        (4, 8, "+4"),
        (0.1, 0.3, "+0.2"),
        (Decimal(1), 0.5, "-0.5"),
        (None, 3, None),
        ("a", "b", None),
        (False, True, None),
    ],
)
def test_figures_move_and_words_do_not(one: Any, other: Any, text: str | None) -> None:
    assert moved(one, other) == text


async def test_json_has_every_row_and_what_was_left() -> None:
    results = await replayed(await a_recording(), "selector", settings=["selector.min_score=90"])
    (stage,) = to_document(results, ["selector.min_score=90"])["stages"]
    assert (stage["inputs"], stage["left"], len(stage["rows"])) == (4, 0, 4)


@pytest.mark.parametrize(
    ("stage", "settings", "said"),
    [
        ("selector", [], "selector: 4 decided in 9.0 s (0/s): 4 same"),
        ("signals", [], "signals: 0 decided, 4 passed on in 9.0 s (0/s)"),
        (
            "selector",
            ["selector.strategies.day_trade.dte_max=9"],
            "selector: 0 decided, 4 unrecorded in 9.0 s (0/s)",
        ),
    ],
)
async def test_only_what_was_decided_is_called_decided(
    stage: str, settings: Sequence[str], said: str
) -> None:
    (result,) = await replayed(await a_recording(), stage, settings=settings)
    assert said in told([replace(result, seconds=9.0)])


async def test_what_could_not_be_decided_is_told_apart_from_what_changed() -> None:
    results = await replayed(
        await a_recording(), "selector", settings=["selector.strategies.day_trade.dte_max=9"]
    )
    assert "  0 decisions changed; 4 could not be decided" in told(results)
    (stage,) = to_document(results, [])["stages"]
    assert (stage["decided"], stage["effect"]["decisions_changed"], stage["effect"]["not_decided"]) == (
        0,
        0,
        4,
    )
