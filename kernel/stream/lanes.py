"""Runs work concurrently across keys, in order within a key."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable


class Lanes:
    """At most `limit` pieces of work at once; those of one key run one after another, in the order of `submit`.

    Work that waits behind its own key takes no slot: a key that is stuck does not stop the others, until `queued`
    pieces wait in all. The first failure is kept and raised by the next `submit` and by `failed()`: nothing after it
    may count as done.
    """

    def __init__(self, limit: int, *, queued: int = 256) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._places = asyncio.Semaphore(limit + queued)
        self._tails: dict[Hashable, asyncio.Task[None]] = {}
        self._closed = False
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def submit(self, key: Hashable, work: Callable[[], Awaitable[None]]) -> None:
        """Queue `work` behind earlier work of `key`; waits while all places are taken, and for ever once closed."""
        await self._places.acquire()
        self._raise_failure()
        if self._closed:
            await asyncio.Future()
        task = asyncio.create_task(self._run(self._tails.get(key), work))
        self._tails[key] = task
        task.add_done_callback(lambda done: self._leave(key, done))

    async def failed(self) -> None:
        """Return never, or raise the first failure."""
        await asyncio.shield(self._failure)

    async def drain(self, deadline_s: float) -> bool:
        """Take no new work and wait for what was taken; returns whether all of it ended within `deadline_s`.

        What did not is cancelled: its record stays unacknowledged and is read again.
        """
        self._closed = True
        if not self._tails:
            return True
        _, running = await asyncio.wait(list(self._tails.values()), timeout=deadline_s)
        for task in running:
            task.cancel()
        return not running

    async def _run(self, before: asyncio.Task[None] | None, work: Callable[[], Awaitable[None]]) -> None:
        if before is not None:
            await asyncio.wait([before])
        async with self._slots:
            self._raise_failure()
            await work()

    def _leave(self, key: Hashable, task: asyncio.Task[None]) -> None:
        self._places.release()
        if self._tails.get(key) is task:
            del self._tails[key]
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._failure.done():
            self._failure.set_exception(error)

    def _raise_failure(self) -> None:
        if self._failure.done():
            self._failure.result()
