"""Follows the orders at the venue. Updates are hints, REST is the truth: each hint is looked up before it counts.

1. Every order that has not ended is compared with the venue at the start, after every (re)connect of the stream and,
   while there is one, every `sweep_s`: a fill is found even if no hint of it ever came.
2. A working order whose ticket has expired is cancelled; what became of it is again looked up, not assumed.
3. An open order under one of our ids counts whatever we thought of it: nothing of ours works unseen.
"""

import asyncio

from kernel.domain.clock import Clock
from kernel.domain.errors import TransientError
from kernel.runtime.logging import get_logger
from services.executor.core.gates import is_expired
from services.executor.core.order_life import ENDED, WORKING, Order
from services.executor.core.reconciling.found import Moved, Swept
from services.executor.core.steps import Step, Steps
from services.executor.core.venue_reports import VenueReport
from services.executor.ports import Broker, Held, Orders, TradeUpdates

_log = get_logger()
#: Look-ups at once: enough to keep up with a busy minute, few enough for the venue's rate limit.
_FOLLOWERS = 4


class OrderTracker:
    """Brings every order on to what the venue says of it."""

    def __init__(
        self,
        *,
        broker: Broker,
        orders: Orders,
        updates: TradeUpdates,
        clock: Clock,
        steps: Steps,
        sweep_s: float,
    ) -> None:
        self._broker = broker
        self._orders = orders
        self._updates = updates
        self._clock = clock
        self._steps = steps
        self._sweep_s = sweep_s

    async def run(self) -> None:
        """Listen, look up and sweep for ever: the leader's work."""
        hints, sweep_now = _Hints(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._updates.listen(hints.put, sweep_now.set, lambda: None))
            group.create_task(self._sweep_for_ever(sweep_now))
            for _ in range(_FOLLOWERS):
                group.create_task(self._follow_for_ever(hints))

    async def sweep(self) -> Swept:
        """Compare every order that has not ended with the venue, once; raises TransientError."""
        open_orders = {report.client_order_id: report for report in await self._broker.open_orders()}
        unsettled = await self._orders.unsettled()
        known, moved, foreign = set(), [], []
        for order in unsettled:
            for client_order_id in [a.client_order_id for a in order.attempts if a.status not in ENDED]:
                known.add(client_order_id)
                found = open_orders.get(client_order_id) or await self._broker.find(client_order_id)
                held = None if found is None else await self._settle(found)
                if held is not None and held.written:
                    moved.append(Moved(order, held.order))
        for client_order_id, report in open_orders.items():
            if client_order_id not in known and await self._settle(report) is None:
                foreign.append(report)
        return Swept(moved, foreign)

    async def follow(self, client_order_id: str) -> None:
        """Look one order up and take over what the venue says of it; raises TransientError."""
        report = await self._broker.find(client_order_id)
        if report is not None:
            await self._record(report)

    async def follow_order(self, order_id: str) -> None:
        """Look all attempts of an order up, those too that had ended; raises TransientError."""
        held = await self._orders.change(order_id, lambda _order: None)
        for attempt in () if held is None else held.order.attempts:
            await self.follow(attempt.client_order_id)

    async def _settle(self, report: VenueReport) -> Held | None:
        held = await self._record(report)
        if held is not None and self._is_overdue(held.order):
            await self._cancel(held.order)
        return held

    async def _cancel(self, order: Order) -> None:
        alive = order.alive
        if alive is None:
            return  # its next attempt is pending: the walk settles that
        assert alive.venue_order_id is not None, "only an attempt the venue has shown can be working"
        _log.info("cancelling: the ticket has expired", client_order_id=alive.client_order_id)
        await self._broker.cancel(alive.venue_order_id)
        await self.follow(alive.client_order_id)

    def _is_overdue(self, order: Order) -> bool:
        return order.status in WORKING and is_expired(order.ticket, self._clock.now())

    async def _record(self, report: VenueReport) -> Held | None:
        def decide(order: Order) -> Step | None:
            return self._steps.report(order, report, self._clock.now())

        return await self._orders.change(report.client_order_id, decide)

    async def _sweep_for_ever(self, sweep_now: asyncio.Event) -> None:
        sweep_now.set()
        while True:
            try:
                # Without an order that has not ended the venue is not asked: each pass of the reconciliation looks for
                # open orders of ours that we thought had ended.
                if sweep_now.is_set() or await self._orders.unsettled():
                    sweep_now.clear()
                    await self.sweep()
            except TransientError as e:
                _log.warning("the sweep was cut short", error=type(e).__name__, reason=str(e))
            try:
                async with asyncio.timeout(self._sweep_s):
                    await sweep_now.wait()
            except TimeoutError:
                pass

    async def _follow_for_ever(self, hints: "_Hints") -> None:
        while True:
            client_order_id = await hints.get()
            try:
                await self.follow(client_order_id)
            except TransientError as e:
                # The next sweep finds what this look-up did not.
                _log.warning("an update was not looked up", client_order_id=client_order_id, reason=str(e))


class _Hints:
    """Ids that wait to be looked up, each once however often it was hinted at meanwhile."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()

    def put(self, client_order_id: str) -> None:
        """Queue an id unless it waits already."""
        if client_order_id not in self._waiting:
            self._waiting.add(client_order_id)
            self._queue.put_nowait(client_order_id)

    async def get(self) -> str:
        """Return the next id; a hint that comes from now on is a new one."""
        client_order_id = await self._queue.get()
        self._waiting.discard(client_order_id)
        return client_order_id
