"""What a trace says of decisions that were really taken: alternatives, arithmetic, parameters, revisions."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dispatch.stories.parameters import KnownParams
from dispatch.stories.story import Library
from dispatch.stories.telling import summary
from dispatch.stories.trace import Trace, trace_of
from dispatch.stories.trace_json import trace_json
from dispatch.stories.why import Shortlist, Why
from kernel.contracts.messages import Evidence, OrderStatus, RejectionCode
from kernel.contracts.topics import EVIDENCE, EXECUTIONS, REJECTIONS, SIGNALS
from kernel.domain.params import TradingParams
from kernel.stream.stage import Emission
from kernel.testing.builders import NOW, a_meta, a_signal, an_idea
from tests.fakes.chains import Row, an_account_at_the_venue
from tests.fakes.decided import decided, sized
from tests.fakes.params import PARAMS, params_with
from tests.fakes.stories import a_rejection, an_execution, filled, records, refused, story_of

HERE = Path("config/trading_params.json")
GOOD, SECOND, WIDE = Row(), Row(strike="521"), Row(strike="519", bid="2.30", ask="2.60")


def known(*others: TradingParams) -> KnownParams:
    return KnownParams(tuple((HERE, params) for params in (PARAMS, *others)))


def traced(emissions: list[Emission[Any]], *, top: int = 5, params: KnownParams | None = None) -> Trace:
    return trace_of(story_of(emissions), params or known(), top=top)


def why_of(emissions: list[Emission[Any]], place: int = 0, **values: Any) -> Why:
    return traced(emissions, **values).whys[place]


def symbols(shortlist: Shortlist) -> list[str]:
    return [candidate.contract.occ_symbol for candidate in shortlist.candidates]


def test_a_chosen_contract_is_shown_with_those_it_was_chosen_over() -> None:
    why = why_of(decided("one", GOOD, SECOND, WIDE))
    assert why.title == "Why this contract"
    assert why.warnings == ()
    chosen, *_ = why.shortlists
    assert chosen.chosen == GOOD.symbol
    assert symbols(chosen) == [GOOD.symbol, SECOND.symbol]
    assert why.lines[0].startswith(f"the next, {SECOND.symbol}, scores ")


def test_contracts_that_would_have_scored_more_are_shown_with_what_spoke_against_them() -> None:
    locked = Row(strike="520", bid="2.50", ask="2.50", tradable=False)
    why = why_of(decided("one", SECOND, locked))
    better = why.shortlists[1]
    assert better.title == "Would have scored more, but were refused"
    assert symbols(better) == [locked.symbol]


def test_at_most_top_alternatives_are_shown() -> None:
    rows = [Row(strike=str(520 + n)) for n in range(6)]
    assert len(why_of(decided("one", *rows), top=2).shortlists[0].candidates) == 3


def test_where_nothing_qualifies_the_best_of_the_refused_are_shown() -> None:
    why = why_of(decided("one", WIDE, Row(day_volume=3)))
    assert why.title == "Why no contract"
    (shortlist,) = why.shortlists
    assert {c.misses[0].text for c in shortlist.candidates} == {
        "spread 12.2%, must be below 10%",
        "volume 3, at least 200",
    }


def test_where_price_alone_speaks_against_a_contract_the_account_it_takes_is_told() -> None:
    why = why_of(decided("one", GOOD, account=an_account_at_the_venue("600")))
    assert why.lines == (
        f"the cheapest that is only too expensive: {GOOD.symbol}, $250 a contract",
        "options buying power that one contract would have fitted: $1,000 (tiny, 25% = $250.00 per trade)",
    )


def test_a_score_below_the_minimum_shows_the_best_that_qualify() -> None:
    params = params_with(min_score=99)
    why = why_of(decided("one", GOOD, SECOND, params=params), params=known(params))
    assert [s.title for s in why.shortlists] == ["Best of those that qualify"]
    assert why.shortlists[0].candidates[0].min_score == 99


def test_parameters_that_are_not_to_be_found_are_named_and_so_is_what_stands_in() -> None:
    params = params_with(spread_pct_below=20)
    story = decided("one", WIDE, params=params)
    why = why_of(story)
    assert params.config_hash in why.warnings[0]
    assert PARAMS.config_hash in why.warnings[0]
    assert "--params" in why.warnings[0]
    assert "decides otherwise on the same evidence: NO_CONTRACT_QUALIFIES" in why.warnings[1]
    assert why.scoring is None
    assert why_of(story, params=known(params)).warnings == ()


def test_an_answer_this_code_would_not_give_is_named() -> None:
    story = decided("one", GOOD, SECOND)
    answer = story[-1].message
    changed = answer.model_copy(
        update={"legs": (answer.legs[0].model_copy(update={"occ_symbol": SECOND.symbol}),)}
    )
    why = why_of([*story[:-1], replace(story[-1], message=changed)])
    assert why.warnings == (
        (
            f"this code decides otherwise on the same evidence: {GOOD.symbol} (recorded: {SECOND.symbol});"
            " see `dispatch replay`"
        ),
    )


def test_without_evidence_no_alternatives_are_made_up() -> None:
    story = decided("one", GOOD, SECOND)
    why = why_of([story[0], story[2]])
    assert why.shortlists == ()
    assert "not in the topics" in why.warnings[0]


def test_evidence_another_revision_wrote_in_its_own_way_is_named() -> None:
    signal, seen, answer = decided("one", GOOD)
    items = tuple(item.model_copy(update={"encoding": "of the future"}) for item in seen.message.items)
    odd = Emission(EVIDENCE, seen.message.model_copy(update={"items": items}))
    assert "cannot be read by this revision" in why_of([signal, odd, answer]).warnings[0]


def test_what_an_interrupted_attempt_saw_is_not_what_the_answer_was_taken_on() -> None:
    first = decided("one", WIDE, now=NOW - timedelta(seconds=1))
    signal, seen, answer = decided("one", GOOD, SECOND)
    story = story_of([signal, first[1], seen, answer])
    assert sum(isinstance(c.message, Evidence) for c in story.chapters) == 2
    trace = trace_of(story, known())
    assert trace.whys[0].warnings == ()
    assert symbols(trace.whys[0].shortlists[0]) == [GOOD.symbol, SECOND.symbol]
    assert trace.timing.spans[0].evidence_ms == 20.0


def test_the_same_evidence_read_twice_is_one_step() -> None:
    library = Library()
    library.add_all([*records(decided("one", GOOD)), *records(decided("one", GOOD))])
    (story,) = library.stories.values()
    assert len(story.chapters) == 3


def test_a_closed_market_tells_when_it_opens_next() -> None:
    closed = NOW + timedelta(hours=8)
    idea = an_idea(expires_at=closed + timedelta(hours=1))
    why = why_of(decided("one", GOOD, idea=idea, now=closed))
    assert why.lines == ("the next session opens 2026-06-08 13:30 UTC",)
    assert why.shortlists == ()


def test_a_size_is_shown_with_its_three_bounds() -> None:
    why = why_of(sized(decided("one", GOOD), equity="100000"), 1)
    assert why.size is not None
    assert [bound.contracts for bound in why.size.bounds] == [4, 10, 398]
    assert why.size.binding.by.value == "risk_budget"
    assert why.size.bounds[0].formula == "risk budget $1,000.00 ÷ max loss $250.00 a contract"


def test_a_size_refused_for_its_risk_tells_what_it_would_have_taken() -> None:
    why = why_of(sized(decided("one", GOOD), equity="900"), 1)
    assert why.size is not None
    assert why.size.binding.contracts == 0
    assert why.lines == (
        (
            "one contract would have fitted at a premium of at most $2.25 per share (was $2.50) and a price ceiling of"
            " at most $9.00 (was $2.51)"
        ),
        "options buying power that one contract would have fitted: $1,000 (tiny, 25% = $250.00 per trade)",
    )


@pytest.mark.parametrize(
    ("buying_power", "expected"), [("1000", "one contract would"), ("900", "not even one contract would")]
)
def test_money_in_flight_is_told_apart_from_want_of_money(buying_power: str, expected: str) -> None:
    story = sized(decided("one", GOOD), equity="1000", buying_power=buying_power, in_flight="400")
    why = why_of(story, 1)
    assert why.lines[-1] == f"without the $400 in flight {expected} have fitted"


def test_a_no_that_is_not_about_money_has_no_arithmetic() -> None:
    story = [*filled("one")[:2], Emission(REJECTIONS, a_rejection("one", RejectionCode.ACCOUNT_BLOCKED))]
    why = why_of(story, 1)
    assert why.size is None
    assert why.lines == ()


def test_a_signal_that_came_too_late_shows_its_times_by_the_markets_clock() -> None:
    at = NOW + timedelta(minutes=5, seconds=2)
    signal = a_signal("one")
    meta = a_meta(signal.meta.id, "selector", correlation_id=signal.meta.id, occurred_at=at)
    no = a_rejection("one", RejectionCode.SIGNAL_EXPIRED, meta=meta, rejects={}, account=None)
    why = why_of([Emission(SIGNALS, signal), Emission(REJECTIONS, no)])
    assert why.lines == ("2.000 s of market time too late", "it had 300 s of market time to be acted on")
    assert [name for name, _ in why.times] == [
        "the signal arose",
        "the signal was good until",
        "the selector decided",
    ]


def test_a_ticket_that_came_too_late_is_measured_by_its_own_time() -> None:
    at = NOW + timedelta(minutes=3)
    no = a_rejection(
        "one",
        RejectionCode.TICKET_EXPIRED,
        meta=a_meta("no", "executor", correlation_id=a_signal("one").meta.id, occurred_at=at),
    )
    why = why_of([*filled("one")[:3], Emission(REJECTIONS, no)], -1)
    assert why.lines[0] == "60.000 s of market time too late"
    assert "the ticket was good until" in dict(why.times)


def test_the_time_is_split_by_stage_on_both_clocks() -> None:
    told = traced(filled("one")).timing
    assert [(span.name, span.wall_ms) for span in told.spans] == [
        ("selector", 10.0),
        ("sizer", 10.0),
        ("executor", 10.0),
        ("order at the venue", 10.0),
    ]
    assert told.to_order is not None
    assert (told.to_order.wall_ms, told.to_order.market_ms) == (30.0, 0.0)
    assert told.whole is not None
    assert told.whole.wall_ms == 40.0


def test_the_time_until_a_decisions_evidence_was_written_is_told() -> None:
    (selector,) = traced(decided("one", GOOD)).timing.spans
    assert (selector.wall_ms, selector.evidence_ms) == (20.0, 10.0)


def test_a_refused_signal_has_the_time_of_who_refused_it_and_none_to_an_order() -> None:
    told = traced(refused("one")).timing
    assert told.to_order is None
    assert [(span.name, span.wall_ms) for span in told.spans] == [("selector-no", 10.0)]


def test_an_order_filled_at_once_was_at_the_venue_as_well() -> None:
    story = [*filled("one")[:3], Emission(EXECUTIONS, an_execution("one", 1, OrderStatus.FILLED))]
    told = traced(story).timing
    assert told.to_order is not None
    assert [span.name for span in told.spans] == ["selector", "sizer", "executor"]


def test_a_signal_alone_has_no_times() -> None:
    told = traced(filled("one")[:1]).timing
    assert (told.spans, told.to_order, told.whole) == ((), None, None)


def test_a_stage_that_changed_its_revision_within_a_signal_is_flagged() -> None:
    signal, _, answer = decided("one", GOOD, revision="rev-a")
    _, seen, _ = decided("one", GOOD, revision="rev-b")
    trace = traced([signal, seen, answer])
    selector = next(origin for origin in trace.origins if origin.stage == "selector")
    assert selector.revisions == ("rev-b", "rev-a")
    assert any(
        "the selector's messages of this signal come from 2 revisions" in line for line in trace.oddities
    )


def test_stages_with_different_parameters_are_flagged_and_alike_ones_are_not() -> None:
    assert traced(filled("one")).oddities == ()
    mixed = traced(decided("one", GOOD))  # the signal's builder signs with other parameters
    assert mixed.oddities == (
        f"the stages ran with different parameters: signals test, selector {PARAMS.config_hash}",
    )


@pytest.mark.parametrize(
    ("emissions", "expected"),
    [
        (filled("one"), "Bought 4 of 4 SPY Jun 05 520 call at $2.51 per share, $1,004.00"),
        (filled("one")[:4], "Order for 4 SPY Jun 05 520 call at $2.50 (score 91.3) is ACKNOWLEDGED"),
        (filled("one")[:1], "No order yet: no stage has answered its last message"),
        (
            refused("one"),
            "No order: the selector-no said NO_CONTRACT_QUALIFIES: none of 40 contracts qualifies",
        ),
        (
            [
                *filled("one")[:4],
                Emission(EXECUTIONS, an_execution("one", 2, OrderStatus.CANCELED, reason="late")),
            ],
            "Order for 4 SPY Jun 05 520 call at $2.50 (score 91.3) is CANCELED, nothing filled: late",
        ),
    ],
)
def test_the_end_of_a_story_is_one_sentence(emissions: list[Emission[Any]], expected: str) -> None:
    assert summary(story_of(emissions)) == expected


def test_json_keeps_the_keys_others_read_and_adds_the_rest() -> None:
    document = trace_json(traced(sized(decided("one", GOOD, SECOND), equity="900")))
    assert {"signal_id", "fate", "steps"} <= document.keys()
    assert {"topic", "partition", "offset", "written_at", "after_ms", "headline", "lines", "message"} == (
        document["steps"][0].keys()
    )
    contract, size = document["why"]
    assert contract["shortlists"][0]["candidates"][1]["occ_symbol"] == SECOND.symbol
    assert size["size"]["bounds"] == {"risk_budget": 0, "max_contracts": 2, "buying_power": 3}
    assert document["timing"]["stages"][0] == {
        "name": "selector",
        "wall_ms": 20.0,
        "market_ms": 0.0,
        "evidence_wall_ms": 10.0,
    }
    assert "body" not in document["steps"][1]["message"]["items"][0]


def test_points_are_told_of_the_most_only_where_the_parameters_are_known() -> None:
    story = decided("one", GOOD)
    assert " of 40, volume" in " ".join(traced(story).steps[2].lines)
    assert " of 40" not in " ".join(
        traced(decided("one", GOOD, params=params_with(min_score=1))).steps[2].lines
    )


def test_a_cliff_of_the_step_table_is_told() -> None:
    why = why_of(sized(decided("one", Row(bid="5.99", ask="6.01", strike="516")), equity="5001"), 1)
    assert why.size is not None
    assert why.size.risk_budget_usd == Decimal("250.05")
    assert why.lines[1].endswith(
        "$12,000 (medium, 5% = $600.00 per trade); so would a smaller account, which may risk a larger share: $5,000"
        " (small, 12% = $600.00 per trade)"
    )
