"""Whoever looks on at a replay sees the decisions in the order in which their inputs were written."""

from collections.abc import AsyncIterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from dispatch.replay.history import Input
from dispatch.replay.observing import Taken, in_order
from kernel.contracts.messages import Evidence
from kernel.testing.builders import a_signal
from tests.fakes.replays import a_recording, replayed


class Onlooker:
    """Notes what it hears; ends the stage after `end` decisions."""

    def __init__(self, at_once: int | None = 1, end: int = 10**6) -> None:
        self.at_once = at_once
        self.heard: list[str] = []
        self._end = end

    def begin(self, stage: str, inputs: Sequence[Input]) -> None:
        self.heard.append(f"{stage} {len(inputs)}")

    async def before(self, given: Input) -> None:
        self.heard.append(f"may {given.message.meta.causation_id}")

    async def after(self, taken: Sequence[Taken]) -> bool:
        self.heard += [f"did {each.given.message.meta.causation_id}" for each in taken]
        return len([h for h in self.heard if h.startswith("did")]) < self._end


async def test_each_decision_is_asked_for_taken_and_told_in_the_order_of_the_inputs() -> None:
    onlooker = Onlooker()
    await replayed(await a_recording(["SPY", "QQQ", "SPY"]), "selector", observers=[onlooker])
    signals = [f"signal {n}" for n in range(3)]
    assert onlooker.heard == ["selector 3", *(f"{word} {s}" for s in signals for word in ("may", "did"))]


async def test_several_may_be_decided_before_they_are_told() -> None:
    onlooker = Onlooker(at_once=None)
    await replayed(await a_recording(["SPY", "QQQ"]), "selector", observers=[onlooker])
    assert onlooker.heard[1:] == ["may signal 0", "may signal 1", "did signal 0", "did signal 1"]


async def test_a_stage_that_is_ended_tells_what_it_left() -> None:
    (result,) = await replayed(await a_recording(), "selector", observers=[Onlooker(end=3)])
    assert (len(result.rows), result.left) == (3, 1)


async def test_looking_on_changes_no_result() -> None:
    log = await a_recording(["SPY", "QQQ", "IWM", "SPY", "QQQ"])
    plain = await replayed(log, "selector", "sizer")
    watched = await replayed(log, "selector", "sizer", observers=[Onlooker()])
    assert [r.digest for r in watched] == [r.digest for r in plain]
    assert [r.counts for r in watched] == [r.counts for r in plain]


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)))
async def test_what_comes_early_waits_for_its_turn(order: list[int], unasked: set[int]) -> None:
    inputs = [Input(a_signal(f"signal {n}"), None) for n in range(8) if n not in unasked]
    known = {given.id for given in inputs}

    async def seen() -> AsyncIterator[tuple[str, Evidence | None]]:
        for n in order:
            input_id = a_signal(f"signal {n}").meta.id
            if input_id in known:
                yield input_id, None

    assert [input_id async for input_id, _ in in_order(inputs, seen())] == [given.id for given in inputs]
