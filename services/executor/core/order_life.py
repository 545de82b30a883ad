"""The life of an order: its states, the table of its transitions, and how the venue's reports move it.

NEW ──▶ SENDING ──▶ ACKNOWLEDGED ──▶ PARTIALLY_FILLED ──▶ FILLED, CANCELED, EXPIRED or REJECTED
 │        │  ▲ proved absent
 │        ▼  │
 │       UNKNOWN ──▶ whatever the venue reports
 └──▶ REJECTED (a gate said no)

Entry points: `new_order`, `advance` (our own steps), `apply` (the venue's reports).
1. Every change is a transition of TRANSITIONS and counts `sequence` up by one; any other raises InvariantBroken.
2. Filled contracts never fall and never exceed what was ordered; the same report twice is one step.
3. An order never moves backwards: the reports of one history, in any order and number, lead to the same end.
4. A report outweighs our own word: an order we closed without the venue ever having shown it (no `venue_order_id`)
   comes back to life when it turns up there after all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from kernel.contracts.messages import OrderStatus, Ticket
from kernel.domain.errors import InvariantBroken
from services.executor.core.orders import client_order_id_of
from services.executor.core.venue_reports import VenueReport

S = OrderStatus
ENDED = frozenset({S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED})
#: The venue holds these: they can be filled, and cancelled.
WORKING = frozenset({S.ACKNOWLEDGED, S.PARTIALLY_FILLED})
#: Whether the venue has these is not settled; the stage does not let go of a ticket before it is.
UNANSWERED = frozenset({S.SENDING, S.UNKNOWN})

_REPORTED = WORKING | ENDED
TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    S.NEW: frozenset({S.SENDING, S.REJECTED}),
    S.SENDING: _REPORTED | {S.UNKNOWN},
    # To itself: the venue may call the id taken while the order is in doubt already.
    S.UNKNOWN: _REPORTED | {S.SENDING, S.UNKNOWN},
    S.ACKNOWLEDGED: _REPORTED - {S.ACKNOWLEDGED},
    S.PARTIALLY_FILLED: _REPORTED - {S.ACKNOWLEDGED},
    # More fills than were known when the order ended are still fills.
    S.FILLED: ENDED,
    S.CANCELED: ENDED,
    S.EXPIRED: ENDED,
    S.REJECTED: _REPORTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order after `sequence` steps. Prices are USD per share; `reason` is why it is in this state, if there is a why.

    `id_claimed`: the venue has said that an order stands under this id. No look-up disproves that; it only shows it.
    """

    ticket: Ticket
    client_order_id: str
    status: OrderStatus
    sequence: int
    venue_order_id: str | None = None
    filled_contracts: int = 0
    average_fill_price: Decimal | None = None
    venue_at: datetime | None = None
    reason: str | None = None
    id_claimed: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected to happen to it."""
        return self.status in ENDED


def new_order(ticket: Ticket) -> Order:
    """Return the order of a ticket before its first step."""
    return Order(
        ticket=ticket, client_order_id=client_order_id_of(ticket.meta.id), status=OrderStatus.NEW, sequence=0
    )


def advance(order: Order, status: OrderStatus, reason: str | None = None) -> Order:
    """Return `order` after a step of our own to `status`."""
    return _checked(order, replace(order, status=status, sequence=order.sequence + 1, reason=reason))


def apply(order: Order, report: VenueReport) -> Order | None:
    """Return `order` as the venue's `report` leaves it, or None when the report brings nothing new."""
    if not _is_news(order, report):
        return None
    moved = replace(
        order,
        status=report.status,
        sequence=order.sequence + 1,
        venue_order_id=report.venue_order_id,
        filled_contracts=report.filled_contracts,
        average_fill_price=report.average_fill_price,
        venue_at=report.updated_at,
        reason=_reason(report),
    )
    return _checked(order, moved)


def is_first_request(order: Order) -> bool:
    """Tell whether a SENDING order is sent for the first time: then the venue's no is about all there ever was of it.

    After an unanswered request it is not: an order that shows late may itself be why the next request is refused.
    """
    return order.sequence == 1


def _is_news(order: Order, report: VenueReport) -> bool:
    if order.ended and order.venue_order_id is None:
        return report.status is not OrderStatus.REJECTED
    if order.ended:
        return report.status in ENDED and report.filled_contracts > order.filled_contracts
    known = (order.filled_contracts, _phase(order.status))
    return (report.filled_contracts, _phase(report.status)) > known


def _phase(status: OrderStatus) -> int:
    """Return how far along a status is: not known to the venue, working, ended."""
    return 2 if status in ENDED else 1 if status in WORKING else 0


def _reason(report: VenueReport) -> str | None:
    return f"the venue says {report.word}" if report.status in ENDED - {OrderStatus.FILLED} else None


def _checked(before: Order, after: Order) -> Order:
    if after.status not in TRANSITIONS[before.status]:
        msg = f"order {before.client_order_id} cannot go from {before.status} to {after.status}"
        raise InvariantBroken(msg)
    if not before.filled_contracts <= after.filled_contracts <= after.ticket.contracts:
        msg = (
            f"order {before.client_order_id} for {after.ticket.contracts} contracts cannot go from"
            f" {before.filled_contracts} filled to {after.filled_contracts}"
        )
        raise InvariantBroken(msg)
    return after
