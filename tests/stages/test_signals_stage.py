"""The signals stage edge to edge: alerts and setups in, signals out, with the outside in memory."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kernel.adapters.alpaca import VenueRefused
from kernel.contracts.codec import Codec
from kernel.contracts.messages import SignalSource
from kernel.contracts.topics import EVIDENCE, SIGNALS
from kernel.domain.errors import DatabaseUnavailable, InvariantBroken, TransientError, VenueUnavailable
from kernel.testing.clock import FixedClock
from services.signals.core.alerts import Accepted, Conflicting
from services.signals.core.evidence import alert_in, scan_in
from services.signals.stage import Timetable
from tests.fakes.signals import FakeMarketTime
from tests.fakes.signals_desk import Desk, Scene, an_alert, body_of
from tests.fakes.signals_market import (
    OPENS_AT,
    a_breakout_day,
    a_pullback_history,
)


async def test_an_alert_becomes_one_signal() -> None:
    world = Desk()
    answer = await world.accept(an_alert())
    (signal,) = world.signals
    assert answer == Accepted(signal.meta.id, first=True)
    assert signal.source is SignalSource.WEBHOOK
    assert signal.meta.occurred_at == OPENS_AT


async def test_an_alerts_evidence_goes_before_its_signal_and_holds_what_was_sent() -> None:
    world = Desk()
    await world.accept(an_alert(price="520.10"))
    evidence, signal = (e.message for e in world.publisher.published)
    assert alert_in(evidence) == body_of(an_alert(price="520.10"))
    assert (evidence.input_id, evidence.decided_at) == (signal.meta.id, signal.meta.occurred_at)


async def test_the_relay_writes_the_evidence_of_what_was_kept_first() -> None:
    world = Desk()
    world.publisher.fails_with = TransientError("Kafka is away")
    with pytest.raises(TransientError):
        await world.accept(an_alert())
    world.clock.advance(timedelta(minutes=1))
    await world.desk.publish_waiting()
    evidence, signal = (e.message for e in world.publisher.published)
    assert alert_in(evidence) == body_of(an_alert())
    assert (evidence.input_id, evidence.decided_at) == (signal.meta.id, OPENS_AT)


async def test_an_alert_kept_without_its_body_still_becomes_a_signal() -> None:
    world = Desk()
    world.publisher.fails_with = TransientError("Kafka is away")
    with pytest.raises(TransientError):
        await world.accept(an_alert())
    world.alerts.kept["tv-1"] = replace(world.alerts.kept["tv-1"], body=None)
    await world.desk.publish_waiting()
    assert [e.topic for e in world.publisher.published] == [SIGNALS]


async def test_the_same_alert_again_gets_the_first_answer_and_no_second_signal() -> None:
    world = Desk()
    first = await world.accept(an_alert())
    world.clock.advance(timedelta(minutes=3))
    again = await world.accept(an_alert())
    assert again == Accepted(first.signal_id, first=False)
    assert len(world.signals) == 1


async def test_other_content_under_a_known_id_conflicts_and_changes_nothing() -> None:
    world = Desk()
    first = await world.accept(an_alert())
    answer = await world.accept(an_alert(ticker="QQQ"))
    assert answer == Conflicting(first.signal_id)
    assert [s.idea.underlying for s in world.signals] == ["SPY"]


async def test_while_the_log_is_down_an_alert_is_not_accepted_but_kept() -> None:
    world = Desk()
    world.publisher.fails_with = TransientError("Kafka is away")
    with pytest.raises(TransientError):
        await world.accept(an_alert())
    await world.desk.publish_waiting()
    assert [s.external_id for s in world.signals] == ["tv-1"]


async def test_a_retry_after_the_log_came_back_publishes_the_signal_as_it_was_first_kept() -> None:
    world = Desk()
    world.publisher.fails_with = TransientError("Kafka is away")
    with pytest.raises(TransientError):
        await world.accept(an_alert())
    world.clock.advance(timedelta(minutes=1))
    answer = await world.accept(an_alert())
    (signal,) = world.signals
    assert answer == Accepted(signal.meta.id, first=True)
    assert signal.meta.occurred_at == OPENS_AT


async def test_what_was_acknowledged_is_not_published_by_the_relay() -> None:
    world = Desk()
    await world.accept(an_alert())
    await world.desk.publish_waiting()
    assert len(world.signals) == 1


async def test_without_the_database_nothing_is_accepted_and_nothing_published() -> None:
    world = Desk()
    world.alerts.fails_with = DatabaseUnavailable("Postgres is away")
    with pytest.raises(DatabaseUnavailable):
        await world.accept(an_alert())
    assert world.signals == []


async def test_before_the_venue_told_its_time_nothing_is_accepted() -> None:
    world = Desk()
    world.time.fails_with = VenueUnavailable("no time yet")
    with pytest.raises(VenueUnavailable):
        await world.accept(an_alert())
    assert world.alerts.kept == {}


async def test_a_breakout_becomes_a_signal_with_its_levels() -> None:
    scene = Scene(a_breakout_day())
    await scene.scanner.scan()
    (signal,) = scene.signals
    idea = signal.idea
    assert (signal.source, signal.setup) == (SignalSource.SCANNER, "opening_range_breakout")
    assert None not in (idea.reference_price, idea.stop_price, idea.target_price, idea.atr)


async def test_both_strategies_may_speak_at_once() -> None:
    scene = Scene(a_breakout_day(), a_pullback_history())
    await scene.scanner.scan()
    assert {s.setup for s in scene.signals} == {"opening_range_breakout", "trend_pullback"}


async def test_the_evidence_goes_before_its_signal_and_is_of_what_was_seen() -> None:
    scene = Scene(a_breakout_day())
    await scene.scanner.scan()
    evidence, signal = (e.message for e in scene.publisher.published)
    assert evidence.input_id == signal.meta.id
    assert evidence.meta.correlation_id == signal.meta.id
    assert evidence.decided_at == signal.meta.occurred_at
    assert scan_in(evidence).view.minute_bars == a_breakout_day()


async def test_the_evidence_tells_when_the_scanner_looked_and_when_it_decided() -> None:
    scene = Scene(a_breakout_day())
    looked_at = scene.clock.now()
    scene.bars.takes = lambda: scene.clock.advance(timedelta(seconds=3))
    await scene.scanner.scan()
    evidence, _ = (e.message for e in scene.publisher.published)
    assert (scan_in(evidence).looked_at, evidence.decided_at) == (looked_at, looked_at + timedelta(seconds=3))


async def test_everything_the_scanner_writes_can_travel() -> None:
    scene = Scene(a_breakout_day(), a_pullback_history())
    await scene.scanner.scan()
    codec = Codec()
    for emission in scene.publisher.published:
        assert emission.topic in (SIGNALS, EVIDENCE)
        assert (
            codec.decode(emission.topic, codec.encode(emission.topic, emission.message)) == emission.message
        )


async def test_scanning_again_says_nothing_twice() -> None:
    scene = Scene(a_breakout_day())
    await scene.scanner.scan()
    scene.clock.advance(timedelta(minutes=1))
    await scene.scanner.scan()
    assert len(scene.signals) == 1


async def test_a_scanner_started_anew_repeats_the_same_id() -> None:
    scene = Scene(a_breakout_day())
    await scene.scanner.scan()
    scene.clock.advance(timedelta(minutes=1))
    await scene.another_scanner().scan()
    first, repeated = scene.signals
    assert first.meta.id == repeated.meta.id
    assert first.idea == repeated.idea


async def test_a_setup_that_could_not_be_published_is_tried_again() -> None:
    scene = Scene(a_breakout_day())
    scene.publisher.fails_with = TransientError("Kafka is away")
    with pytest.raises(TransientError):
        await scene.scanner.scan()
    await scene.scanner.scan()
    assert len(scene.signals) == 1


@pytest.mark.parametrize("minutes_after_open", [-1, 390, 500])
async def test_outside_the_session_nobody_asks_for_bars(minutes_after_open: int) -> None:
    scene = Scene(a_breakout_day())
    scene.clock.set(OPENS_AT + timedelta(minutes=minutes_after_open))
    await scene.scanner.scan()
    assert scene.bars.asked == []


async def test_on_a_day_without_session_nobody_asks_for_bars() -> None:
    scene = Scene(a_breakout_day())
    scene.clock.advance(timedelta(days=1))
    await scene.scanner.scan()
    assert scene.bars.asked == []


async def test_the_whole_watchlist_is_one_question_and_an_unknown_ticker_does_no_harm() -> None:
    scene = Scene(a_breakout_day(), underlyings=("NOSUCH", "SPY"))
    await scene.scanner.scan()
    assert scene.bars.asked == [("NOSUCH", "SPY")]
    assert [s.idea.underlying for s in scene.signals] == ["SPY"]


class SleepingClock:
    """A sleep that moves a FixedClock on, at a speed, instead of waiting."""

    def __init__(self, clock: FixedClock, speed: float = 1.0) -> None:
        self._clock = clock
        self._speed = speed
        self.naps = 0

    async def __call__(self, seconds: float) -> None:
        self.naps += 1
        self._clock.advance(timedelta(seconds=seconds * self._speed))


def a_timetable(clock: FixedClock, sleep: SleepingClock) -> Timetable:
    return Timetable(time=FakeMarketTime(clock), interval_s=60.0, sleep=sleep)


@pytest.mark.parametrize("speed", [1.0, 60.0])
async def test_a_turn_comes_every_interval_of_market_time_at_any_speed(speed: float) -> None:
    clock = FixedClock(OPENS_AT + timedelta(seconds=30))
    timetable = a_timetable(clock, SleepingClock(clock, speed))
    first = await timetable.next_turn(None)
    second = await timetable.next_turn(first)
    assert second == first + 1
    late = clock.now() - (OPENS_AT + timedelta(seconds=62))
    assert timedelta(0) <= late <= timedelta(seconds=Timetable.POLL_S * speed)


async def test_a_venue_set_back_to_another_day_starts_a_turn_at_once() -> None:
    clock = FixedClock(OPENS_AT)
    sleep = SleepingClock(clock)
    timetable = a_timetable(clock, sleep)
    turn = await timetable.next_turn(None)
    clock.set(OPENS_AT - timedelta(days=3000))
    await timetable.next_turn(turn)
    assert sleep.naps == 0


class Refused(Exception):
    """Ends a loop that would go on for ever."""


async def test_a_refusal_of_the_venue_waits_for_the_next_turn() -> None:
    clock = FixedClock(OPENS_AT + timedelta(seconds=Timetable.SETTLE_S))
    answers: list[Exception] = [VenueRefused(403, None, "subscription does not permit"), Refused()]
    scanned_at = []

    async def scan() -> None:
        scanned_at.append(clock.now())
        raise answers.pop(0)

    with pytest.raises(Refused):
        await a_timetable(clock, SleepingClock(clock)).keep_calling(scan)
    assert scanned_at[1] - scanned_at[0] >= timedelta(seconds=60)


async def test_a_broken_invariant_is_not_swallowed() -> None:
    clock = FixedClock(OPENS_AT)

    async def scan() -> None:
        raise InvariantBroken("never")

    with pytest.raises(InvariantBroken):
        await a_timetable(clock, SleepingClock(clock)).keep_calling(scan)
