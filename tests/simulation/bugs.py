"""Mistakes to plant. Each is one that has cost somebody money; some seed must find it.

`planted(name)` replaces the one function the mistake is in, for as long as the block lasts.
"""

import asyncio
import math
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any
from unittest.mock import patch

from kernel.adapters.control import Lease
from kernel.contracts.messages import OrderStatus, RejectionCode, Ticket
from kernel.domain.errors import TransientError
from kernel.domain.ids import derive_id
from kernel.stream import handling
from kernel.stream.acks import Arrival, InOrderAcks
from kernel.stream.consuming import Consumption
from kernel.stream.handling import RawRecord
from kernel.stream.producer import KafkaPublisher
from kernel.stream.stage import Emissions
from services.executor.adapters.alpaca_broker import AlpacaBroker
from services.executor.core import order_life
from services.executor.core.answers import Answer, Stopped, Unanswered
from services.executor.core.attempts import Attempt
from services.executor.core.gates import Refusal
from services.executor.core.order_life import Order
from services.executor.core.orders import OrderRequest
from services.executor.core.reconciling.found import Swept
from services.executor.core.risk_book import AsOf, RiskBook
from services.executor.core.steps import Reservation, Step
from services.executor.core.switching import refusal_by
from services.executor.core.venue_reports import VenueReport
from services.executor.ports import Held
from services.executor.stage import ExecutorStage
from services.executor.tracking import OrderTracker
from services.executor.walking import OrderWalker
from tests.simulation.database import Transaction
from tests.simulation.desk import ModelOrders, ModelRelay
from tests.simulation.tables import ModelDecisions

_submit = AlpacaBroker.submit
_take = ExecutorStage._take
_take_record = Consumption.take


async def _retry_with_a_new_id(self: AlpacaBroker, request: OrderRequest) -> Answer:
    answer = await _submit(self, request)
    if isinstance(answer, Unanswered):
        return await _submit(
            self, replace(request, client_order_id=derive_id(request.client_order_id, "retry"))
        )
    return answer


async def _duplicate_is_a_refusal(self: ExecutorStage, order: Order, answer: Answer) -> Held:
    if hasattr(answer, "refusal"):
        return await self._write.refuse(order, answer.refusal)
    return await _take(self, order, answer)


async def _unknown_is_rejected(self: ExecutorStage, order: Order) -> Held:
    refusal = Refusal(code=RejectionCode.VENUE_REJECTED, message="no answer, so no order")
    return await self._write.refuse(order, refusal)


async def _silence_is_consent(self: ExecutorStage, order: Order, answer: Answer) -> Held:
    if isinstance(answer, Unanswered):
        return Held(replace(order, status=OrderStatus.ACKNOWLEDGED), written=False)
    return await _take(self, order, answer)


async def _acknowledged_on_arrival(
    self: Consumption, record: RawRecord, acknowledge: Callable[[], object]
) -> None:
    acknowledge()
    await _take_record(self, record, lambda: None)


def _acknowledged_out_of_order(self: InOrderAcks, arrival: Arrival) -> None:
    arrival.acknowledge()


async def _not_waited_for(self: KafkaPublisher, sent: list[asyncio.Future[Any]]) -> None:
    for future in sent:
        future.add_done_callback(lambda done: done.exception())


async def _given_up(work: Callable[[], Any], **_: object) -> Any:
    for _attempt in range(3):
        try:
            return await work()
        except TransientError:
            await asyncio.sleep(0.1)
    return []


async def _nothing_recalled(self: ModelDecisions, signal_id: str) -> None:
    return None


async def _the_new_answer(self: ModelDecisions, signal_id: str, emissions: Emissions) -> Emissions:
    return emissions


async def _no_lock(self: ModelOrders, transaction: Transaction, key: Hashable) -> None:
    await transaction.statement()


async def _marked_before_published(self: ModelRelay) -> int:
    async with self.taken() as rows:
        pass
    await self._publisher.publish([self._emission(topic, payload) for topic, payload in rows])
    return len(rows)


