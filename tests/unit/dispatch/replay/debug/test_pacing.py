"""`--speed`: the log's own pace, or a multiple of it."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from dispatch.replay.debug.pacing import Pacing
from dispatch.replay.history import Input
from kernel.testing.builders import a_signal
from tests.fakes.replays import a_recording, replayed


@dataclass
class FakeTime:
    """Time that passes only in sleep, and in work if there is any."""

    now_s: float = 100.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now_s += seconds


def pacing(time: FakeTime, speed: float) -> Pacing:
    return Pacing(speed, monotonic=time.monotonic, sleep=time.sleep)


@pytest.mark.parametrize(("speed", "waits"), [(1, [5.0, 5.0]), (2, [2.5, 2.5]), (0.5, [10.0, 10.0])])
async def test_decisions_are_as_far_apart_as_their_inputs_were_written(
    speed: float, waits: list[float]
) -> None:
    time, log = FakeTime(), await a_recording(["SPY", "SPY", "SPY"])
    written = [record.written_at for record in log.signals()]
    assert [(b - a).total_seconds() for a, b in pairwise(written)] == [5.0, 5.0]
    (result,) = await replayed(log, "selector", observers=[pacing(time, speed)])
    assert time.slept == waits
    assert len(result.rows) == 3


async def test_what_is_late_is_not_waited_for_and_made_up_again() -> None:
    time, log = FakeTime(), await a_recording(["SPY", "SPY", "SPY"])
    paced = pacing(time, 1)
    paced.begin("selector", [])
    for number, record in enumerate(log.signals()):
        await paced.before(Input(a_signal(), record))
        time.now_s += 7 if number == 0 else 0  # a decision that took longer than the pause
    assert time.slept == [3.0]


async def test_an_input_that_only_a_replay_made_is_not_waited_for() -> None:
    time = FakeTime()
    await pacing(time, 1).before(Input(a_signal(), None))
    assert time.slept == []


def test_a_pace_of_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Pacing(0)
