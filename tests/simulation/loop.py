"""An asyncio event loop in which nothing is left to chance but what the seed decides.

1. Time is virtual: it stands still while anything is ready, then jumps to the next timer. Nothing ever sleeps.
2. Of the callbacks that are ready the seed picks the next, so a seed is one interleaving, and others are others.
3. Every callback belongs to the process (`Incarnation`) in whose context it was scheduled, or to the outside. A process
   that was killed has no callbacks any more: not even its `finally` blocks run, as after kill -9. One that stands still
   (SIGSTOP) gets all that came meanwhile when it goes on.
4. Tasks and futures hash by their serial number, so sets of them iterate alike in every process.
"""

import asyncio
import heapq
import random
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from typing import Any

#: A task may start others while it unwinds.
_UNWINDINGS = 5


class DidNotSettleError(Exception):
    """The seed ran far longer than any does: something spins, or waits for ever."""


@dataclass(eq=False)
class Incarnation:
    """One life of a process, from its start to its kill."""

    name: str
    dead: bool = False
    still: bool = False
    held: list[asyncio.Handle] = field(default_factory=list)


OWNER: ContextVar[Incarnation | None] = ContextVar("OWNER", default=None)
#: Where what belongs to no process runs.
OUTSIDE = Context()


class _Task(asyncio.Task[Any]):
    def __init__(self, coro: Coroutine[Any, Any, Any], *, loop: "SimulatedLoop", **kwargs: Any) -> None:
        self.serial = loop.next_serial()
        super().__init__(coro, loop=loop, **kwargs)

    def __hash__(self) -> int:
        return self.serial


class _Future(asyncio.Future[Any]):
    def __init__(self, loop: "SimulatedLoop") -> None:
        self.serial = loop.next_serial()
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.serial


class SimulatedLoop(asyncio.BaseEventLoop):
    """A loop over virtual seconds; `steps` counts the callbacks it ran, `most_steps` bounds them."""

    def __init__(self, rng: random.Random, most_steps: int = 400_000) -> None:
        super().__init__()
        self._rng = rng
        self._now_s = 0.0
        self._serial = 0
        self._most_steps = most_steps
        self.steps = 0
        self.over = False
        self.tasks: list[_Task] = []
        self._withheld: list[asyncio.Handle] = []
        self.set_task_factory(self._task)  # type: ignore[arg-type]

    def time(self) -> float:
        return self._now_s

    def next_serial(self) -> int:
        self._serial += 1
        return self._serial

    def create_future(self) -> asyncio.Future[Any]:
        return _Future(self)

    def at(self, delay_s: float, callback: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Call back after `delay_s`, on behalf of nobody: what happens outside goes on whoever is killed."""
        return self.call_at(self._now_s + delay_s, callback, *args, context=OUTSIDE)

    def kill(self, incarnation: Incarnation) -> None:
        """Let a process never run again."""
        incarnation.dead = True
        self._withheld += incarnation.held
        incarnation.held.clear()

    def go_on(self, incarnation: Incarnation) -> None:
        """Let a process that stood still run again."""
        incarnation.still = False
        self._ready.extend(incarnation.held)  # type: ignore[attr-defined]
        incarnation.held.clear()

    def end(self) -> None:
        """Let everything that is left unwind, the killed included; nothing of it counts any more."""
        self.over, self.steps = True, 0
        for _ in range(_UNWINDINGS):
            left = [task for task in self.tasks if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            self._ready.extend(self._withheld)  # type: ignore[attr-defined]
            self._withheld.clear()
            self.run_until_complete(asyncio.wait(left, timeout=1_000))
        self.tasks.clear()
        self.close()

    def _task(self, loop: "SimulatedLoop", coro: Coroutine[Any, Any, Any], **kwargs: Any) -> _Task:
        del loop
        task = _Task(coro, loop=self, **kwargs)
        self.tasks.append(task)
        return task

    def _run_once(self) -> None:
        ready = self._ready  # type: ignore[attr-defined]
        if not ready:
            self._advance(ready)
        count = len(ready)
        if count > 1:
            place = int(self._rng.random() * count)
            handle = ready[place]
            del ready[place]
        else:
            handle = ready.popleft()
        if handle._cancelled:
            return
        if not self.over:
            owner = handle._context.get(OWNER)
            if owner is not None and (owner.dead or owner.still):
                (self._withheld if owner.dead else owner.held).append(handle)
                return
        self.steps += 1
        if self.steps > self._most_steps:
            raise DidNotSettleError(f"{self.steps} callbacks were not enough, at {self._now_s:.1f} s")
        handle._run()

    def _advance(self, ready: Any) -> None:
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not timers:
            raise DidNotSettleError("everything waits and nothing will ever happen")
        self._now_s = max(self._now_s, timers[0]._when)
        while timers and timers[0]._when <= self._now_s:
            handle = heapq.heappop(timers)
            handle._scheduled = False
            ready.append(handle)

    def _process_events(self, event_list: Any) -> None:
        del event_list

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector that would have to be woken."""
