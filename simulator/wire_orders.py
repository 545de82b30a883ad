"""Orders and their events in Alpaca's JSON: money and quantities are strings, times RFC 3339.

An order with legs is told as a parent without symbol, side or intent, its legs as full orders without type or price.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from simulator.venue.identity import asset_id_of
from simulator.venue.money_text import money_text
from simulator.venue.orders import Order, OrderEvent, Status
from simulator.wire_time import rfc3339

_REPLACED = frozenset({Status.PENDING_REPLACE, Status.REPLACED})


def order_json(order: Order, *, nested: bool = True) -> dict[str, Any]:
    """Return an order as every order route and trade update shows it; its legs inside it unless `nested` is False."""
    average = order.filled_avg_price
    order_type = "" if order.parent_id else order.type.value
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        **_instants(order),
        "replaced_by": order.replaced_by if order.status in _REPLACED else None,
        "replaces": order.replaces,
        **_what(order),
        "notional": None,
        "qty": str(order.qty),
        "filled_qty": str(order.filled_qty),
        "filled_avg_price": None if average is None else money_text(round(average, 6)),
        "order_class": _order_class(order),
        "order_type": order_type,
        "type": order_type,
        "side": order.side or "",
        "position_intent": order.intent or "",
        "time_in_force": order.time_in_force,
        "limit_price": _price(order.limit_price),
        "stop_price": _price(order.stop_price),
        "status": order.status,
        "extended_hours": False,
        "legs": [order_json(leg) for leg in order.legs] if order.legs and nested else None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": None,
        "expires_at": rfc3339(order.expires_at),
        **({"ratio_qty": str(order.ratio_qty)} if order.parent_id else {}),
    }


def trade_update(event: OrderEvent) -> bytes:
    """Return an event as a frame of the trade-updates stream."""
    data: dict[str, Any] = {
        "event": event.kind,
        "execution_id": event.execution_id,
        "order": order_json(event.order),
        "timestamp": rfc3339(event.at),
    }
    if event.price is not None:
        data |= {"price": money_text(event.price), "qty": str(event.qty)}
    if event.position_qty is not None:
        data["position_qty"] = str(event.position_qty)
    return orjson.dumps({"stream": "trade_updates", "data": data})


def _instants(order: Order) -> dict[str, str | None]:
    return {
        "created_at": rfc3339(order.created_at),
        "updated_at": rfc3339(order.updated_at),
        "submitted_at": rfc3339(order.submitted_at),
        "filled_at": _instant(order.filled_at if order.filled_qty == order.qty else None),
        "expired_at": _instant(order.expired_at),
        "canceled_at": _instant(order.canceled_at),
        "failed_at": _instant(order.failed_at),
        "replaced_at": _instant(order.replaced_at),
    }


def _what(order: Order) -> dict[str, str]:
    if order.instrument is None:
        return {"asset_id": "", "symbol": "", "asset_class": ""}
    return {
        "asset_id": asset_id_of(order.symbol),
        "symbol": order.symbol,
        "asset_class": order.instrument.asset_class,
    }


def _order_class(order: Order) -> str:
    """An equity order of one instrument has an empty class."""
    return "" if order.instrument and order.instrument.option is None else order.order_class.value


def _price(price: Decimal | None) -> str | None:
    return None if price is None else money_text(price)


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
