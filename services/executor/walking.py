"""Walks the limits of working orders: from the mid towards the far side, a new attempt at each step, then cancels.

The listener's work, on the market's clock. The order's own row is the only memory, so whoever listens next goes on.
1. The intent of an attempt is committed before the venue hears of it, with its id and its limit.
2. An order without a fill is replaced, which the venue does in one piece. One with fills, or whose replacement the
   venue refuses, is cancelled; only when a look-up shows that it has ended, by the cancellation of this listener and no
   otherwise, is the next attempt sent, for what that same look-up left unfilled. So two attempts are never alive, never
   ask for too much, and what a person, the venue or the close has ended is not sent again.
3. An unanswered request makes its attempt UNKNOWN. It is looked up before anything else happens, the attempt before too.
4. Nothing is begun while `may_walk` says no, outside the session or for an expired ticket, nor on a quote that the gates
   would not send an order on: then the order rests. What was begun is settled, and cancelling always may.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

from kernel.contracts.messages import OrderStatus
from kernel.contracts.parts import Side
from kernel.domain.calendar import market_day
from kernel.domain.clock import Clock
from kernel.domain.errors import TransientError, VenueUnavailable
from kernel.domain.params import TradingParams
from kernel.runtime.logging import get_logger, story
from services.executor.core.answers import (
    Accepted,
    Answer,
    Duplicate,
    NotAccepted,
    Refused,
    Stopped,
    Unanswered,
    claims_duplicate,
)
from services.executor.core.attempts import Attempt, request_of_attempt
from services.executor.core.facts import Facts, Quote
from services.executor.core.gates import Gate, Limits, Refusal, check, is_expired
from services.executor.core.gates.table import HOURS, OPENING_HOURS, QUOTED
from services.executor.core.lookups import lookup_pauses_s
from services.executor.core.order_life import ENDED, WORKING, Order, is_first_request, last_in_market
from services.executor.core.steps import Steps
from services.executor.core.switching import OPENING
from services.executor.core.venue_reports import VenueReport
from services.executor.core.walking import (
    GiveUp,
    Market,
    Reprice,
    Walk,
    Working,
    decide,
    due_step,
    market_of_buyer,
    market_of_seller,
)
from services.executor.ports import Broker, Held, Orders, Pause, Quotes, Sessions
from services.executor.writing import OrderWriter

_log = get_logger()
#: Seconds of this machine between two looks at all working orders: a step is late by this much at most.
_LOOK_S = 0.5
#: An order the venue keeps refusing must not hold up the others.
_STEPS_A_LOOK = 8
#: Orders walked at once: enough for a busy minute, few enough for the venue's rate limit.
_AT_ONCE = 4
_REPLACED, _CANCELLING = "replaced", "pending_cancel"


class OrderWalker:
    """Walks every order of the table that works at the venue."""

    def __init__(
        self,
        *,
        broker: Broker,
        orders: Orders,
        quotes: Quotes,
        clock: Clock,
        pause: Pause,
        sessions: Sessions,
        may_walk: Callable[[Order], Awaitable[bool]],
        params: TradingParams,
        steps: Steps,
    ) -> None:
        self._broker = broker
        self._orders = orders
        self._quotes = quotes
        self._clock = clock
        self._pause = pause
        self._sessions = sessions
        self._may_walk = may_walk
        self._limits = Limits.of(params)
        self._steps = steps
        self._write = OrderWriter(orders, steps, clock)
        #: The venue's ids of what was cancelled to be followed by a next attempt.
        self._cancelled: set[str] = set()
        executor = params.executor
        self._pauses_s = lookup_pauses_s(executor.lookup_attempts, executor.lookup_settle_s)
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
        self._cancelled &= {a.venue_order_id for order in orders for a in order.attempts if a.venue_order_id}
        async with asyncio.TaskGroup() as group:
            for order in orders:
                if order.status in WORKING:
                    group.create_task(self._walk_one(order, turns))

    async def _walk_one(self, order: Order, turns: asyncio.Semaphore) -> None:
        async with turns:
            try:
                with story(order.ticket.meta.correlation_id):
                    await (self._go_on(order) if _is_pending(order.current) else self._move(order))
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
        elif isinstance(step, int) and await self._may_walk(order) and await self._closed(order) is None:
            move = decide(now, working, await self._market(order), self._walk)
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
            await self._go_on(held.order, fresh=True)

    async def _go_on(self, order: Order, *, fresh: bool = False) -> None:
        """Settle a pending attempt as far as it can be now. `fresh`: this worker wrote its SENDING, nothing was sent."""
        for _ in range(_STEPS_A_LOOK):
            if order.status not in WORKING or not _is_pending(order.current):
                return
            held = await self._settle(order, fresh)
            if held is None:
                return
            order = held.order
            fresh = held.written and order.current.status is OrderStatus.SENDING

    async def _settle(self, order: Order, fresh: bool) -> Held | None:
        match order.current.status:
            case OrderStatus.NEW:
                return await self._follow_up(order)
            case OrderStatus.SENDING if fresh:
                return await self._take(order, await self._ask(order))
            case OrderStatus.SENDING:
                return await self._write.doubt(order, "the request was left without an answer")
            case _:
                return await self._resolve(order)

    async def _ask(self, order: Order) -> Answer:
        request, alive = request_of_attempt(order.ticket, order.current), order.alive
        if not order.current.replaces:
            return await self._broker.submit(request)
        if alive is None or alive.venue_order_id is None:
            return NotAccepted("the order to replace has ended meanwhile")
        return await self._broker.replace(alive.venue_order_id, request)

    async def _take(self, order: Order, answer: Answer) -> Held | None:
        match answer:
            case Accepted(report):
                return await (self._arrive(order) if report.waits else self._write.accept(order, report))
            case Refused(refusal) | Duplicate(refusal):
                return await self._take_no(order, refusal)
            case Stopped(refusal):
                return await self._let_be(order, refusal.message)
            case NotAccepted(reason) if order.current.replaces:
                return await self._let_be(order, reason)
            case Unanswered(reason) | NotAccepted(reason):
                return await self._write.doubt(order, reason)

    async def _let_be(self, order: Order, reason: str) -> Held:
        """Give an attempt up of which the venue took no notice, unless an earlier request may have made it."""
        return await (self._abandon if is_first_request(order) else self._write.doubt)(order, reason)

    async def _take_no(self, order: Order, refusal: Refusal) -> Held:
        if claims_duplicate(refusal):
            return await self._write.claim(order, refusal.message)
        if order.current.replaces:
            return await self._plan_anew(order, f"it could not be replaced: {refusal.message}", refused=True)
        if is_first_request(order):
            return await self._abandon(order, refusal.message)
        return await self._write.doubt(order, refusal.message)

    async def _arrive(self, order: Order) -> Held | None:
        """Wait for an attempt the venue has taken to reach the market, or to be refused there; None: not yet."""
        report = await self._look_up(order.current, lambda report: not report.waits)
        return None if report is None or report.waits else await self._write.report(order, report)

    async def _resolve(self, order: Order) -> Held | None:
        """Find out what became of a request that nobody saw answered."""
        report = await self._look_up(order.current)
        if report is not None:
            return await self._arrive(order)
        if order.current.id_claimed:
            return None
        if order.current.replaces:
            return await self._plan_anew(order, "the venue does not show the replacement")
        return await self._send(order)

    async def _follow_up(self, order: Order) -> Held | None:
        """See to it that the attempt before has ended, and send the one that follows for what is left."""
        ending = await self._end(order.alive or last_in_market(order.attempts) or order.attempts[0])
        if ending.status not in ENDED:
            return None  # the cancellation is under way
        held = await self._write.report(order, ending)
        if (
            held.order.ended
            or held.order.alive is not None
            or held.order.current.status is not OrderStatus.NEW
        ):
            return held  # not NEW: another listener, for the moment that there are two, sends it
        late = await self._broker.find(order.current.client_order_id)
        if late is not None:
            return await self._arrive(held.order)
        return await self._after(held.order, ending)

    async def _after(self, order: Order, ending: VenueReport) -> Held | None:
        """Send the next attempt, if it was for it that the one before was ended."""
        if ending.word == _REPLACED and order.current.requests:
            return None  # replaced by a request of ours that came late: its order will show
        if ending.status is OrderStatus.CANCELED and ending.venue_order_id in self._cancelled:
            return await self._send(order)
        return await self._abandon(order, f"the venue says {ending.word}, and not because it was asked")

    async def _end(self, attempt: Attempt) -> VenueReport:
        """Return what the venue shows of an attempt, having cancelled it if it works and nobody else has."""
        report = await self._look_up(attempt)
        if report is not None and report.status not in ENDED and report.word != _CANCELLING:
            if await self._broker.cancel(report.venue_order_id):
                self._cancelled.add(report.venue_order_id)
            report = await self._look_up(attempt, lambda report: report.status in ENDED)
        if report is None:
            raise VenueUnavailable("the venue does not show an order any more that it has shown")
        return report

    async def _look_up(
        self, attempt: Attempt, enough: Callable[[VenueReport], bool] = lambda _report: True
    ) -> VenueReport | None:
        """Return what the venue shows of an attempt, once that is enough or the settling time is over."""
        report = None
        for pause_s in self._pauses_s:
            await self._pause(pause_s)
            report = await self._broker.find(attempt.client_order_id)
            if report is not None and enough(report):
                return report
        return report

    async def _send(self, order: Order) -> Held:
        if is_expired(order.ticket, self._clock.now()):
            return await self._abandon(order, "cancelled after the ticket had expired")
        if not await self._may_walk(order):
            return await self._abandon(order, "trading was stopped before its next attempt")
        closed = await self._closed(order)
        if closed is not None:
            return await self._abandon(order, closed.message)
        return await self._write.unless_moved(
            order, lambda stored: self._steps.send_attempt(stored, self._clock.now())
        )

    async def _cancel(self, order: Order, alive: Attempt, why: str) -> None:
        assert alive.venue_order_id is not None, "only an attempt the venue has shown can be working"
        _log.info("cancelling", client_order_id=alive.client_order_id, reason=why)
        await self._broker.cancel(alive.venue_order_id)
        report = await self._look_up(alive, lambda report: report.status in ENDED)
        if report is not None:
            await self._write.report(order, report, why)

    async def _market(self, order: Order) -> Market | None:
        leg = order.ticket.legs[0]
        quote = await self._quotes.nbbo(leg.occ_symbol)
        if quote is None or quote.bid is None or quote.ask is None:
            return None
        if await self._refusal(order, QUOTED, quote) is not None:
            return None
        of = market_of_buyer if leg.side is Side.BUY else market_of_seller
        return of(quote.bid, quote.ask)

    async def _closed(self, order: Order) -> Refusal | None:
        """Return why no attempt of an order is begun or sent at this time of the day, if so."""
        return await self._refusal(order, OPENING_HOURS if order.ticket.action in OPENING else HOURS)

    async def _refusal(
        self, order: Order, gates: Sequence[Gate], quote: Quote | None = None
    ) -> Refusal | None:
        calendar = await self._sessions.around(market_day(self._clock.now()))
        facts = Facts(now=self._clock.now(), calendar=calendar, clock_skew_s=None, quote=quote)
        return check(order.ticket, facts, self._limits, gates)

    async def _plan_anew(self, order: Order, why: str, *, refused: bool = False) -> Held:
        return await self._write.unless_moved(
            order, lambda stored: self._steps.plan_anew(stored, why, self._clock.now(), refused=refused)
        )

    async def _abandon(self, order: Order, why: str) -> Held:
        return await self._write.unless_moved(
            order, lambda stored: self._steps.abandon_attempt(stored, why, self._clock.now())
        )


def _is_pending(attempt: Attempt) -> bool:
    """Tell whether an attempt after the first is intended, and whether the venue has it is not settled."""
    return attempt.number > 1 and attempt.status not in WORKING | ENDED


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
