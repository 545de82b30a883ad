"""Decisions recorded by the live stages, decided again from the log alone."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from dispatch.replay.deciding import LocalDecider, replay_of
from dispatch.replay.overrides import with_overrides
from dispatch.replay.results import StageResult, Status, effect
from dispatch.replay.run import Played, replay
from dispatch.replay.span import Span
from kernel.contracts.messages import Signal
from kernel.contracts.topics import EVIDENCE, EXECUTIONS, REJECTIONS, SELECTIONS, SIGNALS
from kernel.domain.errors import ConfigError
from kernel.domain.options import Direction, Right, Strategy
from kernel.stream.reader import StoredRecord
from kernel.testing.builders import NOW, a_signal, an_idea
from tests.fakes import chains
from tests.fakes.memory_log import MemoryLog
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline

GOOD = chains.Row()
WORSE = chains.Row(strike="525", bid="2.45", ask="2.55", day_volume=400)


async def replayed(
    log: MemoryLog, *stages: str, settings: tuple[str, ...] = (), span: Span | None = None
) -> list[StageResult]:
    params = with_overrides(PARAMS, settings)
    replays = {name: replay_of(name, params, "replaying") for name in stages or ("selector",)}
    played = [Played(name, each, LocalDecider(each)) for name, each in replays.items()]
    return await replay(log, played, span or Span(), lambda *_: None)


async def only(log: MemoryLog, *stages: str, **options: Any) -> StageResult:
    (result,) = await replayed(log, *stages, **options)
    return result


def signal(number: int, **idea: Any) -> Signal:
    return a_signal(f"signal {number}", idea=an_idea(**idea))


async def recorded(count: int = 4) -> RecordedPipeline:
    """Return a log of `count` signals; every second one sees a chain that scores less."""
    pipeline = RecordedPipeline()
    for number in range(count):
        await pipeline.send(signal(number), WORSE if number % 2 else GOOD)
    return pipeline


@pytest.mark.parametrize("stage", ["selector", "sizer"])
async def test_what_was_decided_live_is_decided_the_same_again(stage: str) -> None:
    result = await only((await recorded()).log, stage)
    assert [row.status for row in result.rows] == [Status.SAME] * 4
    assert not result.differs
    assert all(row.replayed and row.recorded for row in result.rows)


async def test_refusals_are_decided_the_same_again_whatever_was_looked_at() -> None:
    pipeline = RecordedPipeline()
    await pipeline.send(signal(0, strategy=Strategy.PREMIUM_SELLER))
    await pipeline.send(signal(1, expires_at=NOW - timedelta(seconds=1)))
    await pipeline.send(signal(2), chains.Row(day_volume=1))
    await pipeline.send(signal(3), spot=None)
    pipeline.account.answer["options_buying_power"] = "200"
    await pipeline.send(signal(4), GOOD)
    selector, sizer = await replayed(pipeline.log, "selector", "sizer")
    assert [row.status for row in selector.rows] == [Status.SAME] * 5
    assert [row.status for row in sizer.rows] == [Status.SAME]
    assert sizer.rows[0].replayed[0].topic is REJECTIONS


async def test_a_signal_that_expired_while_the_venue_answered_is_refused_the_same_again() -> None:
    pipeline = RecordedPipeline()
    pipeline.chains.while_answering = lambda: pipeline.clock.advance(timedelta(minutes=6))
    await pipeline.send(signal(0), GOOD)
    assert (await only(pipeline.log)).rows[0].status is Status.SAME


async def test_the_digest_is_that_of_the_decisions_not_of_who_took_them() -> None:
    log = (await recorded()).log
    first, again, other = [
        await only(log, settings=s) for s in ((), (), ("selector.scoring.volume_scale=300",))
    ]
    assert first.digest == again.digest != other.digest


async def test_a_changed_parameter_changes_the_decisions_it_touches_and_no_other() -> None:
    log = (await recorded()).log
    scores = [round(e.message.score.total) for row in (await only(log)).rows for e in row.recorded]
    assert scores == [94, 72, 94, 72]
    result = await only(log, settings=("selector.min_score=90",))
    assert [row.status.value for row in result.rows] == ["same", "changed", "same", "changed"]
    assert result.rows[1].replayed[0].message.code == "SCORE_BELOW_MINIMUM"
    assert effect(result.rows).now_refused == 2


async def test_differences_are_told_field_by_field() -> None:
    result = await only((await recorded(1)).log, "sizer", settings=("sizer.tiers.large.risk_pct=2",))
    found = {d.path: (d.recorded, d.replayed) for d in result.rows[0].differences}
    assert found["contracts"] == (4, 8)
    assert found["account.risk_budget_usd"] == (1000, 2000)
    assert "meta.config_hash" not in found
    sum_of = effect(result.rows)
    assert (sum_of.risk_usd_recorded, sum_of.risk_usd_replayed) == (Decimal(1000), Decimal(2000))


async def test_a_chain_feeds_what_is_decided_now_to_the_next_stage() -> None:
    log = (await recorded()).log
    _, sizer = await replayed(log, "selector", "sizer", settings=("selector.min_score=90",))
    assert [row.status.value for row in sizer.rows] == ["same", "missing", "same", "missing"]
    assert [bool(row.replayed) for row in sizer.rows] == [True, False, True, False]


async def test_a_stage_that_never_saw_an_input_has_no_answer_for_it() -> None:
    pipeline = RecordedPipeline(with_overrides(PARAMS, ["selector.min_score=90"]))
    await pipeline.send(signal(0), WORSE)
    selector, sizer = await replayed(pipeline.log, "selector", "sizer")
    assert selector.rows[0].status is Status.CHANGED
    (row,) = sizer.rows
    assert (row.status, row.offset) == (Status.UNRECORDED, None)
    assert row.note is not None
    assert "no evidence of the decision on selection" in row.note


async def test_an_answer_that_was_not_recorded_is_a_divergence() -> None:
    pipeline = RecordedPipeline()
    await pipeline.send(signal(0), GOOD)
    result = await only(pipeline.log, settings=("selector.strategies.day_trade.dte_max=9",))
    assert result.rows[0].status is Status.UNRECORDED
    assert result.rows[0].note == (
        "calls of SPY from 2026-06-05 to 2026-06-17 were not asked for then, those from 2026-06-05 to 2026-06-15 were"
    )


async def test_a_narrower_window_is_decided_on_what_was_recorded() -> None:
    pipeline = RecordedPipeline()
    await pipeline.send(signal(0), GOOD)
    result = await only(pipeline.log, settings=("selector.strategies.day_trade.dte_max=3",))
    assert result.rows[0].replayed[0].message.code == "CHAIN_EMPTY"


async def test_an_input_without_answer_and_evidence_is_pending_and_no_difference() -> None:
    pipeline = await recorded(1)
    pipeline.log.write(SIGNALS, signal(9))
    result = await only(pipeline.log)
    assert [row.status.value for row in result.rows] == ["same", "pending"]
    assert not result.differs


async def test_an_answer_whose_evidence_is_gone_is_a_divergence() -> None:
    pipeline = await recorded(1)
    log = pipeline.log
    log.records = [r for r in log.records if r.topic != EVIDENCE.full_name(log.prefix)]
    result = await only(log)
    assert (result.rows[0].status, result.differs) == (Status.UNRECORDED, True)


async def test_a_decision_that_was_never_answered_is_extra() -> None:
    pipeline = await recorded(1)
    log = pipeline.log
    log.records = [r for r in log.records if r.topic != SELECTIONS.full_name(log.prefix)]
    assert (await only(log)).rows[0].status is Status.EXTRA


async def test_evidence_of_a_decision_that_was_lost_in_a_crash_is_not_used() -> None:
    """The first attempt died between evidence and answer; the second saw another chain, and its answer stands."""
    pipeline = RecordedPipeline()
    given = signal(0)
    pipeline.log.write(SIGNALS, given)
    pipeline.chains.answer = chains.a_chain(WORSE)
    await pipeline.select(given)
    log = pipeline.log
    log.records = [r for r in log.records if r.topic != SELECTIONS.full_name(log.prefix)]
    again = RecordedPipeline()
    again.log, again.clock._now = log, NOW + timedelta(seconds=30)
    again.chains.answer = chains.a_chain(GOOD)
    await again.select(given)
    assert sum(r.topic == EVIDENCE.full_name(log.prefix) for r in log.records) == 2
    (row,) = (await only(log)).rows
    assert (row.status, row.replayed[0].message.legs[0].occ_symbol) == (Status.SAME, GOOD.symbol)


async def test_repeats_of_an_input_and_of_an_answer_count_once() -> None:
    pipeline = await recorded(2)
    pipeline.log.records += pipeline.log.records[:]
    assert [row.status for row in (await only(pipeline.log)).rows] == [Status.SAME] * 2


async def test_bytes_that_are_no_message_are_counted_and_left_out() -> None:
    pipeline = await recorded(1)
    pipeline.log.write_bytes(SIGNALS, b"SPY", b"garbage")
    pipeline.log.write_bytes(SELECTIONS, b"SPY", b"garbage")
    result = await only(pipeline.log)
    assert (len(result.rows), result.undecodable) == (1, 2)


async def test_a_changed_figure_in_the_evidence_is_noticed() -> None:
    pipeline = await recorded(1)
    other = RecordedPipeline()
    other.chains.answer = chains.a_chain(GOOD.but(day_volume=851))
    other.log.write(SIGNALS, signal(0))
    await other.select(signal(0))
    evidence = EVIDENCE.full_name(pipeline.log.prefix)
    kept = [r for r in pipeline.log.records if r.topic != evidence]
    pipeline.log.records = kept + [r for r in other.log.records if r.topic == evidence]
    (row,) = (await only(pipeline.log)).rows
    assert row.status is Status.CHANGED
    assert {"day_volume", "score.volume", "score.total"} <= {d.path for d in row.differences}


async def test_a_span_takes_the_inputs_written_in_it_both_ends_included() -> None:
    log = (await recorded()).log
    times = [record.written_at for record in log.signals()]
    result = await only(log, span=Span(since=times[1], until=times[2]))
    assert [row.message.meta.id for row in result.rows] == [signal(n).meta.id for n in (1, 2)]
    assert not result.differs


async def test_a_chain_over_a_span_follows_causes_not_times() -> None:
    """The selection of the last signal was written after the span's end."""
    log = (await recorded()).log
    first = log.signals()[0].written_at
    selector, sizer = await replayed(log, "selector", "sizer", span=Span(since=first, until=first))
    assert [[row.status for row in r.rows] for r in (selector, sizer)] == [[Status.SAME]] * 2


