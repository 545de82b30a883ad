"""Finding orders through alpaca-py: by id, by client id, and in listings with every filter."""

from datetime import timedelta
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    OrderSide,
    QueryOrderStatus,
)
from alpaca.trading.models import Order
from alpaca.trading.requests import (
    GetOrderByIdRequest,
    GetOrdersRequest,
    ReplaceOrderRequest,
)

from kernel.domain.options import Right
from simulator.server import VenueThread
from tests.fakes.market import spy
from tests.integration.simulator.at_venue import (
    a_buy,
    a_spread,
    ask,
    bought,
    refusal_of,
)

MISSING = "00000000-0000-4000-8000-000000000000"


# Looking up


def test_an_order_is_found_by_its_id_and_by_the_clients(raw: TradingClient) -> None:
    sent = raw.submit_order(a_buy(client_order_id="ticket-1", limit_price=1.00))
    by_id = raw.get_order_by_id(sent["id"])
    assert list(by_id) == list(sent)
    assert raw.get_order_by_client_id("ticket-1")["id"] == by_id["id"] == sent["id"]


@pytest.mark.parametrize("nested", [True, False])
def test_trap_query_booleans_are_capitalised_on_the_wire(trading: TradingClient, nested: bool) -> None:
    sent = trading.submit_order(a_spread(limit_price=0.01))
    found = trading.get_order_by_id(sent.id, GetOrderByIdRequest(nested=nested))
    assert len(found.legs) == 2


def test_orders_that_are_not_there_are_not_found(trading: TradingClient) -> None:
    for look in (trading.get_order_by_id, trading.cancel_order_by_id, trading.get_order_by_client_id):
        with pytest.raises(APIError) as error:
            look(MISSING)
        assert refusal_of(error) == (404, {"code": 40410000, "message": f"order not found for {MISSING}"})
    with pytest.raises(APIError) as error:
        trading.replace_order_by_id(MISSING, ReplaceOrderRequest(qty=1))
    assert refusal_of(error)[0] == 404


# Listing


@pytest.fixture
def three(trading: TradingClient) -> list[Order]:
    """An open call, a cancelled call of another strike, and a filled put, sent in this order."""
    first = trading.submit_order(a_buy(limit_price=1.00))
    second = trading.submit_order(a_buy(symbol=spy(530), limit_price=1.00))
    trading.cancel_order_by_id(second.id)
    third = bought(trading, symbol=spy(500, right=Right.PUT))
    return [first, second, third]


def numbers(three: list[Order], rows: list[Order]) -> list[int]:
    ids = [order.id for order in three]
    return [ids.index(row.id) for row in rows]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [0]),
        ({"status": QueryOrderStatus.OPEN}, [0]),
        ({"status": QueryOrderStatus.CLOSED}, [2, 1]),
        ({"status": QueryOrderStatus.ALL}, [2, 1, 0]),
        ({"status": QueryOrderStatus.ALL, "direction": "asc"}, [0, 1, 2]),
        ({"status": QueryOrderStatus.ALL, "direction": "asc", "limit": 2}, [0, 1]),
        ({"status": QueryOrderStatus.ALL, "limit": 1}, [2]),
        ({"status": QueryOrderStatus.ALL, "symbols": [spy(530), spy(540)]}, [1]),
        ({"status": QueryOrderStatus.ALL, "symbols": ["SPY"]}, []),
        ({"status": QueryOrderStatus.ALL, "side": OrderSide.SELL}, []),
        ({"status": QueryOrderStatus.ALL, "side": OrderSide.BUY}, [2, 1, 0]),
        ({"status": QueryOrderStatus.ALL, "nested": True}, [2, 1, 0]),
    ],
)
def test_orders_are_listed_by_status_direction_symbol_and_side(
    trading: TradingClient, three: list[Order], wanted: dict[str, Any], found: list[int]
) -> None:
    filters = GetOrdersRequest(**wanted) if wanted else None
    assert numbers(three, trading.get_orders(filters)) == found


def test_after_and_until_are_exclusive(trading: TradingClient, three: list[Order]) -> None:
    first, second, third = (order.submitted_at for order in three)

    def listed(**bounds: Any) -> list[int]:
        wanted = GetOrdersRequest(status=QueryOrderStatus.ALL, direction="asc", **bounds)
        return numbers(three, trading.get_orders(wanted))

    assert listed(after=first) == [1, 2]
    assert listed(after=first - timedelta(microseconds=1)) == [0, 1, 2]
    assert listed(until=third) == [0, 1]
    assert listed(after=first, until=third) == [1]
    assert listed(after=second, until=third) == []


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"asset_class": "us_option", "symbols": "SPY"}, [2, 1, 0]),
        ({"asset_class": "us_option", "symbols": "QQQ"}, []),
        ({"asset_class": "us_equity"}, []),
        ({"asset_class": "us_equity,us_option"}, [2, 1, 0]),
        ({"asset_class": "all"}, [2, 1, 0]),
        ({"after_order_id": 0}, [2, 1]),
        ({"before_order_id": 2}, [1, 0]),
    ],
)
def test_filters_that_alpaca_py_has_no_field_for(
    venue: VenueThread, three: list[Order], params: dict[str, Any], found: list[int]
) -> None:
    query = {key: str(three[value].id) if isinstance(value, int) else value for key, value in params.items()}
    rows = ask(venue, "GET", "/v2/orders", params={"status": "all", **query}).json()
    assert [row["id"] for row in rows] == [str(three[number].id) for number in found]


@pytest.mark.parametrize(
    "params",
    [
        {"status": "asleep"},
        {"direction": "up"},
        {"side": "long"},
        {"limit": "501"},
        {"limit": "0"},
        {"after": "yesterday"},
        {"after_order_id": MISSING},
        {"after_order_id": MISSING, "before_order_id": MISSING},
        {"after_order_id": MISSING, "after": "2026-06-10T00:00:00Z"},
    ],
)
def test_a_listing_that_cannot_be_understood_is_a_bad_request(
    venue: VenueThread, params: dict[str, str]
) -> None:
    answer = ask(venue, "GET", "/v2/orders", params=params)
    assert (answer.status_code, answer.json()["code"]) == (400, 40010000)


def test_a_listing_ends_after_50_orders_unless_asked_for_up_to_500(
    venue: VenueThread, trading: TradingClient
) -> None:
    for _ in range(52):
        trading.submit_order(a_buy(qty=1, limit_price=0.01))
    assert len(trading.get_orders()) == 50
    assert len(trading.get_orders(GetOrdersRequest(limit=500))) == 52