async def _no_sweep(self: OrderTracker) -> Swept:
    return Swept([], [])


def _never_back_to_life(attempt: Attempt, report: VenueReport) -> bool:
    return attempt.status not in order_life.ENDED and _is_news(attempt, report)


_is_news = order_life._is_news


async def _cancelled_because_asked(self: OrderWalker, order: Order, alive: Attempt, why: str) -> None:
    assert alive.venue_order_id is not None
    await self._broker.cancel(alive.venue_order_id)

    def ended(stored: Order) -> Step:
        attempts = (*stored.attempts[:-1], replace(stored.current, status=OrderStatus.CANCELED))
        moved = replace(
            stored, status=OrderStatus.CANCELED, sequence=stored.sequence + 1, attempts=attempts, reason=why
        )
        return self._steps._step(moved, self._clock.now())

    await self._orders.change(order.client_order_id, ended)


async def _looked_at_not_held(
    self: AlpacaBroker, request: OrderRequest, send: Any, path: str, fields: Mapping[str, str]
) -> Answer:
    switch = await self._switch.read()  # type: ignore[attr-defined]
    refusal = refusal_by(switch, request.intent)
    if refusal is not None:
        return Stopped(refusal)
    self._guard.arm(request.client_order_id, Lease(switch, math.inf))
    return await self._send(request, send, path, fields)


def _empty_book(self: ModelOrders, ticket: Ticket, as_of: AsOf) -> RiskBook:
    return RiskBook(switch=self._tables.switch)


def _ids_by_chance() -> Any:
    numbers = count()
    return patch.object(
        order_life, "client_order_id_of", lambda ticket_id: derive_id(ticket_id, f"order-{next(numbers)}")
    )


BUGS: dict[str, Callable[[], Any]] = {
    "a new id per retry": partial(patch.object, AlpacaBroker, "submit", _retry_with_a_new_id),
    "a new id per delivery": _ids_by_chance,
    "a duplicate read as a refusal": partial(patch.object, ExecutorStage, "_take", _duplicate_is_a_refusal),
    "unknown closed without proof": partial(patch.object, ExecutorStage, "_resolve", _unknown_is_rejected),
    "a time-out swallowed": partial(patch.object, ExecutorStage, "_take", _silence_is_consent),
    "an offset committed before its record is handled": partial(
        patch.object, Consumption, "take", _acknowledged_on_arrival
    ),
    "offsets committed over a hole": partial(
        patch.object, InOrderAcks, "finished", _acknowledged_out_of_order
    ),
    "an output not waited for": partial(patch.object, KafkaPublisher, "_acknowledged", _not_waited_for),
    "a retry that gives up": partial(patch.object, handling, "retry_in_place", _given_up),
    "answers not remembered": partial(
        patch.multiple, ModelDecisions, recall=_nothing_recalled, record=_the_new_answer
    ),
    "no lock around a step": partial(patch.object, ModelOrders, "_lock", _no_lock),
    "the outbox marked before it is published": partial(
        patch.object, ModelRelay, "publish_waiting", _marked_before_published
    ),
    "hints believed, nothing swept": partial(patch.object, OrderTracker, "sweep", _no_sweep),
    "an order that never comes back to life": partial(
        patch.object, order_life, "_is_news", _never_back_to_life
    ),
    "cancelled because it was asked for": partial(
        patch.object, OrderWalker, "_cancel", _cancelled_because_asked
    ),
    "a switch looked at and not held": partial(patch.object, AlpacaBroker, "_send_held", _looked_at_not_held),
    "the whole asked for again": partial(
        patch.object, Order, "unfilled_contracts", property(lambda order: order.ticket.contracts)
    ),
    "a book that shows nobody else": partial(patch.object, ModelOrders, "_book", _empty_book),
    "money never given back": partial(patch.object, Step, "reservation", Reservation.KEEP),
}


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Plant a mistake by its name, or none."""
    with nullcontext() if name is None else BUGS[name]():
        yield
