"""Changing orders through alpaca-py: a replacement is a new order, a cancel an empty answer."""

from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    OrderSide,
    OrderStatus,
    TimeInForce,
)
from alpaca.trading.models import Order
from alpaca.trading.requests import (
    ReplaceOrderRequest,
    StopOrderRequest,
)

from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import THIS_FRIDAY, FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    a_buy,
    ask,
    bought,
    eventually,
    in_status,
    refusal_of,
    set_clock,
)

# Replacing


def money_of(trading: TradingClient) -> tuple[str, str]:
    account = trading.get_account()
    return account.cash, account.options_buying_power


def working(trading: TradingClient, **overrides: Any) -> Order:
    sent = trading.submit_order(a_buy(**{"limit_price": 1.00, **overrides}))
    return in_status(trading, sent, OrderStatus.NEW)


def test_a_replacement_is_a_new_order_and_the_old_one_names_it(trading: TradingClient) -> None:
    sent = working(trading)
    new = trading.replace_order_by_id(
        sent.id, ReplaceOrderRequest(limit_price=1.10, qty=3, client_order_id="ticket-2")
    )
    assert new.id != sent.id
    assert (new.replaces, new.limit_price, new.qty, new.client_order_id) == (sent.id, "1.1", "3", "ticket-2")
    old = in_status(trading, sent, OrderStatus.REPLACED)
    assert (old.status, old.replaced_by, old.limit_price) == (OrderStatus.REPLACED, new.id, "1")
    assert old.replaced_at is not None
    assert trading.get_order_by_client_id("ticket-2").id == new.id
    in_status(trading, new, OrderStatus.NEW)
    assert trading.get_account().options_buying_power == "99670"


def test_a_replacement_can_change_the_time_in_force_alone(trading: TradingClient) -> None:
    sent = working(trading)
    new = trading.replace_order_by_id(sent.id, ReplaceOrderRequest(time_in_force=TimeInForce.GTC))
    assert (new.time_in_force, new.expires_at) == (TimeInForce.GTC, at_eastern("16:00", THIS_FRIDAY))


def test_during_a_replacement_the_larger_of_both_is_held(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(latency_ms=(60_000.0, 60_000.0))) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        sent = client.submit_order(a_buy(qty=10, limit_price=1.00))
        set_clock(venue, at=at_eastern("10:30"))
        in_status(client, sent, OrderStatus.NEW)
        new = client.replace_order_by_id(sent.id, ReplaceOrderRequest(limit_price=0.50))
        assert money_of(client) == ("100000", "99000")
        set_clock(venue, at=at_eastern("11:00"))
        in_status(client, new, OrderStatus.NEW)
        assert money_of(client) == ("100000", "99500")


def test_a_stop_price_is_replaced_as_text(venue: VenueThread, trading: TradingClient) -> None:
    bought(trading)
    sent = trading.submit_order(
        StopOrderRequest(
            symbol=spy(520), qty=2, side=OrderSide.SELL, time_in_force=TimeInForce.DAY, stop_price=1.00
        )
    )
    in_status(trading, sent, OrderStatus.NEW)
    answer = ask(venue, "PATCH", f"/v2/orders/{sent.id}", json={"stop_price": "1.50"})
    assert (answer.status_code, answer.json()["stop_price"]) == (200, "1.5")


def test_an_opening_order_is_not_changed_past_the_end_of_opening(
    venue: VenueThread, trading: TradingClient
) -> None:
    sent = working(trading, time_in_force=TimeInForce.GTC)
    set_clock(venue, at=at_eastern("15:30", THIS_FRIDAY), speed=0)
    with pytest.raises(APIError) as error:
        trading.replace_order_by_id(sent.id, ReplaceOrderRequest(limit_price=1.10))
    reason = f'contract "{spy(520)}" expires soon, unable to open new positions'
    assert refusal_of(error) == (422, {"code": 42210000, "message": reason})
    assert trading.get_order_by_id(sent.id).status is OrderStatus.NEW


def test_a_closing_order_is_changed_to_the_end(venue: VenueThread, trading: TradingClient) -> None:
    bought(trading)
    sent = working(trading, side=OrderSide.SELL, limit_price=9.00, time_in_force=TimeInForce.GTC)
    set_clock(venue, at=at_eastern("15:45", THIS_FRIDAY), speed=0)
    assert trading.replace_order_by_id(sent.id, ReplaceOrderRequest(limit_price=8.00)).replaces == sent.id


# Cancelling


def test_a_cancel_answers_204_with_an_empty_body(venue: VenueThread, trading: TradingClient) -> None:
    sent = trading.submit_order(a_buy(limit_price=1.00))
    answer = ask(venue, "DELETE", f"/v2/orders/{sent.id}")
    assert (answer.status_code, answer.content) == (204, b"")
    order = in_status(trading, sent, OrderStatus.CANCELED)
    assert order.canceled_at is not None


def test_what_ended_cannot_be_cancelled(trading: TradingClient) -> None:
    done = bought(trading)
    with pytest.raises(APIError) as error:
        trading.cancel_order_by_id(done.id)
    assert refusal_of(error) == (422, {"code": 42210000, "message": 'order is already in "filled" state'})


def test_all_open_orders_are_cancelled_with_a_row_for_each(
    venue: VenueThread, trading: TradingClient
) -> None:
    ids = {trading.submit_order(a_buy(limit_price=1.00)).id for _ in range(3)}
    answers = trading.cancel_orders()
    assert {row.id for row in answers} == ids
    assert {row.status for row in answers} == {200}
    eventually(lambda: trading.get_orders() == [], "nothing is open")
    nothing = ask(venue, "DELETE", "/v2/orders")
    assert (nothing.status_code, nothing.json()) == (207, [])
