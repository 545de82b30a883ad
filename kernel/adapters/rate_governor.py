"""The gate in front of the venue's request limit, for one process: `admit` returns when a request may be sent.

Entry point: `RateGovernor`. The arithmetic is in `kernel.domain.rate_limit`, the shared buckets in `request_buckets`.
1. Waiting requests go in the order of their urgency, then of their coming. A grant of the shared bucket is given to
   those it was asked for, or to more urgent ones.
2. Where the limit is high, a grant is a lease of up to a hundredth of the bucket, good for a second, so that requests
   ask nobody. Where it is low, each request is granted by itself: an idle process keeps nothing from the others.
3. Without the shared bucket no entry is sent. Exits, cancels and reads go on by a bucket of this process's own, a
   fixed share of the limit. A process that has no database has only that one, for everything.
"""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeVar

from kernel.domain.errors import DatabaseUnavailable, OverBudget
from kernel.domain.rate_limit import (
    ASSUMED_LIMIT,
    Bucket,
    Budget,
    Told,
    Urgency,
    admit,
    full,
    is_news,
    learn,
    wait_s,
)
from kernel.runtime.logging import get_logger

T = TypeVar("T")
_log = get_logger()
#: Of the venue's limit, what a process may use that cannot see what the others use.
LOCAL_SHARE = 0.25
#: How long a request waits before its caller is told that it was not sent. An entry is judged anew after it; a cancel
#: waits for the venue's next minute.
PATIENCE_S = {Urgency.EXIT: 60.0, Urgency.ENTRY: 2.0, Urgency.READ: 10.0}
#: A database that has not answered by then counts as away.
_ANSWER_S = 1.0
_LEASE_S = 1.0
_LEASE_SHARE = 0.01
_ASK_AGAIN_S = (0.01, 0.5)


class SharedBuckets(Protocol):
    """Buckets of one account shared by several processes; each call raises DatabaseUnavailable."""

    async def take(self, budget: Budget, wanted: int, urgency: Urgency) -> tuple[int, Bucket]:
        """Take up to `wanted` tokens; return how many and the bucket after it, whose second 0 is now."""
        ...

    async def learn(self, budget: Budget, told: Told) -> Bucket:
        """Take over what the venue told; return the bucket after it, whose second 0 is now."""
        ...

    async def close(self) -> None:
        """Give the connection back."""
        ...


class RateGovernor:
    """Admits the requests of one process. Use as an async context manager, or call `close`."""

    def __init__(self, buckets: Callable[[], SharedBuckets] | None = None) -> None:
        """`buckets` makes a connection to the shared buckets; each budget asks over one of its own."""
        self._gates = {budget: _Gate(budget, buckets() if buckets else None) for budget in Budget}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop asking; whoever still waits will be told that nothing was sent."""
        for gate in self._gates.values():
            await gate.close()

    async def admit(self, budget: Budget, urgency: Urgency) -> None:
        """Return when one request may be sent; raises OverBudget when it may not be for too long."""
        gate = self._gates[budget]
        if not gate.spend(urgency):
            await gate.wait(urgency)

    def observe(self, budget: Budget, told: Told) -> None:
        """Take over what an answer's headers told."""
        self._gates[budget].observe(told)


@dataclass(slots=True)
class _Lease:
    tokens: int = 0
    until_s: float = 0.0


