"""`--speed`: decisions at the pace at which the log was written, or so many times as fast."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from dispatch.replay.history import Input
from dispatch.replay.observing import Taken


class Pacing:
    """An Observer that holds each input until its time has come.

    The first input comes at once, each other as long after it as it was written after it, divided by `speed`. What is
    late is not waited for, so that the pace is made up again.
    """

    at_once = 1

    def __init__(
        self,
        speed: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if speed <= 0:
            raise ValueError(f"a pace is above 0, was {speed}")
        self._speed = speed
        self._monotonic = monotonic
        self._sleep = sleep
        self._first: tuple[float, datetime] | None = None

    def begin(self, stage: str, inputs: Sequence[Input]) -> None:
        """See Observer."""
        del stage, inputs
        self._first = None

    async def before(self, given: Input) -> None:
        """See Observer."""
        if given.record is None:
            return
        if self._first is None:
            self._first = (self._monotonic(), given.record.written_at)
            return
        began_s, first = self._first
        due_s = began_s + (given.record.written_at - first).total_seconds() / self._speed
        wait_s = due_s - self._monotonic()
        if wait_s > 0:
            await self._sleep(wait_s)

    async def after(self, taken: Sequence[Taken]) -> bool:
        """See Observer."""
        del taken
        return True
