"""Orders and their events in Alpaca's JSON: money and quantities are strings, times RFC 3339."""

from datetime import datetime
from typing import Any

import orjson

from simulator.venue.identity import asset_id_of
from simulator.venue.money_text import money_text
from simulator.venue.orders import Order, OrderEvent
from simulator.wire_time import rfc3339


def order_json(order: Order) -> dict[str, Any]:
    """Return an order as every order route and trade update shows it."""
    average = order.filled_avg_price
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "created_at": rfc3339(order.created_at),
        "updated_at": rfc3339(order.updated_at),
        "submitted_at": rfc3339(order.submitted_at),
        "filled_at": _instant(order.filled_at if order.filled_qty == order.qty else None),
        "expired_at": _instant(order.expired_at),
        "canceled_at": _instant(order.canceled_at),
        "failed_at": _instant(order.failed_at),
        "replaced_at": _instant(order.replaced_at),
        "replaced_by": order.replaced_by,
        "replaces": order.replaces,
        "asset_id": asset_id_of(order.symbol),
        "symbol": order.symbol,
        "asset_class": "us_option",
        "notional": None,
        "qty": str(order.qty),
        "filled_qty": str(order.filled_qty),
        "filled_avg_price": None if average is None else money_text(round(average, 6)),
        "order_class": "simple",
        "order_type": order.type,
        "type": order.type,
        "side": order.side,
        "position_intent": order.intent,
        "time_in_force": order.time_in_force,
        "limit_price": None if order.limit_price is None else money_text(order.limit_price),
        "stop_price": None,
        "status": order.status,
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": None,
        "expires_at": rfc3339(order.expires_at),
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
        data |= {
            "price": money_text(event.price),
            "qty": str(event.qty),
            "position_qty": str(event.position_qty),
        }
    return orjson.dumps({"stream": "trade_updates", "data": data})


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
