import sys
from pathlib import Path

import pytest

from dispatch.stack.parts import Part
from dispatch.stack.processes import Backoff, ChildProcess, ProcessSpec
from dispatch.stack.waiting import wait_until


class HandClock:
    """Monotonic seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def crash(log: Path) -> ChildProcess:
    spec = ProcessSpec(
        name="selector", command=[sys.executable, "-c", "exit('broken invariant')"], log_path=log
    )
    return ended(ChildProcess.start(spec))


def ended(child: ChildProcess) -> ChildProcess:
    assert wait_until(lambda: not child.running, 10)
    return child


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def crashing(tmp_path: Path, clock: HandClock) -> Part:
    """A part that crashes at every start."""
    return Part(
        child=crash(tmp_path / "log"),
        monotonic=clock,
        backoff=Backoff(first_s=1.0, longest_s=30.0, settled_s=60.0),
        start=lambda _before: crash(tmp_path / "log"),
    )


def test_a_crash_is_told_with_the_last_words(crashing: Part) -> None:
    assert crashing.tend()
    assert crashing.state == "crashed"
    assert crashing.trouble == "selector ended with exit code 1: broken invariant"


def test_a_crashed_part_starts_again_after_the_delay_and_not_before(crashing: Part, clock: HandClock) -> None:
    crashing.tend()
    clock.now_s += 0.9
    assert not crashing.tend()
    clock.now_s += 0.1
    assert crashing.tend()
    assert (crashing.state, crashing.restarts) == ("starting", 1)


def test_each_crash_in_a_row_doubles_the_delay(crashing: Part, clock: HandClock) -> None:
    for delay_s in (1.0, 2.0, 4.0):
        assert crashing.tend()
        clock.now_s += delay_s - 0.1
        assert not crashing.tend()
        clock.now_s += 0.1
        assert crashing.tend()
    assert crashing.restarts == 3


def test_a_part_that_must_not_restart_fails_for_good(crashing: Part, clock: HandClock) -> None:
    crashing.may_restart = False
    assert crashing.tend()
    clock.now_s += 1000
    assert not crashing.tend()
    assert (crashing.state, crashing.restarts) == ("failed", 0)


def test_a_part_started_again_is_ready_when_its_probe_says_so(tmp_path: Path, clock: HandClock) -> None:
    answers = [False, True]
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    child = ChildProcess.start(ProcessSpec(name="selector", command=command, log_path=tmp_path / "log"))
    part = Part(child=child, monotonic=clock, probe=lambda _child: answers.pop(0))
    try:
        assert not part.tend()
        assert part.tend()
        assert part.state == "ready"
        assert not part.tend()
    finally:
        child.kill()
