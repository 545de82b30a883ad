"""Whether an open order may be changed, and the request that its replacement amounts to."""

from decimal import Decimal

from simulator.venue.lifecycle import Changes
from simulator.venue.orders import (
    WORKING_STATUSES,
    LegRequest,
    Order,
    OrderRequest,
    OrderType,
    Status,
)
from simulator.venue.refusals import Refusal, unprocessable

_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_STOPPED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


def check_replaceable(order: Order, changes: Changes) -> Refusal | None:
    """Refuse to change an order that is not working, or in a way it cannot change, or not at all."""
    if order.status is Status.REPLACED:
        return unprocessable("order already replaced")
    if order.waits_for is not None:
        return unprocessable("order chain not fully replaced")
    if order.status not in WORKING_STATUSES:
        return unprocessable(f"cannot replace order in {order.status} status")
    refusal = _check_fields(order, changes)
    if refusal is None and not _changes_anything(order, changes):
        return unprocessable("order parameters are not changed")
    return refusal


def request_after(order: Order, changes: Changes) -> OrderRequest:
    """Return a request for what the replacement would still have to trade."""
    legs = tuple(
        LegRequest(instrument=leg.instrument, side=leg.side, ratio_qty=leg.ratio_qty, intent=leg.intent)
        for leg in order.legs
        if leg.instrument and leg.side
    )
    return OrderRequest(
        instrument=order.instrument,
        side=order.side,
        type=order.type,
        time_in_force=changes.time_in_force or order.time_in_force,
        qty=(changes.qty or order.qty) - order.filled_qty,
        limit_price=_either(changes.limit_price, order.limit_price),
        stop_price=_either(changes.stop_price, order.stop_price),
        intent=order.intent,
        legs=legs,
    )


def _check_fields(order: Order, changes: Changes) -> Refusal | None:
    if order.parent_id is not None:
        return unprocessable("leg orders cannot be replaced, replace their parent order")
    if changes.qty is not None and changes.qty <= order.filled_qty:
        return unprocessable("qty must be > filled_qty")
    if changes.limit_price is not None and order.type not in _LIMITED:
        return unprocessable("limit price is only valid for limit orders")
    if changes.stop_price is not None and order.type not in _STOPPED:
        return unprocessable("stop price is only valid for stop orders")
    return None


def _changes_anything(order: Order, changes: Changes) -> bool:
    return (
        changes.qty not in (None, order.qty)
        or changes.limit_price not in (None, order.limit_price)
        or changes.stop_price not in (None, order.stop_price)
        or changes.time_in_force not in (None, order.time_in_force)
    )


def _either(asked: Decimal | None, kept: Decimal | None) -> Decimal | None:
    return kept if asked is None else asked
