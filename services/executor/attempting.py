"""Brings an attempt after the first to where it works at the venue, or is given up: the listener's work for the walk.

1. An order without a fill is replaced, which the venue does in one piece. One with fills, or whose replacement the
   venue refuses, is cancelled; only when a look-up shows that it has ended, by the cancellation of this listener and no
   otherwise, is the next attempt sent, for what that same look-up left unfilled. So two attempts are never alive, never
   ask for too much, and what a person, the venue or the close has ended is not sent again.
2. An unanswered request makes its attempt UNKNOWN. It is looked up before anything else happens, the attempt before too.
3. What was begun is settled whatever the conditions; a request is made only as long as they let it.
"""

from collections.abc import Callable, Iterable

from kernel.contracts.messages import OrderStatus
from kernel.domain.clock import Clock
from kernel.domain.errors import VenueUnavailable
from kernel.domain.params import TradingParams
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
from services.executor.core.gates import Refusal, is_expired
from services.executor.core.lookups import lookup_pauses_s
from services.executor.core.order_life import ENDED, WORKING, Order, is_first_request, last_in_market
from services.executor.core.steps import Steps
from services.executor.core.venue_reports import VenueReport
from services.executor.ports import Broker, Held, Orders, Pause
from services.executor.walk_conditions import WalkConditions
from services.executor.writing import OrderWriter

#: An order the venue keeps refusing must not hold up the others.
_STEPS_A_LOOK = 8
_REPLACED, _CANCELLING = "replaced", "pending_cancel"


class AttemptSettler:
    """Settles the pending attempts of working orders."""

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
        self._conditions = conditions
        self._clock = clock
        self._pause = pause
        self._steps = steps
        self._write = OrderWriter(orders, steps, clock)
        #: The venue's ids of what was cancelled to be followed by a next attempt.
        self._cancelled: set[str] = set()
        executor = params.executor
        self._pauses_s = lookup_pauses_s(executor.lookup_attempts, executor.lookup_settle_s)

    async def settle(self, order: Order, *, fresh: bool = False) -> None:
        """Settle a pending attempt as far as it can be now; raises TransientError.

        `fresh`: this worker wrote its SENDING, nothing was sent.
        """
        for _ in range(_STEPS_A_LOOK):
            if order.status not in WORKING or not is_pending(order.current):
                return
            held = await self._step(order, fresh)
            if held is None:
                return
            order = held.order
            fresh = held.written and order.current.status is OrderStatus.SENDING

    async def look_up(
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

    def forget_all_but(self, orders: Iterable[Order]) -> None:
        """Drop what is remembered of orders that have ended."""
        self._cancelled &= {a.venue_order_id for order in orders for a in order.attempts if a.venue_order_id}

    async def _step(self, order: Order, fresh: bool) -> Held | None:
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
        report = await self.look_up(order.current, lambda report: not report.waits)
        return None if report is None or report.waits else await self._write.report(order, report)

    async def _resolve(self, order: Order) -> Held | None:
        """Find out what became of a request that nobody saw answered."""
        report = await self.look_up(order.current)
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
        report = await self.look_up(attempt)
        if report is not None and report.status not in ENDED and report.word != _CANCELLING:
            if await self._broker.cancel(report.venue_order_id):
                self._cancelled.add(report.venue_order_id)
            report = await self.look_up(attempt, lambda report: report.status in ENDED)
        if report is None:
            raise VenueUnavailable("the venue does not show an order any more that it has shown")
        return report

    async def _send(self, order: Order) -> Held:
        if is_expired(order.ticket, self._clock.now()):
            return await self._abandon(order, "cancelled after the ticket had expired")
        why_not = await self._conditions.why_not(order)
        if why_not is not None:
            return await self._abandon(order, why_not)
        return await self._write.unless_moved(
            order, lambda stored: self._steps.send_attempt(stored, self._clock.now())
        )

    async def _plan_anew(self, order: Order, why: str, *, refused: bool = False) -> Held:
        return await self._write.unless_moved(
            order, lambda stored: self._steps.plan_anew(stored, why, self._clock.now(), refused=refused)
        )

    async def _abandon(self, order: Order, why: str) -> Held:
        return await self._write.unless_moved(
            order, lambda stored: self._steps.abandon_attempt(stored, why, self._clock.now())
        )


def is_pending(attempt: Attempt) -> bool:
    """Tell whether an attempt after the first is intended, and whether the venue has it is not settled."""
    return attempt.number > 1 and attempt.status not in WORKING | ENDED
