"""Walks the limits of working orders: from the mid towards the far side, a new attempt at each step, then cancels.

The listener's work, on the market's clock. The order's own row is the only memory, so whoever listens next goes on.
1. The intent of an attempt is committed before the venue hears of it, with its id and its limit; how it is brought to
   the venue is told in `attempting`.
2. Nothing is begun while `walk_conditions` say why not, nor without a market they believe: then the order rests. What
   was begun is settled, and cancelling always may.
"""

import asyncio
from decimal import Decimal

from kernel.contracts.parts import Side
from kernel.domain.clock import Clock
from kernel.domain.errors import TransientError
from kernel.domain.params import TradingParams
from kernel.runtime.logging import get_logger, story
from services.executor.attempting import AttemptSettler, is_pending
from services.executor.core.attempts import Attempt
from services.executor.core.gates import is_expired
from services.executor.core.order_life import ENDED, WORKING, Order
from services.executor.core.steps import Steps
from services.executor.core.walking import GiveUp, Reprice, Walk, Working, decide, due_step
from services.executor.ports import Broker, Orders, Pause
from services.executor.walk_conditions import WalkConditions
from services.executor.writing import OrderWriter

_log = get_logger()
#: Seconds of this machine between two looks at all working orders: a step is late by this much at most.
_LOOK_S = 0.5
#: Orders walked at once: enough for a busy minute, few enough for the venue's rate limit.
_AT_ONCE = 4


class OrderWalker:
    """Walks every order of the table that works at the venue."""

    def __init__(
        self,
        *,
        broker: Broker,
        orders: Orders,
        conditions: WalkConditions,
        clock: Clock,
        pause: Pause,
        params: TradingParams,
        steps: Steps,
    ) -> None:
        self._broker = broker
        self._orders = orders
        self._conditions = conditions
        self._clock = clock
        self._pause = pause
        self._steps = steps
        self._write = OrderWriter(orders, steps, clock)
        self._attempts = AttemptSettler(
            broker=broker,
            orders=orders,
            conditions=conditions,
            clock=clock,
            pause=pause,
            params=params,
            steps=steps,
        )
        executor = params.executor
        self._walk = Walk(
            steps=executor.walk_steps,
            step_s=executor.walk_step_s,
            rest_s=executor.walk_rest_s,
            collar_pct=executor.walk_collar_pct,
            tick_usd=params.sizer.tick_usd,
        )

    async def run(self) -> None:
        """Walk for ever: the listener's work."""
        while True:
            try:
                await self.walk()
            except TransientError as e:
                _log.warning("the walk was cut short", error=type(e).__name__, reason=str(e))
            await self._pause(_LOOK_S)

    async def walk(self) -> None:
        """Bring every working order as far as it can go now; raises TransientError."""
        turns = asyncio.Semaphore(_AT_ONCE)
        # Before the group, which would wrap a failure of the database into one nobody expects.
        orders = await self._orders.unsettled()
        self._attempts.forget_all_but(orders)
        async with asyncio.TaskGroup() as group:
            for order in orders:
                if order.status in WORKING:
                    group.create_task(self._walk_one(order, turns))

    async def _walk_one(self, order: Order, turns: asyncio.Semaphore) -> None:
        async with turns:
            try:
                with story(order.ticket.meta.correlation_id):
                    await (self._attempts.settle(order) if is_pending(order.current) else self._move(order))
            except TransientError as e:
                _log.warning("a walk waits", client_order_id=order.client_order_id, reason=str(e))

    async def _move(self, order: Order) -> None:
        """Do what the time asks for with an order of which no attempt is pending."""
        alive, now = order.alive, self._clock.now()
        working = None if alive is None else _working(order, alive)
        if alive is None or working is None:
            return
        if is_expired(order.ticket, now):
            await self._cancel(order, alive, "cancelled after the ticket had expired")
            return
        step = due_step(now, working, self._walk)
        if isinstance(step, GiveUp):
            await self._cancel(order, alive, step.reason)
        elif isinstance(step, int) and await self._conditions.why_not(order) is None:
            move = decide(now, working, await self._conditions.market(order), self._walk)
            if isinstance(move, Reprice):
                await self._begin(order, alive, move)

    async def _begin(self, order: Order, alive: Attempt, move: Reprice) -> None:
        replaces, limit = not order.filled_contracts, abs(move.limit)
        why = f"step {move.step} of {self._walk.steps}: from {alive.limit_price} to {limit}"
        held = await self._write.unless_moved(
            order,
            lambda stored: self._steps.begin_attempt(
                stored, limit, why, self._clock.now(), replaces=replaces
            ),
        )
        if held.written:
            await self._attempts.settle(held.order, fresh=True)

    async def _cancel(self, order: Order, alive: Attempt, why: str) -> None:
        assert alive.venue_order_id is not None, "only an attempt the venue has shown can be working"
        _log.info("cancelling", client_order_id=alive.client_order_id, reason=why)
        await self._broker.cancel(alive.venue_order_id)
        report = await self._attempts.look_up(alive, lambda report: report.status in ENDED)
        if report is not None:
            await self._write.report(order, report, why)


def _working(order: Order, alive: Attempt) -> Working | None:
    began_at = order.attempts[0].began_at
    if began_at is None or order.current.began_at is None:
        return None
    sign = Decimal(-1) if order.ticket.legs[0].side is Side.SELL else Decimal(1)
    return Working(
        limit=sign * alive.limit_price,
        bound=sign * order.ticket.price_ceiling,
        walk_began_at=began_at,
        attempt_began_at=order.current.began_at,
    )