class _Gate:
    """One budget of one process. A worker task runs while anybody waits or something was learnt."""

    def __init__(self, budget: Budget, shared: SharedBuckets | None) -> None:
        self._budget = budget
        self._shared = shared
        self._seen = full(ASSUMED_LIMIT, 0.0)
        self._own = full(int(ASSUMED_LIMIT * LOCAL_SHARE), 0.0)
        self._leases = {urgency: _Lease() for urgency in Urgency}
        self._waiting: list[tuple[Urgency, int, asyncio.Future[None]]] = []
        self._came = 0
        self._news: Told | None = None
        self._worker: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._asking: asyncio.Task[Any] | None = None
        self._is_away = False
        self._closed = False

    def spend(self, urgency: Urgency) -> bool:
        """Use a leased token, if there is one and nobody waits for it."""
        if self._waiting:
            return False
        now_s = _now_s()
        for granted_to in range(Urgency.READ, urgency - 1, -1):
            lease = self._leases[Urgency(granted_to)]
            if lease.tokens > 0 and now_s < lease.until_s:
                lease.tokens -= 1
                return True
        return False

    async def wait(self, urgency: Urgency) -> None:
        """Stand in line."""
        if self._closed:
            raise OverBudget("the process ends; nothing was sent")
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._came += 1
        heapq.heappush(self._waiting, (urgency, self._came, admitted))
        self._wake()
        try:
            async with asyncio.timeout(PATIENCE_S[urgency]):
                await admitted
        except TimeoutError:
            msg = f"the account's {self._budget} requests are used up; after {PATIENCE_S[urgency]:g} s nothing was sent"
            raise OverBudget(msg) from None

    def observe(self, told: Told) -> None:
        """Keep what is new of it for the worker."""
        now_s = _now_s()
        mine = replace(told, limit=int(told.limit * LOCAL_SHARE), remaining=int(told.remaining * LOCAL_SHARE))
        self._own = learn(self._own, mine, now_s)
        if self._shared is None or not is_news(self._seen, told, now_s):
            return
        if told.refused:
            _log.warning("the venue's request limit was reached", budget=self._budget, limit=told.limit)
            self._leases = {urgency: _Lease() for urgency in Urgency}
        self._seen = learn(self._seen, told, now_s)
        if self._news is None or not self._news.refused:
            self._news = told
        self._wake()

    async def close(self) -> None:
        """End the worker. An answer that is still under way tells nobody any more."""
        self._closed = True
        tasks = [task for task in (self._worker, self._asking) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_ANSWER_S)
        if self._shared is not None:
            await self._shared.close()

    def _wake(self) -> None:
        if self._closed:
            return  # or the worker would open a connection that nobody closes
        self._changed.set()
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work(), name=f"rate governor {self._budget}")

    async def _work(self) -> None:
        while self._forget_those_gone() or self._news is not None:
            self._changed.clear()
            try:
                idle_s = await self._by_the_shared(self._shared) if self._shared else self._by_our_own()
            except DatabaseUnavailable as e:
                self._refuse_entries(e)
                idle_s = self._by_our_own()
            if idle_s > 0:
                await self._sleep(idle_s)

    async def _by_the_shared(self, shared: SharedBuckets) -> float:
        """Let the shared bucket decide; return the seconds until it is worth asking again."""
        if self._news is not None:
            told, self._news = self._news, None
            try:
                self._see(await self._ask(lambda: shared.learn(self._budget, told)))
            except DatabaseUnavailable:
                self._news = self._news or told if self._waiting else None
                raise
        if not self._forget_those_gone():
            return 0.0
        urgency = self._waiting[0][0]
        wanted = sum(1 for waiting in self._waiting if waiting[0] == urgency)
        lease = int(self._seen.capacity * _LEASE_SHARE)
        granted, bucket = await self._ask(lambda: shared.take(self._budget, wanted + lease, urgency))
        self._see(bucket)
        self._give(granted, urgency)
        return 0.0 if granted else self._pause_s(self._seen, urgency)

    def _by_our_own(self) -> float:
        """Let this process's own bucket decide; return the seconds until it has a token again."""
        while self._forget_those_gone():
            urgency = self._waiting[0][0]
            self._own, granted = admit(self._own, 1, urgency, _now_s())
            if not granted:
                return self._pause_s(self._own, urgency)
            self._give(1, urgency)
        return 0.0

    async def _ask(self, question: Callable[[], Coroutine[object, object, T]]) -> T:
        """Ask the database, once at a time and never broken off: that could leave the connection in the middle."""
        if self._asking is not None and not self._asking.done():
            raise DatabaseUnavailable("the request buckets have not answered yet")
        asking = asyncio.create_task(question())
        self._asking = asking
        await asyncio.wait([asking], timeout=_ANSWER_S)
        if not asking.done():
            raise DatabaseUnavailable("the request buckets did not answer")
        answer = asking.result()
        if self._is_away:
            self._is_away = False
            _log.info("the request buckets are back", budget=self._budget)
        return answer

    def _see(self, bucket: Bucket) -> None:
        self._seen = replace(bucket, at_s=_now_s() + bucket.at_s)

    def _give(self, granted: int, urgency: Urgency) -> None:
        while granted and self._forget_those_gone() and self._waiting[0][0] <= urgency:
            heapq.heappop(self._waiting)[2].set_result(None)
            granted -= 1
        if granted:
            self._leases[urgency] = _Lease(granted, _now_s() + _LEASE_S)

    def _refuse_entries(self, error: DatabaseUnavailable) -> None:
        if not self._is_away:
            self._is_away = True
            _log.warning("no entry is sent: the request buckets are away", reason=str(error))
        for waiting in self._waiting:
            if waiting[0] is Urgency.ENTRY and not waiting[2].done():
                waiting[2].set_exception(OverBudget(f"nothing was sent: {error}"))

    def _forget_those_gone(self) -> bool:
        """Drop who waits no more; whether anybody still does."""
        if any(waiting[2].done() for waiting in self._waiting):
            self._waiting = [waiting for waiting in self._waiting if not waiting[2].done()]
            heapq.heapify(self._waiting)
        return bool(self._waiting)

    @staticmethod
    def _pause_s(bucket: Bucket, urgency: Urgency) -> float:
        return min(max(wait_s(bucket, urgency, _now_s()), _ASK_AGAIN_S[0]), _ASK_AGAIN_S[1])

    async def _sleep(self, for_s: float) -> None:
        """Sleep unless somebody comes or something is learnt."""
        try:
            async with asyncio.timeout(for_s):
                await self._changed.wait()
        except TimeoutError:
            pass


def _now_s() -> float:
    return asyncio.get_running_loop().time()
