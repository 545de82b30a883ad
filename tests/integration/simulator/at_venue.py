"""What tests of the venue with alpaca-py's clients share: orders to send, waiting, and the control API."""

import json
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, PositionIntent, TimeInForce
from alpaca.trading.models import Order
from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest, OptionLegRequest

from simulator.server import VenueThread
from tests.fakes.market import spy

DEADLINE_S = 60.0

KEYS = {"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}


def eventually(check: Callable[[], Any], what: str) -> Any:
    """Return the first truthy answer of `check`; fail naming `what` after the deadline."""
    ends_at, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while time.monotonic() < ends_at:
        found = check()
        if found:
            return found
        pause.wait(0.01)
    pytest.fail(f"did not happen in {DEADLINE_S} s: {what}")


def a_buy(**overrides: Any) -> LimitOrderRequest:
    """Return a limit buy of two calls at the ask, good for the day."""
    fields = {
        "symbol": spy(520),
        "qty": 2,
        "side": OrderSide.BUY,
        "time_in_force": TimeInForce.DAY,
        "limit_price": 2.60,
    }
    return LimitOrderRequest(**{**fields, **overrides})


def at_market(side: OrderSide, **overrides: Any) -> MarketOrderRequest:
    """Return a market order for one call, good for the day."""
    fields = {"symbol": spy(520), "qty": 1, "side": side, "time_in_force": TimeInForce.DAY}
    return MarketOrderRequest(**{**fields, **overrides})


def a_leg(symbol: str, intent: PositionIntent, ratio_qty: float = 1) -> OptionLegRequest:
    """Return a leg whose side is the intent's."""
    side = OrderSide(intent.value.split("_")[0])
    return OptionLegRequest(symbol=symbol, ratio_qty=ratio_qty, side=side, position_intent=intent)


def a_spread(*legs: OptionLegRequest, **overrides: Any) -> LimitOrderRequest:
    """Return a limit order with legs; without any, one call spread 520/530 for a debit of 0.20."""
    default = (
        a_leg(spy(520), PositionIntent.BUY_TO_OPEN),
        a_leg(spy(530), PositionIntent.SELL_TO_OPEN),
    )
    fields = {
        "qty": 1,
        "order_class": OrderClass.MLEG,
        "time_in_force": TimeInForce.DAY,
        "legs": list(legs or default),
        "limit_price": 0.20,
    }
    return LimitOrderRequest(**{**fields, **overrides})


def in_status(trading: TradingClient, order: Order, status: OrderStatus) -> Order:
    """Wait until an order has a status, and return it so."""

    def look() -> Order | None:
        now = trading.get_order_by_id(order.id)
        return now if now.status is status else None

    return eventually(look, f"{order.id} is {status.value}")


def filled(trading: TradingClient, order: Order) -> Order:
    """Wait until an order is filled."""
    return in_status(trading, order, OrderStatus.FILLED)


def bought(trading: TradingClient, **overrides: Any) -> Order:
    """Buy calls at the ask and wait for the fill."""
    return filled(trading, trading.submit_order(a_buy(**overrides)))


def refusal_of(error: pytest.ExceptionInfo[APIError]) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of a refusal."""
    return error.value.status_code, json.loads(str(error.value))


def set_clock(venue: VenueThread, **change: Any) -> None:
    """Jump to `at` and/or run at `speed`."""
    if isinstance(change.get("at"), datetime):
        change["at"] = change["at"].isoformat()
    requests.post(f"{venue.url}/sim/clock", json=change, timeout=30).raise_for_status()


def inject(venue: VenueThread, kind: str, **fields: Any) -> None:
    """Let the venue misbehave."""
    requests.post(f"{venue.url}/sim/faults", json={"kind": kind, **fields}, timeout=30).raise_for_status()


def journal(venue: VenueThread, *kinds: str) -> list[dict[str, Any]]:
    """Return the journal's rows of some kinds."""
    rows = requests.get(f"{venue.url}/sim/journal", timeout=30).json()
    return [row for row in rows if not kinds or row["kind"] in kinds]


def ask(venue: VenueThread, method: str, path: str, **fields: Any) -> requests.Response:
    """Send a request as another client than alpaca-py would; `path` begins with /v2."""
    return requests.request(method, venue.url + path, headers=KEYS, timeout=30, **fields)


def refused_replacement(trading: TradingClient, order_id: Any, **changes: Any) -> tuple[int, dict[str, Any]]:
    """Return status and body of the refusal of a change."""
    with pytest.raises(APIError) as error:
        trading.patch(f"/orders/{order_id}", changes)
    return refusal_of(error)


def refused_exercise(
    trading: TradingClient, symbol: str, path: str = "exercise"
) -> tuple[int, dict[str, Any]]:
    """Return status and body of the refusal of an exercise or its waiver."""
    with pytest.raises(APIError) as error:
        trading.post(f"/positions/{symbol}/{path}")
    return refusal_of(error)
