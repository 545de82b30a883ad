"""What a comparison of our own orders with the venue's found: events for the record. The order's step is written by then.

Entry points: `found_order`, `foreign_order`.
1. Only what the venue knew for `PROMPT` before it was looked up counts as found: anything younger was on its way to us
   by the stream.
2. A foreign order is written down and left alone; its fills explain what it does to positions and cash.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from kernel.contracts.messages import OrderStatus
from kernel.contracts.parts import Side
from kernel.domain.ids import derive_id
from services.executor.core.order_life import UNANSWERED, WORKING, Order
from services.executor.core.reconciling.activities import Kind
from services.executor.core.reconciling.books import Event
from services.executor.core.venue_reports import VenueReport

PROMPT = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Moved:
    """An order of ours before and after a comparison moved it."""

    before: Order
    after: Order


@dataclass(frozen=True, slots=True)
class Swept:
    """What a comparison of orders found: those of ours it moved, and open ones of others."""

    moved: Sequence[Moved] = ()
    foreign: Sequence[VenueReport] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignOrder:
    """An order at the venue that is none of ours, as far as it is known."""

    venue_order_id: str
    client_order_id: str
    symbol: str
    side: str
    contracts: Decimal
    word: str


def found_order(moved: Moved, now: datetime) -> Event | None:
    """Return what a comparison found out about an order of ours; None if the stream had no time to tell it."""
    after = moved.after
    at = after.venue_at or now
    if now - at < PROMPT:
        return None
    leg = after.ticket.legs[0]
    return Event(
        id=derive_id(after.client_order_id, f"found-{after.sequence}"),
        kind=_kind(moved.before, after),
        at=at,
        symbol=leg.occ_symbol,
        venue_order_id=after.venue_order_id,
        client_order_id=after.client_order_id,
        note=(
            f"{moved.before.status.value} {moved.before.filled_contracts} filled, found"
            f" {after.status.value} {after.filled_contracts} filled"
        ),
    )


def foreign_order(order: ForeignOrder, now: datetime) -> Event:
    """Return the event of an order that is not ours."""
    return Event(
        id=derive_id(order.venue_order_id, "foreign"),
        kind=Kind.FOREIGN_ORDER,
        at=now,
        symbol=order.symbol or None,
        venue_order_id=order.venue_order_id,
        client_order_id=order.client_order_id,
        note=f"{order.side} {order.contracts.normalize():f}, {order.word}: not ours, left alone",
    )


def foreign_from(report: VenueReport) -> ForeignOrder:
    """Return a report as an order that is not ours."""
    return ForeignOrder(
        venue_order_id=report.venue_order_id,
        client_order_id=report.client_order_id,
        symbol=report.occ_symbol,
        side=Side(report.side).value,
        contracts=Decimal(report.contracts),
        word=report.word,
    )


def _kind(before: Order, after: Order) -> Kind:
    if before.status in UNANSWERED:
        return Kind.UNKNOWN_FOUND
    if after.status is OrderStatus.FILLED:
        return Kind.FILL_UNSEEN
    return Kind.PARTIAL_FILL_UNSEEN if after.status in WORKING else Kind.END_UNSEEN
