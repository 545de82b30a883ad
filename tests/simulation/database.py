"""A Postgres in memory: what of it a port can notice.

1. What a transaction writes is there at once and whole when it commits, or never. Whoever asked for the commit may not
   learn which.
2. Locks are held to the end of a transaction or session, by whom they were taken, also while that process stands still;
   who dies or is cut off loses them.
3. A statement that waits too long for a lock fails, and its transaction with it.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kernel.domain.errors import DatabaseUnavailable
from kernel.testing.builders import NOW
from tests.simulation.link import Link, Lost
from tests.simulation.loop import OWNER, Incarnation, SimulatedLoop

_STATEMENT_TIMEOUT_S = 10.0


@dataclass(eq=False)
class Backend:
    """One connection at the server: what it wants to write, and what it locks."""

    owner: Incarnation | None
    staged: list[Callable[[], None]] = field(default_factory=list)
    gone: bool = False
    spoke_s: float = 0.0
    began_at: datetime | None = None


@dataclass(eq=False)
class _Lock:
    holders: dict[Backend, bool] = field(default_factory=dict)
    queue: "deque[tuple[Backend, bool, asyncio.Future[None]]]" = field(default_factory=deque)


class ModelDatabase:
    """Transactions with locks over whatever the staged writes write to."""

    def __init__(self, loop: SimulatedLoop, link: Link) -> None:
        self._loop = loop
        self.link = link
        self._locks: dict[Hashable, _Lock] = defaultdict(_Lock)
        self._backends: dict[Backend, None] = {}

    @asynccontextmanager
    async def transaction(
        self, *, idle_limit_s: float | None = None, at_most_s: float | None = None
    ) -> AsyncIterator["Transaction"]:
        """Yield a transaction; raises DatabaseUnavailable where kernel.adapters.postgres.Database does.

        The server ends it after `at_most_s`, or once its holder was silent for longer than `idle_limit_s`.
        """
        backend = self.connect(idle_limit_s)
        if at_most_s is not None:
            self._loop.at(at_most_s, self.hang_up, backend)
        try:
            transaction = Transaction(self, backend)
            yield transaction
            await transaction.commit()
        except Lost as e:
            raise DatabaseUnavailable(str(e)) from e
        finally:
            self._loop.at(1e-6, self.hang_up, backend)

    def now(self) -> datetime:
        """Return the server's clock."""
        return NOW + timedelta(seconds=self._loop.time())

    def connect(self, idle_limit_s: float | None = None) -> Backend:
        """Open a connection; the server ends one that is silent for longer than `idle_limit_s`."""
        backend = Backend(OWNER.get())
        backend.spoke_s = self._loop.time()
        self._backends[backend] = None
        if idle_limit_s is not None:
            self._watch(backend, idle_limit_s)
        return backend

    def lock(self, backend: Backend, key: Hashable, *, shared: bool = False) -> "asyncio.Future[None] | None":
        """Lock `key`, at the server; returns what to wait for, if others hold it."""
        lock = self._spoken(backend, key)
        if backend in lock.holders or self._free(lock, shared=shared):
            self._grant(lock, backend, shared=shared)
            return None
        answer: asyncio.Future[None] = self._loop.create_future()
        lock.queue.append((backend, shared, answer))
        self._loop.at(_STATEMENT_TIMEOUT_S, self._time_out, backend, answer)
        return answer

    def try_lock(self, backend: Backend, key: Hashable, *, shared: bool = False) -> bool:
        """Lock `key` if nothing is in the way, waiting or holding."""
        lock = self._spoken(backend, key)
        if backend not in lock.holders and not self._free(lock, shared=shared):
            return False
        self._grant(lock, backend, shared=shared)
        return True

    def commit(self, backend: Backend) -> None:
        """Write what was staged, let all locks go."""
        self.spoken(backend)
        for write in backend.staged:
            write()
        self.hang_up(backend)

    def spoken(self, backend: Backend) -> datetime:
        """Note a statement and return the server's clock; raises Lost on a connection that is no more."""
        if backend.gone:
            raise Lost("the connection was closed by the server")
        backend.spoke_s = self._loop.time()
        now = self.now()
        backend.began_at = backend.began_at or now
        return now

    def hang_up(self, backend: Backend) -> None:
        """End a connection: nothing of it is written any more, its locks are free."""
        if backend.gone:
            return
        backend.gone = True
        self._backends.pop(backend, None)
        for lock in self._locks.values():
            waiting = deque(w for w in lock.queue if w[0] is not backend)
            if backend in lock.holders or len(waiting) != len(lock.queue):
                lock.queue = waiting
                lock.holders.pop(backend, None)
                self._admit(lock)

    def lose(self, owner: Incarnation | None = None) -> None:
        """End the connections of a process that died, or all of them: a restart of the server."""
        for backend in [b for b in self._backends if owner is None or b.owner is owner]:
            self.hang_up(backend)

    def _spoken(self, backend: Backend, key: Hashable) -> _Lock:
        self.spoken(backend)
        return self._locks[key]

    @staticmethod
    def _free(lock: _Lock, *, shared: bool) -> bool:
        return not lock.queue and (not lock.holders or (shared and all(lock.holders.values())))

    @staticmethod
    def _grant(lock: _Lock, backend: Backend, *, shared: bool) -> None:
        lock.holders[backend] = shared and lock.holders.get(backend, True)

    def _admit(self, lock: _Lock) -> None:
        while lock.queue:
            backend, shared, answer = lock.queue[0]
            if lock.holders and not (shared and all(lock.holders.values())):
                return
            lock.queue.popleft()
            if not answer.done():
                self._grant(lock, backend, shared=shared)
                answer.set_result(None)

    def _time_out(self, backend: Backend, answer: "asyncio.Future[None]") -> None:
        if not answer.done():
            answer.set_exception(Lost("the statement timed out waiting for a lock"))
            self.hang_up(backend)

    def _watch(self, backend: Backend, limit_s: float) -> None:
        left_s = backend.spoke_s + limit_s - self._loop.time()
        if left_s <= 0:
            self.hang_up(backend)
        elif not backend.gone:
            self._loop.at(left_s + 1e-3, self._watch, backend, limit_s)


