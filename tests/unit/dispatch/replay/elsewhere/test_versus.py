"""Two results of the same inputs, put side by side."""

from dataclasses import replace

from dispatch.replay.deciding import LocalDecider, replay_of
from dispatch.replay.elsewhere.versus import versus
from dispatch.replay.results import StageResult, Status, effect
from dispatch.replay.run import Played, replay
from dispatch.replay.span import Span
from kernel.contracts.topics import SIGNALS
from kernel.testing.builders import a_signal
from tests.fakes import chains
from tests.fakes.memory_log import MemoryLog
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline


async def a_log() -> MemoryLog:
    pipeline = RecordedPipeline()
    for number in range(4):
        row = chains.Row(strike="525", bid="2.45", ask="2.55", day_volume=400) if number % 2 else chains.Row()
        await pipeline.send(a_signal(f"signal {number}"), row)
    return pipeline.log


async def decided(log: MemoryLog, min_score: float, revision: str) -> StageResult:
    selector = PARAMS.selector.model_copy(update={"min_score": min_score})
    stage = replay_of("selector", PARAMS.model_copy(update={"selector": selector}), revision)
    (result,) = await replay(log, [Played("selector", stage, LocalDecider(stage))], Span(), lambda *_: None)
    return result


async def test_what_both_decide_is_the_same_whatever_was_recorded() -> None:
    log = await a_log()
    here, there = await decided(log, 90, "here"), await decided(log, 90, "there")
    assert here.differs
    (result,) = versus([here], [there])
    assert [row.status for row in result.rows] == [Status.SAME] * 4
    assert result.digest == there.digest == here.digest


async def test_what_they_decide_otherwise_is_changed_and_nothing_else() -> None:
    log = await a_log()
    (result,) = versus([await decided(log, 40, "here")], [await decided(log, 90, "there")])
    assert [row.status.value for row in result.rows] == ["same", "changed", "same", "changed"]
    assert effect(result.rows).now_refused == 2
    assert {d.path for d in result.rows[1].differences} >= {"answer"}


async def test_what_neither_could_decide_is_still_told() -> None:
    log = await a_log()
    log.write(SIGNALS, a_signal("signal 9"))
    (result,) = versus([await decided(log, 40, "here")], [await decided(log, 40, "there")])
    assert [row.status for row in result.rows] == [Status.SAME] * 4 + [Status.PENDING]
    assert result.rows[-1].note is not None


async def test_an_input_only_one_was_given_is_missing_or_extra() -> None:
    log = await a_log()
    whole = await decided(log, 40, "x")
    part = replace(whole, rows=whole.rows[1:])
    (fewer,), (more,) = versus([whole], [part]), versus([part], [whole])
    assert [row.status.value for row in fewer.rows] == ["missing", "same", "same", "same"]
    assert sorted(row.status.value for row in more.rows) == ["extra", "same", "same", "same"]


async def test_a_replay_that_was_halted_says_nothing_of_the_rest() -> None:
    log = await a_log()
    whole = await decided(log, 40, "x")
    halted = replace(whole, rows=whole.rows[:2], left=2)
    (result,) = versus([whole], [halted])
    assert [row.status for row in result.rows] == [Status.SAME] * 2
    assert result.left == 2


async def test_what_one_could_not_decide_is_a_difference_even_if_the_other_has_nothing_to_say() -> None:
    log = await a_log()
    log.write(SIGNALS, a_signal("signal 9"))
    waiting = await decided(log, 40, "x")
    *others, last = waiting.rows
    broken = replace(
        waiting, rows=[*others, replace(last, status=Status.FAILED, note="ZeroDivisionError: oh")]
    )
    for here, there in ((waiting, broken), (broken, waiting)):
        (result,) = versus([here], [there])
        assert result.rows[-1].status is Status.FAILED


async def test_what_neither_decides_is_passed_on() -> None:
    pipeline = RecordedPipeline()
    await pipeline.send(a_signal(), chains.Row())
    stage = replay_of("signals", PARAMS, "x")
    (result,) = await replay(
        pipeline.log, [Played("signals", stage, LocalDecider(stage))], Span(), lambda *_: None
    )
    (both,) = versus([result], [result])
    assert [row.status for row in both.rows] == [Status.PASSED_ON]
