"""The steps of an order's life, each a function from the order before to the order after; legs go with their parent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from simulator.venue.identity import uuid_of
from simulator.venue.orders import PENDING_END_STATUSES, Intent, Order, OrderRequest, Status, TimeInForce


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When an order reaches the market, when it ends by itself, and whether it waits for the next session."""

    live_at: datetime
    expires_at: datetime
    queued: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a replacement asks for; None keeps the old value. Prices are USD per share."""

    qty: int | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    client_order_id: str | None = None


def opened(
    request: OrderRequest,
    *,
    parent: str,
    sequence: int,
    intents: Sequence[Intent],
    reserve_usd: Decimal,
    now: datetime,
    timing: Timing,
) -> Order:
    """Return the order that `request` becomes, holding `reserve_usd` in all.

    Its ids follow from `parent`, the client's id and the sequence.

    `intents` are those of its legs, or its own alone.
    """
    order_id = uuid_of(request.client_order_id or parent, f"order:{sequence}")
    order = Order(
        id=order_id,
        client_order_id=request.client_order_id or uuid_of(order_id, "client_order_id"),
        sequence=sequence,
        instrument=request.instrument,
        side=request.side,
        type=request.type,
        time_in_force=request.time_in_force,
        intent=None if request.legs else intents[0],
        qty=request.qty,
        limit_price=request.limit_price,
        stop_price=request.stop_price,
        reserve_usd=reserve_usd,
        reserve_qty=request.qty,
        status=Status.ACCEPTED if timing.queued else Status.PENDING_NEW,
        created_at=now,
        updated_at=now,
        submitted_at=now,
        live_at=timing.live_at,
        expires_at=timing.expires_at,
    )
    return replace(order, legs=_legs_of(order, request, intents)) if request.legs else order


def routed(order: Order, now: datetime) -> Order:
    """Return the order as it reached the market; a replacement carries what was filled before it."""
    status = Status.PARTIALLY_FILLED if order.filled_qty else Status.NEW
    return _with_legs(order, pending_hold_usd=Decimal(0), status=status, updated_at=now)


def triggered(order: Order, now: datetime) -> Order:
    """Return a stop order that was elected: it works as a market or limit order from now on."""
    return replace(order, triggered_at=now, updated_at=now)


def filled(order: Order, qty: int, prices: Sequence[Decimal], now: datetime) -> Order:
    """Return the order after `qty` units traded, its parts at `prices` USD per share."""
    if not order.legs:
        return _filled(order, qty, prices[0], now)
    legs = tuple(
        _filled(leg, qty * leg.ratio_qty, price, now) for leg, price in zip(order.legs, prices, strict=True)
    )
    net = sum(
        (leg.side.sign * leg.ratio_qty * price for leg, price in zip(legs, prices, strict=True) if leg.side),
        Decimal(0),
    )
    return replace(_filled(order, qty, net, now), legs=legs)


def canceled(order: Order, now: datetime) -> Order:
    """Return the order ended by its owner."""
    return _with_legs(order, status=Status.CANCELED, canceled_at=now, updated_at=now)


def expired(order: Order, now: datetime) -> Order:
    """Return the order ended by the calendar."""
    return _with_legs(order, status=Status.EXPIRED, expired_at=order.expires_at, updated_at=now)


def rejected(order: Order, now: datetime) -> Order:
    """Return the order turned down after it had been accepted."""
    return _with_legs(order, status=Status.REJECTED, failed_at=now, updated_at=now)


def pending_cancel(order: Order, now: datetime, ends_at: datetime) -> Order:
    """Return the order with a cancel on its way, which is there at `ends_at`."""
    return replace(_with_legs(order, status=Status.PENDING_CANCEL, updated_at=now), cancel_at=ends_at)


def pending_replace(order: Order, new: Order, now: datetime) -> Order:
    """Return the order with its replacement on its way: it holds and promises the larger of both."""
    extra = new.qty - order.qty
    pending = _with_legs(order, status=Status.PENDING_REPLACE, updated_at=now)
    legs = tuple(replace(leg, extra_qty=extra * leg.ratio_qty) for leg in pending.legs)
    return replace(
        pending,
        legs=legs,
        extra_qty=extra,
        replaced_by=new.id,
        pending_hold_usd=new.reserve_usd,
        pending_units=new.reserve_qty,
    )


def waiting_for(new: Order, order: Order) -> Order:
    """Return a replacement that is on its way: the other order holds for both."""
    return replace(_with_legs(new, waits_for=order.id), pending_hold_usd=Decimal(0))


def taken_over(new: Order, order: Order) -> Order:
    """Return a replacement that took the place of `order` in the market, with what was filled until then."""
    legs = tuple(_with_fills(leg, other) for leg, other in zip(new.legs, order.legs, strict=True))
    return replace(_with_fills(new, order), legs=legs)


def working_again(order: Order, now: datetime) -> Order:
    """Return the order after its replacement failed."""
    working = _with_legs(order, status=Status.PARTIALLY_FILLED, replaced_by=None, extra_qty=0, updated_at=now)
    return replace(working, pending_hold_usd=Decimal(0), pending_units=0)


def replaced(order: Order, new: Order, now: datetime) -> Order:
    """Return the order ended by its replacement."""
    ended = _with_legs(order, status=Status.REPLACED, replaced_at=now, extra_qty=0, updated_at=now)
    return replace(ended, replaced_by=new.id)


def replacement(
    order: Order, changes: Changes, *, reserve_usd: Decimal, sequence: int, now: datetime, timing: Timing
) -> Order:
    """Return the order that is to replace another, which holds `reserve_usd` for what is open.

    What was filled before is told of both, as a quantity asked for includes it; each fill is one activity, of the order
    that traded.
    Until it reaches the market the replacement holds the larger of both, as either may still be the one that trades.
    """
    order_id = uuid_of(order.id, f"replacement:{sequence}")
    qty = order.qty if changes.qty is None else changes.qty
    new = replace(
        order,
        id=order_id,
        client_order_id=changes.client_order_id or uuid_of(order_id, "client_order_id"),
        sequence=sequence,
        qty=qty,
        limit_price=order.limit_price if changes.limit_price is None else changes.limit_price,
        stop_price=order.stop_price if changes.stop_price is None else changes.stop_price,
        time_in_force=changes.time_in_force or order.time_in_force,
        reserve_usd=reserve_usd,
        reserve_qty=qty - order.filled_qty,
        pending_hold_usd=order.held_usd,
        status=Status.PENDING_NEW,
        created_at=now,
        updated_at=now,
        submitted_at=now,
        live_at=timing.live_at,
        expires_at=timing.expires_at,
        replaces=order.id,
    )
    return replace(new, legs=tuple(_replacement_leg(new, leg) for leg in order.legs))


def _legs_of(order: Order, request: OrderRequest, intents: Sequence[Intent]) -> tuple[Order, ...]:
    return tuple(
        _as_leg(
            replace(order, instrument=leg.instrument, side=leg.side, intent=intent),
            order,
            number,
            leg.ratio_qty,
        )
        for number, (leg, intent) in enumerate(zip(request.legs, intents, strict=True))
    )


def _as_leg(leg: Order, parent: Order, number: int, ratio_qty: int) -> Order:
    leg_id = uuid_of(parent.id, f"leg:{number}")
    return replace(
        leg,
        id=leg_id,
        client_order_id=uuid_of(leg_id, "client_order_id"),
        parent_id=parent.id,
        ratio_qty=ratio_qty,
        qty=parent.qty * ratio_qty,
        limit_price=None,
        reserve_usd=Decimal(0),
        pending_hold_usd=Decimal(0),
    )


def _replacement_leg(parent: Order, leg: Order) -> Order:
    number = f"replacement leg:{leg.id}"
    leg_id = uuid_of(parent.id, number)
    return replace(
        parent,
        id=leg_id,
        client_order_id=uuid_of(leg_id, "client_order_id"),
        instrument=leg.instrument,
        side=leg.side,
        intent=leg.intent,
        parent_id=parent.id,
        ratio_qty=leg.ratio_qty,
        qty=parent.qty * leg.ratio_qty,
        filled_qty=leg.filled_qty,
        filled_cost=leg.filled_cost,
        filled_at=leg.filled_at,
        limit_price=None,
        reserve_usd=Decimal(0),
        pending_hold_usd=Decimal(0),
        replaces=leg.id,
        legs=(),
    )


def _filled(order: Order, qty: int, price: Decimal, now: datetime) -> Order:
    filled_qty = order.filled_qty + qty
    return replace(
        order,
        status=Status.FILLED if filled_qty == order.qty else _partial_status(order),
        filled_qty=filled_qty,
        filled_cost=order.filled_cost + price * qty,
        filled_at=now if filled_qty == order.qty else None,
        updated_at=now,
    )


def _partial_status(order: Order) -> Status:
    return order.status if order.status in PENDING_END_STATUSES else Status.PARTIALLY_FILLED


def _with_fills(new: Order, order: Order) -> Order:
    return replace(new, waits_for=None, filled_qty=order.filled_qty, filled_cost=order.filled_cost)


def _with_legs(order: Order, **changes: Any) -> Order:
    return replace(order, **changes, legs=tuple(replace(leg, **changes) for leg in order.legs))