class Transaction:
    """A process's side of a transaction. Reading needs no call: what is locked does not move."""

    def __init__(self, database: ModelDatabase, backend: Backend) -> None:
        self._database = database
        self.backend = backend

    async def lock(self, key: Hashable, *, shared: bool = False) -> None:
        """Wait for a lock."""
        await self._database.link.ask(lambda: self._database.lock(self.backend, key, shared=shared))
        self.check()

    async def try_lock(self, key: Hashable, *, shared: bool = False) -> bool:
        """Lock `key` if nothing is in the way."""
        got: bool = await self._database.link.ask(
            lambda: self._database.try_lock(self.backend, key, shared=shared)
        )
        self.check()
        return got

    async def statement(self) -> None:
        """Take the time of a round trip."""
        await self._database.link.ask(lambda: self._database.spoken(self.backend))
        self.check()

    async def clock(self) -> datetime:
        """Return the server's clock as it answers."""
        now: datetime = await self._database.link.ask(lambda: self._database.spoken(self.backend))
        return now

    @property
    def began_at(self) -> datetime:
        """What now() says in this transaction: when its first statement came in."""
        assert self.backend.began_at is not None, "there was no statement yet"
        return self.backend.began_at

    def check(self) -> None:
        """Raise Lost where the connection has gone: what is read now may be what others wrote since."""
        if self.backend.gone:
            raise Lost("the connection was closed by the server")

    def stage(self, write: Callable[[], None]) -> None:
        """Write with the commit."""
        self.backend.staged.append(write)

    async def commit(self) -> None:
        """Write all that was staged."""
        if self.backend.staged:
            await self._database.link.ask(lambda: self._database.commit(self.backend))
