"""A range of the log becomes a case: whole, exact, and the same each time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dispatch.replay.span import Span
from kernel.contracts.schema_store import load_store, schema_fingerprint
from kernel.contracts.topics import EVIDENCE, EXECUTIONS, REJECTIONS, SELECTIONS, SIGNALS, TICKETS
from kernel.domain.errors import ConfigError
from kernel.testing.builders import a_signal
from tests.fakes.memory_log import MemoryLog
from tests.fakes.params import PARAMS
from tests.unit.dispatch.cases.making import GOOD, WORSE, case_of, pipeline_of, ran, statuses, topics_of

STORY = ["signals", "evidence", "selections", "evidence", "tickets"]


async def test_a_case_tells_story_by_story_what_was_given_seen_and_answered() -> None:
    case = await case_of((await pipeline_of(GOOD, WORSE)).log)
    assert topics_of(case) == STORY * 2
    assert case.stages == ("selector", "sizer")
    assert (case.note, case.revision, case.range.topic) == ("why", "recorded", "signals")
    assert case.params("here") == PARAMS
    assert {entry["name"] for entry in case.schemas.values()} == {"signal", "evidence", "selection", "ticket"}


async def test_one_stage_alone_leaves_the_next_ones_answers_out() -> None:
    log = (await pipeline_of(GOOD)).log
    assert topics_of(await case_of(log, "selector")) == STORY[:3]
    assert topics_of(await case_of(log, "sizer")) == STORY[2:]


async def test_every_record_is_kept_byte_for_byte_where_it_lay() -> None:
    log = (await pipeline_of(GOOD, WORSE)).log
    case = await case_of(log)
    kept = {
        (f"test.{r.topic}", r.partition, r.offset, r.written_at, r.wire(load_store())) for r in case.records
    }
    assert kept == {(r.topic, r.partition, r.offset, r.written_at, r.value) for r in log.records}


async def test_the_same_range_gives_the_same_case() -> None:
    log = (await pipeline_of(GOOD, WORSE)).log
    assert await case_of(log) == await case_of(log)


async def test_only_the_range_is_kept() -> None:
    log = (await pipeline_of(GOOD, WORSE, GOOD)).log
    _, second, _ = log.signals()
    case = await case_of(log, span=Span(since=second.written_at, until=second.written_at))
    assert [r.offset for r in case.records if r.topic == "signals"] == [second.offset]
    assert topics_of(case) == STORY
    assert case.range.first_written_at == case.range.last_written_at == second.written_at
    assert case.range.offsets == (f"{second.partition}:{second.offset}-{second.offset}",)


async def test_one_signal_can_be_kept_alone() -> None:
    log = (await pipeline_of(GOOD, WORSE)).log
    wanted = a_signal("signal 1").meta.id
    case = await case_of(log, span=Span(trace=wanted[:8]))
    assert {r.message["meta"]["correlation_id"] for r in case.records} == {wanted}
    assert case.range.trace == wanted[:8]


@pytest.mark.parametrize("span", [Span(trace="nobody's"), Span(since=MemoryLog.time_of(1000))], ids=str)
async def test_a_range_in_which_nothing_was_decided_is_refused(span: Span) -> None:
    with pytest.raises(ConfigError, match="nothing was decided in that range"):
        await case_of((await pipeline_of(GOOD)).log, span=span)


async def test_an_input_that_was_not_decided_yet_is_left_out() -> None:
    log = (await pipeline_of(GOOD)).log
    log.write(SIGNALS, a_signal("not decided yet"))
    case = await case_of(log)
    assert topics_of(case) == STORY
    assert statuses(await ran(case)) == [["same"], ["same"]]


async def test_of_two_evidences_the_one_that_was_decided_on_is_kept() -> None:
    """A process died between its evidence and its answer; another decided, two seconds later, on what it saw."""
    died, log = (await pipeline_of(WORSE)).log, MemoryLog()
    pipeline = await pipeline_of()
    pipeline.clock.advance(timedelta(seconds=2))
    await pipeline.send(a_signal("signal 0"), GOOD)
    signal, *others = pipeline.log.records
    assert died.records[1].key == others[0].key
    log.records = [signal, died.records[1], *others]
    case = await case_of(log, "selector")
    assert topics_of(case) == STORY[:3]
    assert statuses(await ran(case)) == [["same"]]


async def test_the_range_says_which_inputs_are_in_it() -> None:
    case = await case_of((await pipeline_of(GOOD, WORSE, GOOD)).log)
    (partition,) = {r.partition for r in case.records if r.topic == "signals"}
    assert case.range.offsets == (f"{partition}:0-2",)
    assert case.range.first_written_at < case.range.last_written_at


async def test_a_signal_that_a_person_gave_is_passed_on_undecided() -> None:
    case = await case_of((await pipeline_of(GOOD)).log, "signals..selector")
    assert topics_of(case) == STORY[:3]
    assert statuses(await ran(case)) == [["passed_on"], ["same"]]


async def test_answers_by_a_clock_that_is_behind_are_kept() -> None:
    log = (await pipeline_of(GOOD)).log
    signal, *others = log.records
    log.records = [
        signal,
        *(replace(r, written_at=signal.written_at - timedelta(seconds=30)) for r in others),
    ]
    case = await case_of(log, span=Span(since=signal.written_at))
    assert topics_of(case) == STORY


async def test_schemas_are_kept_without_what_only_people_read() -> None:
    case = await case_of((await pipeline_of(GOOD)).log)
    assert '"doc"' not in case.model_dump_json()
    assert all(schema_fingerprint(entry["schema"]).hex() == key for key, entry in case.schemas.items())


async def test_an_answer_that_was_written_twice_is_kept_once() -> None:
    log = (await pipeline_of(GOOD)).log
    for topic in (SIGNALS, SELECTIONS, TICKETS):
        (first,) = [r for r in log.records if r.topic == topic.full_name(log.prefix)]
        log.write_bytes(topic, first.key or b"", first.value or b"")
    case = await case_of(log)
    assert topics_of(case) == STORY
    assert [r.offset for r in case.records if r.topic != "evidence"] == [0, 0, 0]


async def test_records_that_are_no_messages_are_passed_over() -> None:
    log = (await pipeline_of(GOOD)).log
    for topic in (SIGNALS, SELECTIONS, REJECTIONS, EVIDENCE):
        log.write_bytes(topic, b"SPY", b"no message")
    assert topics_of(await case_of(log)) == STORY


async def test_what_was_only_answered_again_in_the_range_brings_its_evidence_from_before() -> None:
    log = (await pipeline_of(GOOD)).log
    given, answer = (
        next(r for r in log.records if r.topic == topic.full_name(log.prefix))
        for topic in (SIGNALS, SELECTIONS)
    )
    for _ in range(200):  # seconds
        log.write_bytes(EXECUTIONS, b"SPY", b"something else")
    since = log.time_of(len(log.records))
    log.write_bytes(SIGNALS, given.key or b"", given.value or b"")
    log.write_bytes(SELECTIONS, answer.key or b"", answer.value or b"")
    case = await case_of(log, "selector", Span(since=since))
    assert topics_of(case) == STORY[:3]
    assert statuses(await ran(case)) == [["same"]]
