"""Writes what happened to an order that was begun as its next step: once, whichever of several workers saw it.

What the venue shows or says of an id counts whoever moved the order meanwhile. A step of our own (a doubt, an end,
the next attempt) answers the order as it was read: `unless_moved` writes nothing where somebody else moved it since.
"""

from kernel.domain.clock import Clock
from kernel.domain.errors import InvariantBroken
from services.executor.core.gates import Refusal
from services.executor.core.order_life import Order
from services.executor.core.steps import Steps
from services.executor.core.venue_reports import VenueReport
from services.executor.ports import Decide, Held, Orders


class OrderWriter:
    """The next step of an order. Each method raises DatabaseUnavailable."""

    def __init__(self, orders: Orders, steps: Steps, clock: Clock) -> None:
        self._orders = orders
        self._steps = steps
        self._clock = clock

    async def accept(self, order: Order, report: VenueReport) -> Held:
        """Take over the order with which the venue answered a request."""
        return await self._always(order, lambda stored: self._steps.accept(stored, report, self._clock.now()))

    async def report(self, order: Order, report: VenueReport, why: str | None = None) -> Held:
        """Take over what the venue shows of an attempt, if it is news."""
        return await self._always(
            order, lambda stored: self._steps.report(stored, report, self._clock.now(), why)
        )

    async def claim(self, order: Order, reason: str) -> Held:
        """Keep that the id is taken: it is about the id, not about our request."""
        return await self._always(order, lambda stored: self._steps.claim(stored, reason, self._clock.now()))

    async def doubt(self, order: Order, reason: str) -> Held:
        """Keep that nobody knows whether the venue has it."""
        return await self.unless_moved(
            order, lambda stored: self._steps.doubt(stored, reason, self._clock.now())
        )

    async def refuse(self, order: Order, refusal: Refusal) -> Held:
        """End an order the venue does not have."""
        return await self.unless_moved(
            order, lambda stored: self._steps.refuse(stored, refusal, self._clock.now())
        )

    async def unless_moved(self, order: Order, decide: Decide) -> Held:
        """Write a step of our own, unless someone else moved the order since we read it: then theirs counts."""
        return await self._always(order, lambda stored: decide(stored) if is_unmoved(stored, order) else None)

    async def _always(self, order: Order, decide: Decide) -> Held:
        return begun(await self._orders.change(order.client_order_id, decide))


def is_unmoved(stored: Order, order: Order) -> bool:
    """Tell whether an order stands where it stood when we read it."""
    return stored.sequence == order.sequence


def begun(held: Held | None) -> Held:
    """Return the held order; raises InvariantBroken if an order that was begun is not in the table."""
    if held is None:
        raise InvariantBroken("an order that was begun is not in the table any more")
    return held