async def test_a_span_may_be_of_offsets() -> None:
    log = (await recorded()).log
    places = [(r.partition, r.offset) for r in log.signals()]
    partition, offset = places[2]
    result = await only(log, span=Span(offsets={partition: (offset, offset)}))
    assert [(row.partition, row.offset) for row in result.rows] == [(partition, offset)]


async def test_a_span_may_be_one_signals_by_the_first_characters_of_its_id() -> None:
    wanted = signal(2).meta.correlation_id
    (row,) = (await only((await recorded()).log, "sizer", span=Span(trace=wanted[:12]))).rows
    assert row.message.meta.correlation_id == wanted


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (Span(trace="zzzz"), "nothing was decided in that range of a signal 'zzzz'"),
        (Span(offsets={9: (0, 5)}), "nothing was decided in that range"),
        (Span(since=NOW + timedelta(days=2)), "nothing was decided in that range"),
        (Span(trace=""), "4 signals begin with ''; give more of the id"),
    ],
)
async def test_a_span_that_names_nothing_or_no_one_signal_is_refused(span: Span, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        await only((await recorded()).log, span=span)


async def test_inputs_come_in_the_order_of_their_writing_over_all_partitions() -> None:
    pipeline = RecordedPipeline()
    for number, underlying in enumerate(("SPY", "QQQ", "IWM", "AAPL", "MSFT")):
        await pipeline.send(signal(number, underlying=underlying), GOOD)
    assert len({r.partition for r in pipeline.log.signals()}) == 2
    rows = (await only(pipeline.log)).rows
    assert [row.underlying for row in rows] == ["SPY", "QQQ", "IWM", "AAPL", "MSFT"]


async def test_the_other_right_of_a_recorded_chain_was_never_asked_for() -> None:
    """A signal rewritten to the other direction: its puts are not in the evidence."""
    pipeline = await recorded(1)
    log = pipeline.log
    kept = [r for r in log.records if r.topic != SIGNALS.full_name(log.prefix)]
    log.records = []
    log.write(SIGNALS, signal(0, direction=Direction.BEARISH))
    log.records += kept
    (row,) = (await only(log)).rows
    assert row.status is Status.UNRECORDED
    assert row.note == f"the {Right.PUT}s of SPY were not asked for then, the {Right.CALL}s were"


class Delicate:
    """The selector, but one signal it cannot bear."""

    def __init__(self, unbearable: str) -> None:
        self._stage: Any = replay_of("selector", PARAMS, "replaying")
        self.consumes, self.answers, self.decided = SIGNALS, self._stage.answers, self._stage.decided
        self._unbearable = unbearable

    async def decide(self, message: Any, evidence: Any) -> Any:
        if message.meta.id == self._unbearable:
            raise ZeroDivisionError("oh")
        return await self._stage.decide(message, evidence)


async def test_an_input_that_raises_is_a_difference_of_its_own_and_the_others_are_decided() -> None:
    stage = Delicate(signal(2).meta.id)
    played = [Played("selector", stage, LocalDecider(stage))]
    (result,) = await replay((await recorded()).log, played, Span(), lambda *_: None)
    assert [row.status.value for row in result.rows] == ["same", "same", "failed", "same"]
    assert result.rows[2].note == "ZeroDivisionError: oh"
    assert (result.differs, result.decided) == (True, 3)


async def test_what_raises_is_a_difference_even_where_nothing_was_answered_then() -> None:
    pipeline = await recorded(1)
    pipeline.log.write(SIGNALS, signal(9))
    stage = Delicate(signal(9).meta.id)
    played = [Played("selector", stage, LocalDecider(stage))]
    (result,) = await replay(pipeline.log, played, Span(), lambda *_: None)
    assert [row.status.value for row in result.rows] == ["same", "failed"]


async def test_what_could_not_be_decided_is_no_changed_decision() -> None:
    log = (await recorded()).log
    result = await only(log, settings=("selector.strategies.day_trade.dte_max=9",))
    assert [row.status for row in result.rows] == [Status.UNRECORDED] * 4
    found = effect(result.rows)
    assert (found.decisions_changed, found.not_decided, result.decided) == (0, 4, 0)


async def test_what_a_stage_only_passes_on_is_not_counted_as_decided() -> None:
    result = await only((await recorded()).log, "signals")
    assert [row.status for row in result.rows] == [Status.PASSED_ON] * 4
    assert (result.decided, result.differs) == (0, False)


class MovingLog(MemoryLog):
    """A log that grows while it is read: `later` is what it holds by then."""

    def __init__(self, now: list[StoredRecord], later: MemoryLog) -> None:
        super().__init__()
        self.records, self._later = now, later

    def fresh(self) -> MemoryLog:
        return self._later


async def test_an_answer_that_was_on_its_way_is_no_difference_and_is_not_fed_on() -> None:
    whole = (await recorded(2)).log
    answer = max(i for i, r in enumerate(whole.records) if r.topic == SELECTIONS.full_name(whole.prefix))
    log = MovingLog(whole.records[:answer], whole)
    selector, sizer = await replayed(log, "selector", "sizer")
    assert [row.status for row in selector.rows] == [Status.SAME, Status.PENDING]
    assert selector.rows[1].note == "answered while the log was read"
    assert [row.status for row in sizer.rows] == [Status.SAME]
    assert not selector.differs


async def test_what_the_next_stage_of_a_chain_has_not_decided_yet_is_pending() -> None:
    log = (await recorded(1)).log
    answer = max(i for i, r in enumerate(log.records) if r.topic == SELECTIONS.full_name(log.prefix))
    log.records = log.records[: answer + 1]
    selector, sizer = await replayed(log, "selector", "sizer")
    assert [row.status for row in (*selector.rows, *sizer.rows)] == [Status.SAME, Status.PENDING]


async def test_an_input_written_again_after_the_beginning_is_decided_on_what_was_seen_at_first() -> None:
    """The stage answers it again with the answer it keeps, and looks at nothing again."""
    pipeline = await recorded(1)
    log, first = pipeline.log, signal(0)
    answers = [r for r in log.records if r.topic == SELECTIONS.full_name(log.prefix)]
    for _ in range(200):  # seconds
        log.write_bytes(EXECUTIONS, b"SPY", b"something else")
    since = log.time_of(len(log.records))
    log.write(SIGNALS, first)
    log.write_bytes(SELECTIONS, answers[0].key or b"", answers[0].value or b"")
    result = await only(log, span=Span(since=since))
    assert [row.status for row in result.rows] == [Status.SAME]
