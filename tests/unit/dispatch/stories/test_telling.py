from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dispatch.stories import archive
from dispatch.stories.health_report import health_report
from dispatch.stories.story import Library
from dispatch.stories.telling import tell
from kernel.contracts.messages import OrderStatus, RejectionCode
from kernel.contracts.topics import EXECUTIONS, REJECTIONS, SELECTIONS, SIGNALS
from kernel.domain.errors import ConfigError
from kernel.stream.stage import Emission
from kernel.testing.builders import a_leg, a_selection, a_signal
from tests.fakes.stories import a_rejection, an_execution, filled, library_of, records, refused, story_of


def test_a_story_is_told_from_signal_to_fill_with_the_time_between() -> None:
    steps = tell(story_of(filled("one")))
    assert [step.headline for step in steps] == [
        "signal: SPY bullish day_trade",
        "selected SPY260605C00520000 with quality score 91.3/100",
        "ticket: buy 4 at $2.50, never above $2.51",
        "order ACKNOWLEDGED: 0 of 4 filled, limit $2.50",
        "order FILLED: 4 of 4 filled at $2.51",
    ]
    assert [step.after_ms for step in steps] == [0.0, 10.0, 10.0, 10.0, 10.0]


def test_the_ticket_shows_the_arithmetic_of_its_size() -> None:
    ticket = tell(story_of(filled("one")))[2]
    assert "min(floor(1000.00 / 250.00) = 4, cap 10, floor(100000.00 / 251.00) = 398) = 4" in " ".join(
        ticket.lines
    )


def test_a_refusal_shows_its_figures_and_the_contracts_refused() -> None:
    no = tell(story_of(refused("one")))[1]
    assert no.headline == "refused by the selector-no: NO_CONTRACT_QUALIFIES"
    assert "budget_usd 1000.00" in " ".join(no.lines)
    assert "40 VOLUME_TOO_LOW" in " ".join(no.lines)


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    odd = a_selection("one", legs=(a_leg(occ_symbol="SPY\x1b[2J"),))
    signal = a_signal("one", setup="\x1b[31mred")
    steps = tell(story_of([Emission(SIGNALS, signal), Emission(SELECTIONS, odd)]))
    assert "setup \\x1b[31mred" in steps[0].lines[0]
    assert steps[1].headline.startswith("selected SPY\\x1b[2J ")


def test_an_archive_tells_the_same_stories(tmp_path: Path) -> None:
    kept = records([*filled("one"), *refused("two")])
    archive.save(tmp_path / "messages.jsonl", kept)
    assert list(archive.load(tmp_path / "messages.jsonl")) == kept


def test_a_damaged_archive_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    archive.save(path, records(refused("one")))
    path.write_text(path.read_text() + "{}\n")
    with pytest.raises(ConfigError, match="line 3"):
        Library().add_all(archive.load(path))


def test_the_report_counts_scores_spreads_sizes_and_refusals() -> None:
    figures = health_report(library_of(filled("one"), filled("two"), refused("three")).signals())
    assert figures["signals"] == 3
    assert figures["orders"] == 2
    assert figures["score_above_60_pct"] == 100.0
    assert figures["spread_below_5_pct"] == 100.0
    assert figures["rejections"] == {"NO_CONTRACT_QUALIFIES": 1}
    assert figures["sizes"]["large"] == {
        "tickets": 2,
        "contracts_max": 4,
        "contracts_cap": 10,
        "risk_usd_max": 1000.0,
        "risk_pct_max": 1.0,
        "risk_pct_allowed": 1.0,
    }
    assert figures["slippage_usd_per_share"] == 0.01


def test_slippage_is_against_the_mid_the_execution_names_and_else_its_tickets() -> None:
    def slippage(**values: Any) -> Any:
        step = Emission(EXECUTIONS, an_execution("one", 1, OrderStatus.FILLED, **values))
        story = library_of([*filled("one")[:3], step])
        return health_report(story.signals())["slippage_usd_per_share"]

    assert slippage(decision_mid=Decimal("2.40")) == 0.11
    assert slippage() == 0.01


def test_the_report_of_nothing_is_empty_not_an_error() -> None:
    figures = health_report([])
    assert figures["signals"] == 0
    assert figures["score_above_60_pct"] is None


def test_both_refusals_for_want_of_money_count_and_so_do_contracts_that_cost_too_much() -> None:
    noes = [
        a_rejection("one", RejectionCode.RISK_BUDGET_TOO_SMALL, rejects={}),
        a_rejection("two", RejectionCode.BUYING_POWER_TOO_SMALL, rejects={}),
        a_rejection("three", rejects={"TOO_EXPENSIVE": 30, "VOLUME_TOO_LOW": 4}),
    ]
    causes = ("one", "two", "three")
    told: list[list[Emission[Any]]] = [
        [Emission(SIGNALS, a_signal(cause)), Emission(REJECTIONS, no)]
        for cause, no in zip(causes, noes, strict=True)
    ]
    figures = health_report(library_of(*told).signals())
    assert figures["rejected_for_want_of_money"] == 2
    assert figures["contracts_too_expensive"] == 30
