"""The executor on recorded evidence: the live stage, with an order desk at which nothing can be ordered.

1. What can be decided again is what the gates decide: whether this exact order may be sent. A replayed stage ends with
   the commit of that decision, as if it had crashed there; what follows are the venue's answers.
2. The venue's own word is only where the decision stands on it already: that it showed no order, or turned a request
   away. No port of this module can reach a venue, and no request is ever accepted.
3. A gate that needs a fact the evidence does not have is not asked: there was no such gate then.
4. A ticket whose order was in doubt has further decisions, each with evidence of its own, and `decide` takes any of
   them. `decided` names the first decision of a ticket, and a gate's no whenever it came.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import NoReturn

from kernel.contracts.base import Message
from kernel.contracts.messages import Evidence, Execution, OrderStatus, Rejection, RejectionCode, Ticket
from kernel.contracts.origin import Origin
from kernel.contracts.topics import EXECUTIONS, REJECTIONS, TICKETS
from kernel.domain.params import TradingParams
from kernel.stream.replaying import NotRecorded
from kernel.stream.stage import Emission, Emissions
from services.executor.core.answers import NotAccepted
from services.executor.core.evidence import Seen, seen_in
from services.executor.core.facts import Facts
from services.executor.core.gates import answerable
from services.executor.core.order_life import Order, new_order
from services.executor.core.orders import OrderRequest
from services.executor.core.risk_book import AsOf, RiskBook
from services.executor.core.steps import Step, Steps, topic_of
from services.executor.core.venue_reports import VenueReport
from services.executor.ports import Arrival, Decide, Held, Judge, Open
from services.executor.stage import ExecutorStage

NAME = "executor"


class ExecutorReplay:
    """Asks the gates again; see kernel.stream.replaying.Replay."""

    consumes = TICKETS
    answers = (EXECUTIONS, REJECTIONS)

    def __init__(self, params: TradingParams, revision: str) -> None:
        self._params = params
        self._steps = Steps(Origin(NAME, revision, params.config_hash))

    async def decide(self, message: Ticket, evidence: Evidence | None) -> Emissions:
        """Return the first step of a ticket's order, or the step `evidence` is of; raises NotRecorded."""
        if evidence is None:
            raise NotRecorded(f"no evidence of the decision on ticket {message.meta.id}")
        seen = _read(evidence)
        desk = _Recorded(message, seen)
        stage = ExecutorStage(
            broker=desk,
            orders=desk,
            facts=desk.facts,
            clock=desk,
            pause=_no_pause,
            params=self._params,
            steps=self._steps,
            gates=answerable(seen.known),
        )
        with suppress(_DecisionTakenError):
            await stage.handle(message)
        return desk.emissions

    def decided(self, message: Message) -> bool:
        """Tell the gates' decisions from executions that only report what became of an order."""
        match message:
            case Execution():
                return message.sequence == 1
            case Rejection():
                return message.code is not RejectionCode.VENUE_REJECTED
            case _:
                return False


class _DecisionTakenError(Exception):
    """The stage has decided; nothing after this line is its own."""


class _Recorded:
    """The outside as the gates saw it, and a desk that takes no order. It keeps the step that was decided on."""

    def __init__(self, ticket: Ticket, seen: Seen) -> None:
        self._order = replace(new_order(ticket), status=seen.status, sequence=seen.sequence)
        self._facts = seen.facts
        # Where no book was recorded, no gate that looks into one is asked.
        self._book = seen.facts.book or RiskBook()
        self._turned_away = False
        self._step: Step | None = None

    @property
    def emissions(self) -> Emissions:
        """The messages of the step, without its evidence."""
        messages = () if self._step is None else self._step.messages
        return [Emission(topic_of(m), m) for m in messages if not isinstance(m, Evidence)]

    def now(self) -> datetime:
        return self._facts.now

    async def facts(self, ticket: Ticket) -> Facts:
        del ticket
        return self._facts

    async def time(self) -> datetime:
        return self._facts.now

    async def known(self, ticket: Ticket, *, redelivered: bool) -> Arrival | None:
        del ticket, redelivered
        if self._order.status is OrderStatus.NEW:
            return None
        return Arrival(Held(self._order, written=self._order.status is OrderStatus.SENDING), traffic=0)

    async def begin(self, ticket: Ticket, as_of: AsOf, decide: Open) -> NoReturn:
        del ticket, as_of
        self._take(decide(self._book))

    async def judge(self, order: Order, as_of: AsOf, decide: Judge) -> Held | None:
        del as_of
        step = decide(self._order, self._book)
        if step is not None:
            self._take(step)
        return Held(
            order, written=False
        )  # the gates say yes now: the request goes to the desk, which ends it

    async def change(self, client_order_id: str, decide: Decide) -> Held | None:
        del client_order_id
        self._take(decide(self._order))
        return None

    async def unsettled(self) -> Sequence[Order]:
        raise NotRecorded("a decision on a ticket does not look at other orders")

    async def submit(self, request: OrderRequest) -> NotAccepted:
        """Turn the request away as the venue did then; a second one means the gates now say yes, and ends it."""
        del request
        if self._turned_away:
            raise _DecisionTakenError
        self._turned_away = True
        return NotAccepted("the venue's rate limit, as recorded")

    async def replace(self, venue_order_id: str, request: OrderRequest) -> NotAccepted:
        del request
        raise NotRecorded(f"order {venue_order_id} was not replaced then")

    async def find(self, client_order_id: str) -> VenueReport | None:
        """Show no order: otherwise there would have been nothing to ask the gates again for."""
        del client_order_id
        return None

    async def open_orders(self) -> Sequence[VenueReport]:
        raise NotRecorded("a decision on a ticket does not look at other orders")

    async def cancel(self, venue_order_id: str) -> bool:
        raise NotRecorded(f"order {venue_order_id} was not cancelled then")

    def _take(self, step: Step | None) -> NoReturn:
        self._step = step
        raise _DecisionTakenError


def _read(evidence: Evidence) -> Seen:
    try:
        return seen_in(evidence)
    except (KeyError, TypeError, ValueError) as e:
        raise NotRecorded(f"the evidence of ticket {evidence.input_id} cannot be read: {e!r}") from e


async def _no_pause(seconds: float) -> None:
    del seconds
