"""Replays of a log in memory, with somebody looking on."""

from collections.abc import Sequence
from typing import Any

from dispatch.replay.deciding import LocalDecider, replay_of
from dispatch.replay.observing import Observer
from dispatch.replay.overrides import with_overrides
from dispatch.replay.results import StageResult
from dispatch.replay.run import Played, replay
from dispatch.replay.span import Span
from kernel.testing.builders import a_signal, an_idea
from tests.fakes import chains
from tests.fakes.memory_log import MemoryLog
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline

#: A chain that scores 94, and one that scores 72.
GOOD = chains.Row()
WORSE = chains.Row(strike="525", bid="2.45", ask="2.55", day_volume=400)


async def a_recording(underlyings: Sequence[str] = ("SPY", "SPY", "SPY", "SPY")) -> MemoryLog:
    """Return a log of one signal each; every second one sees a chain that scores less."""
    pipeline = RecordedPipeline()
    for number, underlying in enumerate(underlyings):
        signal = a_signal(f"signal {number}", idea=an_idea(underlying=underlying))
        await pipeline.send(signal, WORSE if number % 2 else GOOD)
    return pipeline.log


async def replayed(
    log: MemoryLog, *stages: str, settings: Sequence[str] = (), observers: Sequence[Observer] = ()
) -> list[StageResult]:
    """Replay the whole log."""
    params = with_overrides(PARAMS, settings)
    replays: dict[str, Any] = {name: replay_of(name, params, "replaying") for name in stages}
    played = [Played(name, each, LocalDecider(each)) for name, each in replays.items()]
    return await replay(log, played, Span(), lambda *_: None, observers)
