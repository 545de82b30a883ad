"""The steps of an order's life, each a function from the order before to the order after."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from simulator.venue.identity import uuid_of
from simulator.venue.orders import Intent, Order, OrderRequest, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When an order reaches the market, when it ends by itself, and whether it waits for the next session."""

    live_at: datetime
    expires_at: datetime
    queued: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a replacement asks for; None keeps the old value."""

    qty: int | None = None
    limit_price: Decimal | None = None
    client_order_id: str | None = None


def opened(
    request: OrderRequest,
    *,
    parent: str,
    sequence: int,
    intent: Intent,
    reserve_price: Decimal,
    now: datetime,
    timing: Timing,
) -> Order:
    """Return the order that `request` becomes; ids follow from `parent`, the client's id and the sequence."""
    order_id = uuid_of(request.client_order_id or parent, f"order:{sequence}")
    return Order(
        id=order_id,
        client_order_id=request.client_order_id or uuid_of(order_id, "client_order_id"),
        sequence=sequence,
        symbol=request.symbol,
        side=request.side,
        type=request.type,
        time_in_force=request.time_in_force,
        intent=intent,
        qty=request.qty,
        limit_price=request.limit_price,
        reserve_price=reserve_price,
        status=Status.ACCEPTED if timing.queued else Status.PENDING_NEW,
        created_at=now,
        updated_at=now,
        submitted_at=now,
        live_at=timing.live_at,
        expires_at=timing.expires_at,
    )


def routed(order: Order, now: datetime) -> Order:
    """Return the order as it reached the market."""
    return replace(order, status=Status.NEW, updated_at=now)


def filled(order: Order, qty: int, price: Decimal, now: datetime) -> Order:
    """Return the order after `qty` contracts traded at `price` USD per share."""
    filled_qty = order.filled_qty + qty
    return replace(
        order,
        status=Status.FILLED if filled_qty == order.qty else Status.PARTIALLY_FILLED,
        filled_qty=filled_qty,
        filled_cost=order.filled_cost + price * qty,
        filled_at=now if filled_qty == order.qty else None,
        updated_at=now,
    )


def canceled(order: Order, now: datetime) -> Order:
    """Return the order ended by its owner."""
    return replace(order, status=Status.CANCELED, canceled_at=now, updated_at=now)


def expired(order: Order, now: datetime) -> Order:
    """Return the order ended by the calendar."""
    return replace(order, status=Status.EXPIRED, expired_at=now, updated_at=now)


def rejected(order: Order, now: datetime) -> Order:
    """Return the order turned down after it had been accepted."""
    return replace(order, status=Status.REJECTED, failed_at=now, updated_at=now)


def replaced(
    order: Order, changes: Changes, *, sequence: int, now: datetime, live_at: datetime
) -> tuple[Order, Order]:
    """Return the order ended by its replacement, and the replacement; what was filled counts for both."""
    order_id = uuid_of(order.id, f"replacement:{sequence}")
    new = replace(
        order,
        id=order_id,
        client_order_id=changes.client_order_id or uuid_of(order_id, "client_order_id"),
        sequence=sequence,
        qty=order.qty if changes.qty is None else changes.qty,
        limit_price=order.limit_price if changes.limit_price is None else changes.limit_price,
        reserve_price=reserve_price_after(order, changes),
        status=Status.PENDING_NEW,
        created_at=now,
        updated_at=now,
        submitted_at=now,
        live_at=live_at,
        replaces=order.id,
    )
    old = replace(order, status=Status.REPLACED, replaced_at=now, replaced_by=new.id, updated_at=now)
    return old, new


def reserve_price_after(order: Order, changes: Changes) -> Decimal:
    """Return what the replacement holds per share: a buy its new limit, a sell nothing."""
    if changes.limit_price is None or order.reserve_price == 0:
        return order.reserve_price
    return changes.limit_price
