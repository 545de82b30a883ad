"""One ticket in, exactly one order at the venue; everything it says goes out through the outbox.

1. Nothing is sent before its intent is committed, and the intent is made once per ticket.
2. A request is sent once per SENDING step; an unanswered one makes the order UNKNOWN, never REJECTED.
3. UNKNOWN is left only by what the venue shows, or by look-ups that found nothing over the settling time; then the
   gates are asked again before the same id is sent once more. The venue refuses an id it has seen, so even two
   workers on one ticket make one order. Once it has called an id taken, only what it shows counts, however late.
4. Whether an order may be sent is decided under the account's lock, on its book as it stands then: two decisions never
   see the same book, so together they cannot pass a limit that each keeps to.
5. The switch is asked by the order desk, with the request in hand: what it stops was not sent, and ends REJECTED;
   a request that was sent before is first looked for, and never repeated.
6. `handle` returns only when the order is at the venue or has ended; a failure before that is retried by the shell
   and resumes from the stored state. The one exception: an id that the venue calls taken and does not show keeps its
   order UNKNOWN, and its money reserved; once the ticket has expired the sweep alone goes on looking, so that the
   underlying's other tickets, its exits among them, do not wait behind it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from kernel.contracts.messages import OrderStatus, Ticket
from kernel.domain.clock import Clock
from kernel.domain.errors import VenueUnavailable
from kernel.domain.params import TradingParams
from kernel.runtime.logging import get_logger
from kernel.stream.stage import Emissions
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
from services.executor.core.facts import Facts
from services.executor.core.gates import GATES, Gate, Limits, Refusal, check, is_expired
from services.executor.core.lookups import lookup_pauses_s, send_again_pause_s
from services.executor.core.order_life import UNANSWERED, Order, is_first_request
from services.executor.core.orders import request_of
from services.executor.core.risk_book import AsOf, RiskBook
from services.executor.core.steps import Step, Steps
from services.executor.core.venue_reports import VenueReport
from services.executor.ports import Broker, FactsOf, Held, Orders, Pause
from services.executor.writing import OrderWriter, begun, is_unmoved

_log = get_logger()
#: Tickets a process knows again: far more than a minute may bring.
_REMEMBERED = 10_000


class ExecutorStage:
    """Executes tickets."""

    def __init__(
        self,
        *,
        broker: Broker,
        orders: Orders,
        facts: FactsOf,
        clock: Clock,
        pause: Pause,
        params: TradingParams,
        steps: Steps,
        gates: Sequence[Gate] = GATES,
    ) -> None:
        """`gates`: those that are asked; a replay leaves out what was not recorded."""
        self._broker = broker
        self._orders = orders
        self._facts = facts
        self._pause = pause
        self._steps = steps
        self._clock = clock
        self._write = OrderWriter(orders, steps, clock)
        self._finished: OrderedDict[str, None] = OrderedDict()
        self._pauses_s = lookup_pauses_s(params.executor.lookup_attempts, params.executor.lookup_settle_s)
        self._limits = Limits.of(params)
        self._gates = gates

    async def handle(self, ticket: Ticket) -> Emissions:
        """Bring a ticket to an order the venue has, or to its end. Returns nothing: the outbox speaks."""
        held = await self._known(ticket) or await self._begin(ticket)
        while held.order.status in UNANSWERED:
            if held.written and held.order.status is OrderStatus.SENDING:
                held = await self._send(held.order)
            elif (found := await self._resolve(held.order)) is not None:
                held = found
            else:
                break
        self._remember(ticket.meta.id)
        return []

    async def _known(self, ticket: Ticket) -> Held | None:
        """Return the order a ticket has already. It counts as a repeat if this process was done with it before.

        What comes again after a failure, a restart or from another worker does so by the log's own promise, in batches:
        counted, a crash would trip the switch. Whoever says one thing again and again says it to one process.
        """
        arrival = await self._orders.known(ticket, redelivered=ticket.meta.id in self._finished)
        return None if arrival is None else arrival.held

    def _remember(self, ticket_id: str) -> None:
        self._finished[ticket_id] = None
        self._finished.move_to_end(ticket_id)
        if len(self._finished) > _REMEMBERED:
            self._finished.popitem(last=False)

    async def _begin(self, ticket: Ticket) -> Held:
        as_of, facts = await self._gather(ticket)

        def decide(book: RiskBook) -> Step:
            return self._steps.begin(ticket, *self._judge(ticket, facts, book))

        return await self._orders.begin(ticket, as_of, decide)

    async def _gather(self, ticket: Ticket) -> tuple[AsOf, Facts]:
        books_at = await self._orders.time()
        facts = await self._facts(ticket)
        return AsOf(books=books_at, market=facts.now), facts

    def _judge(self, ticket: Ticket, facts: Facts, book: RiskBook) -> tuple[Facts, Refusal | None]:
        """Return what is decided on and what is decided, under the account's lock."""
        whole = replace(facts, book=book)
        return whole, check(ticket, whole, self._limits, self._gates)

    async def _send(self, order: Order) -> Held:
        """Send an order whose SENDING step this worker wrote."""
        request, turned_away = request_of(order.ticket), 0
        while isinstance(answer := await self._broker.submit(request), NotAccepted):
            turned_away += 1
            _log.warning(
                "the order was not sent, or turned away", reason=answer.reason, turned_away=turned_away
            )
            await self._pause(send_again_pause_s(turned_away))
            held = await self._ask_again(order)
            if held is not None:
                return held
        return await self._take(order, answer)

    async def _take(self, order: Order, answer: Answer) -> Held:
        match answer:
            case Accepted(report):
                return await self._write.accept(order, report)
            case Refused(refusal) | Stopped(refusal) if is_first_request(order):
                return await self._write.refuse(order, refusal)
            case Refused(refusal) | Duplicate(refusal) if claims_duplicate(refusal):
                return await self._write.claim(order, refusal.message)
            case Refused(refusal) | Duplicate(refusal) | Stopped(refusal):
                return await self._look_before_refusing(order, refusal)
            case Unanswered(reason) | NotAccepted(reason):
                return await self._write.doubt(order, reason)

    async def _look_before_refusing(self, order: Order, refusal: Refusal) -> Held:
        """Refuse an order only if no earlier request made it: one could be why this request was refused."""
        held = await self._write.doubt(order, refusal.message)
        if not held.written:
            return held
        report = await self._look_up(order)
        if report is not None:
            return await self._write.report(order, report)
        return await self._write.refuse(held.order, refusal)

    async def _resolve(self, order: Order) -> Held | None:
        """Find out what became of a request that nobody saw answered; None: it is left to the sweep."""
        if order.status is OrderStatus.SENDING:
            return await self._write.doubt(order, "the request was left without an answer")
        report = await self._look_up(order)
        if report is not None:
            return await self._write.report(order, report)
        if order.current.id_claimed:
            # An order there must be. To close ours, at its expiry too, could leave it at the venue unseen.
            said = "the venue says this client order id is taken, but does not show its order"
            if not is_expired(order.ticket, self._clock.now()):
                raise VenueUnavailable(said)
            _log.error(f"{said}: look for it there", client_order_id=order.client_order_id)
            return None
        _log.warning("the order is not at the venue", client_order_id=order.client_order_id)
        return await self._send_again(order)

    async def _look_up(self, order: Order) -> VenueReport | None:
        """Return the venue's order, or None after it was not there at any look-up over the settling time."""
        for pause_s in self._pauses_s:
            await self._pause(pause_s)
            report = await self._broker.find(order.client_order_id)
            if report is not None:
                return report
        return None

    async def _send_again(self, order: Order) -> Held:
        """Send an order the venue has proved not to have, or close it if by now a gate says no."""
        as_of, facts = await self._gather(order.ticket)

        def decide(stored: Order, book: RiskBook) -> Step | None:
            if not is_unmoved(stored, order):
                return None
            return self._steps.send_again(stored, *self._judge(stored.ticket, facts, book))

        return begun(await self._orders.judge(order, as_of, decide))

    async def _ask_again(self, order: Order) -> Held | None:
        """Close an order the venue took no notice of if by now a gate says no, or somebody moved it; None: send it."""
        as_of, facts = await self._gather(order.ticket)

        def decide(stored: Order, book: RiskBook) -> Step | None:
            if not is_unmoved(stored, order):
                return None
            whole, refusal = self._judge(stored.ticket, facts, book)
            return None if refusal is None else self._steps.send_again(stored, whole, refusal)

        held = begun(await self._orders.judge(order, as_of, decide))
        return held if held.written or not is_unmoved(held.order, order) else None
