"""Market time that starts anywhere and runs at any speed."""

from datetime import UTC, datetime, timedelta

import pytest

from simulator.clock import SimClock

START = datetime(2014, 6, 6, 16, tzinfo=UTC)


class Stopwatch:
    """The monotonic clock, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


def test_it_runs_at_its_speed_from_its_start(stopwatch: Stopwatch) -> None:
    clock = SimClock(START, 10, monotonic=stopwatch)
    assert clock.now() == START
    stopwatch.seconds += 3
    assert clock.now() == START + timedelta(seconds=30)


def test_changing_the_speed_does_not_move_the_present(stopwatch: Stopwatch) -> None:
    clock = SimClock(START, 2, monotonic=stopwatch)
    stopwatch.seconds += 5
    assert clock.set(speed=0) == START + timedelta(seconds=10)
    stopwatch.seconds += 100
    assert clock.now() == START + timedelta(seconds=10)
    clock.set(speed=1)
    stopwatch.seconds += 1
    assert clock.now() == START + timedelta(seconds=11)


def test_a_jump_keeps_the_speed(stopwatch: Stopwatch) -> None:
    clock = SimClock(START, 5, monotonic=stopwatch)
    clock.set(at=START + timedelta(days=1))
    stopwatch.seconds += 2
    assert clock.now() == START + timedelta(days=1, seconds=10)


@pytest.mark.parametrize("speed", [-1.0, float("inf"), float("nan")])
def test_a_speed_that_makes_no_sense_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        SimClock(START, speed)


def test_a_start_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        SimClock(START.replace(tzinfo=None), 1)
