"""Today's answers become a case's truth, and nothing else in it changes."""

import pytest

from dispatch.cases.blessing import bless
from dispatch.cases.case import Case, load_case
from dispatch.cases.parameters import in_todays_form
from dispatch.cases.running import run_case
from dispatch.replay.overrides import with_overrides
from kernel.domain.errors import ConfigError
from tests.fakes.params import PARAMS
from tests.replay.corpus import FOLDER
from tests.unit.dispatch.cases.making import (
    FILE,
    GOOD,
    WORSE,
    case_of,
    edited,
    pipeline_of,
    ran,
    statuses,
    topics_of,
)


def with_params(case: Case, *settings: str) -> Case:
    """Return the case as if it had been decided with other parameters than it was."""
    params = with_overrides(PARAMS, settings)
    return edited(case, parameters=params.model_dump(mode="json"))


async def blessed(case: Case) -> tuple[Case, int]:
    found = bless(case, await run_case(case, FILE, revision="today"), "today")
    assert not any(result.differs for result in await ran(found.case))
    return found.case, found.changed


async def test_a_case_that_is_the_same_stays_as_it_is() -> None:
    case = await case_of((await pipeline_of(GOOD)).log)
    assert await blessed(case) == (case, 0)


async def test_only_what_differs_is_written_anew() -> None:
    case = with_params(
        await case_of((await pipeline_of(GOOD, WORSE)).log), "selector.scoring.delta_points=19"
    )
    after, changed = await blessed(case)
    assert changed == 4
    assert after.revision == "today"
    pairs = list(zip(case.records, after.records, strict=True))
    assert [r.topic for r, now in pairs if r != now] == ["selections", "tickets"] * 2
    for then, now in pairs:
        moved = {"meta", "score"} if then != now else set()
        assert {key for key in then.message if then.message[key] != now.message[key]} == moved
        assert then.model_copy(update={"message": now.message}) == now


async def test_evidence_and_inputs_stay() -> None:
    case = with_params(await case_of((await pipeline_of(GOOD)).log), "selector.scoring.delta_points=19")
    after, _ = await blessed(case)
    for topic in ("signals", "evidence"):
        assert [r for r in after.records if r.topic == topic] == [r for r in case.records if r.topic == topic]


async def test_a_selection_that_becomes_a_refusal_takes_the_rest_of_its_story_with_it() -> None:
    case = with_params(await case_of((await pipeline_of(GOOD, WORSE)).log), "selector.min_score=90")
    after, _ = await blessed(case)
    assert topics_of(after) == [
        *("signals", "evidence", "selections", "evidence", "tickets"),
        *("signals", "evidence", "rejections"),
    ]
    assert {entry["name"] for entry in after.schemas.values()} == {
        *("signal", "evidence", "selection", "rejection", "ticket")
    }


async def test_a_refusal_that_becomes_a_selection_has_no_truth_for_the_sizer() -> None:
    strict = with_overrides(PARAMS, ["selector.min_score=90"])
    log = (await pipeline_of(WORSE, GOOD, params=strict)).log
    case = with_params(await case_of(log, params=strict))
    results = await ran(case)
    assert statuses(results)[1] == ["same", "unrecorded"]
    with pytest.raises(ConfigError, match=r"no evidence .* there is no truth to bless: record the case anew"):
        bless(case, results, "today")


async def test_a_refusal_that_becomes_a_selection_is_the_selectors_truth() -> None:
    strict = with_overrides(PARAMS, ["selector.min_score=90"])
    case = with_params(
        await case_of((await pipeline_of(WORSE, params=strict)).log, "selector", params=strict)
    )
    after, changed = await blessed(case)
    assert (topics_of(after), changed) == (["signals", "evidence", "selections"], 1)


async def test_an_answer_that_nobody_gave_then_stands_behind_its_evidence() -> None:
    """The process died before it answered; what it would have said is the truth now."""
    case = await case_of((await pipeline_of(GOOD, WORSE)).log, "selector")
    silent = case.model_copy(update={"records": (*case.records[:2], *case.records[3:])})
    assert statuses(await ran(silent)) == [["extra", "same"]]
    after, changed = await blessed(silent)
    assert (topics_of(after), changed) == (topics_of(case), 1)


async def test_a_signal_is_blessed_in_its_own_place() -> None:
    case = load_case(FOLDER / "signals.json")
    parameters = in_todays_form(case.parameters, PARAMS.model_dump(mode="json"))
    parameters["signals"]["pullback_atr_stop"] = 2.0
    after, changed = await blessed(case.model_copy(update={"parameters": parameters}))
    assert changed == 1
    assert topics_of(after) == topics_of(case)


async def test_a_case_of_which_nothing_would_be_left_is_not_blessed() -> None:
    case = load_case(FOLDER / "signals.json")
    setups = {r.message["setup"]: r.message["meta"]["id"] for r in case.records if r.topic == "signals"}
    breakout = setups["opening_range_breakout"]
    records = [r for r in case.records if breakout in (r.message["meta"]["id"], r.message.get("input_id"))]
    assert [r.topic for r in records] == ["signals", "evidence"]
    parameters = in_todays_form(case.parameters, PARAMS.model_dump(mode="json"))
    parameters["signals"]["opening_range_volume_ratio_min"] = 9
    alone = case.model_copy(update={"records": tuple(records), "parameters": parameters})
    results = await ran(alone)
    assert statuses(results) == [["missing"]]
    with pytest.raises(ConfigError, match="nothing of it is decided any more"):
        bless(alone, results, "today")


def test_parameters_that_came_are_added_and_those_that_went_are_left_out() -> None:
    kept = {"a": 1, "gone": 2, "group": {"b": 3}, "list": [{"c": 4}, {"c": 5}], "other": [1, 2]}
    present = {
        "a": 9,
        "new": 8,
        "group": {"b": 9, "d": 7},
        "list": [{"c": 9, "e": 1}, {"c": 9, "e": 2}],
        "other": [1],
    }
    assert in_todays_form(kept, present) == {
        "a": 1,
        "new": 8,
        "group": {"b": 3, "d": 7},
        "list": [{"c": 4, "e": 1}, {"c": 5, "e": 2}],
        "other": [1, 2],
    }
