"""Runs work concurrently across keys, in order within a key."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable


class Lanes:
    """At most `limit` pieces of work at once; those of one key run one after another, in the order of `submit`.

    The first failure is kept and raised by the next `submit` and by `failed()`: nothing after it may count as done.
    """

    def __init__(self, limit: int) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._tails: dict[Hashable, asyncio.Task[None]] = {}
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def submit(self, key: Hashable, work: Callable[[], Awaitable[None]]) -> None:
        """Queue `work` behind earlier work of `key`; waits while all slots are taken."""
        await self._slots.acquire()
        self._raise_failure()
        task = asyncio.create_task(self._run(self._tails.get(key), work))
        self._tails[key] = task
        task.add_done_callback(lambda done: self._leave(key, done))

    async def failed(self) -> None:
        """Return never, or raise the first failure."""
        await asyncio.shield(self._failure)

    async def drain(self) -> None:
        """Wait until nothing is running."""
        while self._tails:
            await asyncio.wait(list(self._tails.values()))

    async def _run(self, before: asyncio.Task[None] | None, work: Callable[[], Awaitable[None]]) -> None:
        if before is not None:
            await asyncio.wait([before])
        self._raise_failure()
        await work()

    def _leave(self, key: Hashable, task: asyncio.Task[None]) -> None:
        self._slots.release()
        if self._tails.get(key) is task:
            del self._tails[key]
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._failure.done():
            self._failure.set_exception(error)

    def _raise_failure(self) -> None:
        if self._failure.done():
            self._failure.result()
