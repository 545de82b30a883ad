import sys
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from kernel.domain.errors import InvariantBroken
from kernel.runtime.clock import SystemClock, VenueClock, seconds_gone_by

ASLEEP_S = 8 * 3600.0
THEN = datetime(2014, 6, 6, 16, 0, tzinfo=UTC)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a clock of its own for it")
def test_seconds_go_by_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all of Linux's clocks that never go back only one counts them."""
    awake = time.clock_gettime
    slept = {time.CLOCK_BOOTTIME: ASLEEP_S}
    before = seconds_gone_by()

    monkeypatch.setattr(time, "clock_gettime", lambda clock: awake(clock) + slept.get(clock, 0.0))

    assert seconds_gone_by() - before >= ASLEEP_S


class Monotonic:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def clock(monotonic: Monotonic) -> VenueClock:
    return VenueClock(monotonic)


def test_the_machines_time_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_nobody_may_ask_before_the_venue_told_its_time(clock: VenueClock) -> None:
    assert not clock.synchronised
    with pytest.raises(InvariantBroken):
        clock.now()


def test_a_day_of_2014_is_2014_and_runs_on_with_the_monotonic_clock(
    clock: VenueClock, monotonic: Monotonic
) -> None:
    clock.observe(THEN)
    monotonic.seconds += 90
    assert clock.now() == THEN + timedelta(seconds=90)


def test_an_accelerated_venue_is_followed(clock: VenueClock, monotonic: Monotonic) -> None:
    clock.observe(THEN, speed=60.0)
    monotonic.seconds += 2
    assert clock.now() == THEN + timedelta(minutes=2)


def test_each_answer_of_the_venue_replaces_the_one_before(clock: VenueClock, monotonic: Monotonic) -> None:
    clock.observe(THEN, speed=60.0)
    monotonic.seconds += 10
    clock.observe(THEN - timedelta(days=1))
    monotonic.seconds += 1
    assert clock.now() == THEN - timedelta(days=1) + timedelta(seconds=1)


def test_another_zone_is_turned_into_utc(clock: VenueClock) -> None:
    clock.observe(THEN.astimezone(timezone(timedelta(hours=-4))))
    assert clock.now() == THEN
    assert clock.now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("header", "at", "speed"),
    [
        ("2014-06-06T12:00:00-04:00;speed=1", THEN, 1),
        ("2014-06-06T16:00:00Z;speed=60.5", THEN, 60.5),
        ("2014-06-06T16:00:00.250000+00:00;speed=0", THEN + timedelta(milliseconds=250), 0),
    ],
)
def test_the_header_of_an_answer_sets_time_and_speed(
    clock: VenueClock, monotonic: Monotonic, header: str, at: datetime, speed: float
) -> None:
    assert clock.observe_header(header)
    assert clock.now() == at
    monotonic.seconds += 4
    assert clock.now() == at + timedelta(seconds=4 * speed)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "now",
        "2014-06-06T16:00:00Z",
        "speed=1",
        "2014-06-06T16:00:00Z;speed=fast",
        "2014-06-06T16:00:00Z;speed=1.2.3",
        "2014-06-06T16:00:00;speed=1",
        "----;speed=1",
    ],
)
def test_a_header_that_is_none_changes_nothing(clock: VenueClock, header: str | None) -> None:
    assert not clock.observe_header(header)
    assert not clock.synchronised
