import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from kernel.stream.lanes import Lanes


class Desk:
    """Hands out pieces of work that wait for `finish`; keeps the order in which they began and ended."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self._gates: dict[str, asyncio.Future[None]] = {}

    def work(self, name: str) -> Callable[[], Awaitable[None]]:
        gate = self._gates[name] = asyncio.get_running_loop().create_future()

        async def run() -> None:
            self.begun.append(name)
            await gate
            self.ended.append(name)

        return run

    async def finish(self, name: str, error: Exception | None = None) -> None:
        if error is None:
            self._gates[name].set_result(None)
        else:
            self._gates[name].set_exception(error)
        await settled()


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_work_of_one_key_runs_in_order_one_after_another() -> None:
    lanes, desk = Lanes(8), Desk()
    for name in ("a1", "a2", "a3"):
        await lanes.submit("a", desk.work(name))
    await settled()
    assert desk.begun == ["a1"]
    await desk.finish("a2")
    assert desk.begun == ["a1"]
    await desk.finish("a1")
    assert desk.begun == ["a1", "a2", "a3"]
    await desk.finish("a3")
    assert await lanes.drain(1.0)
    assert desk.ended == ["a1", "a2", "a3"]


async def test_work_of_different_keys_runs_side_by_side() -> None:
    lanes, desk = Lanes(8), Desk()
    for name in ("a", "b", "c"):
        await lanes.submit(name, desk.work(name))
    await settled()
    assert desk.begun == ["a", "b", "c"]
    for name in ("b", "c", "a"):
        await desk.finish(name)
    assert desk.ended == ["b", "c", "a"]


async def test_no_more_than_the_limit_is_taken_at_once() -> None:
    lanes, desk = Lanes(2), Desk()
    await lanes.submit("a", desk.work("a"))
    await lanes.submit("b", desk.work("b"))
    await lanes.submit("c", desk.work("c"))
    await settled()
    assert desk.begun == ["a", "b"]
    await desk.finish("a")
    assert desk.begun == ["a", "b", "c"]
    await desk.finish("b")
    await desk.finish("c")
    assert await lanes.drain(1.0)


async def test_the_first_failure_is_raised_to_whoever_watches_and_whoever_submits() -> None:
    lanes, desk = Lanes(8), Desk()
    watching = asyncio.create_task(lanes.failed())
    await lanes.submit("a", desk.work("a"))
    await lanes.submit("b", desk.work("b"))
    await settled()
    await desk.finish("a", ValueError("first"))
    await desk.finish("b", ValueError("second"))
    with pytest.raises(ValueError, match="first"):
        await watching
    with pytest.raises(ValueError, match="first"):
        await lanes.submit("c", desk.work("c"))
    assert "c" not in desk.begun


async def test_nothing_queued_behind_a_failure_is_begun() -> None:
    lanes, desk = Lanes(8), Desk()
    watching = asyncio.create_task(lanes.failed())
    for name in ("a1", "a2", "a3"):
        await lanes.submit("a", desk.work(name))
    await settled()
    await desk.finish("a1", ValueError("broken"))
    assert await lanes.drain(1.0)
    assert desk.begun == ["a1"]
    with pytest.raises(ValueError, match="broken"):
        await watching


async def test_work_submitted_in_the_very_moment_of_a_failure_is_not_begun() -> None:
    lanes, desk = Lanes(8), Desk()
    watching = asyncio.create_task(lanes.failed())

    async def fails_at_once() -> None:
        raise ValueError("broken")

    await lanes.submit("a", fails_at_once)
    await asyncio.sleep(0)  # it has failed; nobody has been told yet
    with contextlib.suppress(ValueError):
        await lanes.submit("a", desk.work("late"))
    assert await lanes.drain(1.0)
    assert desk.begun == []
    with pytest.raises(ValueError, match="broken"):
        await watching


async def test_a_key_can_be_used_again_after_its_work_is_done() -> None:
    lanes, desk = Lanes(1), Desk()
    for name in ("first", "second"):
        await lanes.submit("a", desk.work(name))
        await settled()
        await desk.finish(name)
    assert desk.ended == ["first", "second"]
    assert await lanes.drain(1.0)


async def test_a_key_that_is_stuck_takes_one_slot_and_stops_nobody_else() -> None:
    lanes, desk = Lanes(2), Desk()
    for number in range(5):
        await lanes.submit("stuck", desk.work(f"stuck{number}"))
    await lanes.submit("free", desk.work("free"))
    await settled()
    assert desk.begun == ["stuck0", "free"]


async def test_a_full_queue_makes_the_reader_wait() -> None:
    lanes, desk = Lanes(1, queued=1), Desk()
    await lanes.submit("a", desk.work("a1"))
    await lanes.submit("a", desk.work("a2"))
    third = asyncio.create_task(lanes.submit("b", desk.work("b")))
    await settled()
    assert not third.done()
    await desk.finish("a1")
    assert third.done()


async def test_draining_waits_for_what_was_taken_and_takes_nothing_new() -> None:
    lanes, desk = Lanes(2), Desk()
    await lanes.submit("a", desk.work("a"))
    draining = asyncio.create_task(lanes.drain(5.0))
    await settled()
    late = asyncio.create_task(lanes.submit("b", desk.work("b")))
    await settled()
    assert (draining.done(), late.done()) == (False, False)
    await desk.finish("a")
    assert await draining
    assert desk.begun == ["a"]
    late.cancel()


async def test_what_does_not_end_in_time_is_cancelled() -> None:
    lanes, desk = Lanes(2), Desk()
    await lanes.submit("a", desk.work("a"))
    await settled()
    assert not await lanes.drain(0.0)
    await settled()
    assert (desk.begun, desk.ended) == (["a"], [])
