"""Cancels and replacements that are on their way: an order may trade before they reach the market, as at Alpaca.

At this latency everything takes a minute to the market; a jump of the clock lets it arrive.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderStatus
from alpaca.trading.models import Order
from alpaca.trading.requests import ReplaceOrderRequest

from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    a_buy,
    a_spread,
    ask,
    eventually,
    filled,
    in_status,
    journal,
    refusal_of,
    set_clock,
)
from tests.integration.simulator.updates import UpdateListener

MINUTE_MS = (60_000.0, 60_000.0)


@pytest.fixture
def venue(market: FakeMarket) -> Iterator[VenueThread]:
    with VenueThread(market, VenueSettings(latency_ms=MINUTE_MS, partial_fills=0)) as running:
        yield running


@pytest.fixture
def resting(venue: VenueThread, trading: TradingClient) -> Order:
    """An order for two in the market since half past ten, at a dollar."""
    sent = trading.submit_order(a_buy(limit_price=1.00, client_order_id="ticket"))
    set_clock(venue, at=at_eastern("10:30"))
    return in_status(trading, sent, OrderStatus.NEW)


def refused(call: Any, *arguments: Any) -> tuple[int, str]:
    with pytest.raises(APIError) as error:
        call(*arguments)
    status, body = refusal_of(error)
    assert body["code"] == 42210000
    return status, body["message"]


def kinds(venue: VenueThread, order: Order) -> list[str]:
    return [row["kind"] for row in journal(venue) if row.get("order_id") == str(order.id)]


def told(listener: UpdateListener, *expected: tuple[str, str]) -> None:
    """Wait for as many updates, and compare what happened to which client order id."""
    eventually(lambda: len(listener.heard) >= len(expected), f"{len(expected)} updates")
    names = [
        (str(getattr(each.event, "value", each.event)), each.order.client_order_id) for each in listener.heard
    ]
    assert names == list(expected)


def test_a_cancel_is_pending_until_it_reaches_the_market(
    venue: VenueThread, trading: TradingClient, resting: Order
) -> None:
    with UpdateListener(venue) as listener:
        trading.cancel_order_by_id(resting.id)
        assert trading.get_order_by_id(resting.id).status is OrderStatus.PENDING_CANCEL
        assert [order.id for order in trading.get_orders()] == [resting.id]
        assert trading.get_account().options_buying_power == "99800"
        set_clock(venue, at=at_eastern("10:40"))
        ended = in_status(trading, resting, OrderStatus.CANCELED)
        told(listener, ("pending_cancel", "ticket"), ("canceled", "ticket"))
    assert ended.canceled_at == at_eastern("10:40") or ended.canceled_at > at_eastern("10:31")
    assert trading.get_account().options_buying_power == "100000"


def test_an_order_that_fills_first_has_its_cancel_rejected(
    market: FakeMarket, venue: VenueThread, trading: TradingClient, resting: Order
) -> None:
    with UpdateListener(venue) as listener:
        trading.cancel_order_by_id(resting.id)
        market.quotes[spy(520)] = (0.80, 0.90)
        done = filled(trading, resting)
        told(listener, ("pending_cancel", "ticket"), ("fill", "ticket"), ("order_cancel_rejected", "ticket"))
    assert (done.filled_qty, done.filled_avg_price, done.canceled_at) == ("2", "0.9", None)
    assert kinds(venue, resting)[-3:] == ["pending_cancel", "fill", "order_cancel_rejected"]


def test_what_is_being_cancelled_is_neither_cancelled_again_nor_replaced(
    trading: TradingClient, resting: Order
) -> None:
    trading.cancel_order_by_id(resting.id)
    assert refused(trading.cancel_order_by_id, resting.id) == (
        422,
        'order is already in "pending_cancel" state',
    )
    assert refused(trading.replace_order_by_id, resting.id, ReplaceOrderRequest(limit_price=1.1)) == (
        422,
        "cannot replace order in pending_cancel status",
    )


def test_an_order_on_its_way_is_cancelled_behind_it(venue: VenueThread, trading: TradingClient) -> None:
    sent = trading.submit_order(a_buy(limit_price=1.00))
    trading.cancel_order_by_id(sent.id)
    assert trading.get_order_by_id(sent.id).status is OrderStatus.PENDING_CANCEL
    set_clock(venue, at=at_eastern("10:30"))
    in_status(trading, sent, OrderStatus.CANCELED)


def test_what_waits_for_the_session_is_cancelled_at_once(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("17:00"))
    sent = trading.submit_order(a_buy(limit_price=1.00))
    trading.cancel_order_by_id(sent.id)
    assert trading.get_order_by_id(sent.id).status is OrderStatus.CANCELED


def test_every_leg_is_pending_with_its_order(venue: VenueThread, trading: TradingClient) -> None:
    sent = trading.submit_order(a_spread(limit_price=0.05))
    trading.cancel_order_by_id(sent.id)
    now = trading.get_order_by_id(sent.id)
    assert {part.status for part in (now, *now.legs)} == {OrderStatus.PENDING_CANCEL}


def test_a_replacement_takes_the_orders_place_when_it_is_there(
    venue: VenueThread, trading: TradingClient, resting: Order
) -> None:
    with UpdateListener(venue) as listener:
        new = trading.replace_order_by_id(resting.id, ReplaceOrderRequest(qty=3, client_order_id="ticket-2"))
        old = trading.get_order_by_id(resting.id)
        assert (old.status, old.replaced_by, new.status) == (
            OrderStatus.PENDING_REPLACE,
            new.id,
            OrderStatus.PENDING_NEW,
        )
        assert trading.get_account().options_buying_power == "99700"
        set_clock(venue, at=at_eastern("10:40"))
        in_status(trading, new, OrderStatus.NEW)
        told(
            listener,
            ("pending_replace", "ticket"),
            ("pending_new", "ticket-2"),
            ("replaced", "ticket"),
            ("new", "ticket-2"),
        )
    assert trading.get_order_by_id(resting.id).status is OrderStatus.REPLACED


def test_an_order_that_fills_first_has_its_replacement_rejected(
    market: FakeMarket, venue: VenueThread, trading: TradingClient, resting: Order
) -> None:
    with UpdateListener(venue) as listener:
        new = trading.replace_order_by_id(
            resting.id, ReplaceOrderRequest(limit_price=1.1, client_order_id="ticket-2")
        )
        market.quotes[spy(520)] = (0.80, 0.90)
        done = filled(trading, resting)
        told(
            listener,
            ("pending_replace", "ticket"),
            ("pending_new", "ticket-2"),
            ("fill", "ticket"),
            ("order_replace_rejected", "ticket"),
            ("rejected", "ticket-2"),
        )
    assert (done.filled_qty, done.replaced_by) == ("2", None)
    assert trading.get_order_by_id(new.id).status is OrderStatus.REJECTED
    assert trading.get_open_position(spy(520)).qty == "2"
    assert trading.get_account().options_buying_power == "99820"


def test_a_chain_is_not_replaced_before_its_last_link_is_there(
    trading: TradingClient, resting: Order
) -> None:
    new = trading.replace_order_by_id(resting.id, ReplaceOrderRequest(limit_price=1.1))
    change = ReplaceOrderRequest(limit_price=1.2)
    assert refused(trading.replace_order_by_id, new.id, change) == (422, "order chain not fully replaced")
    assert refused(trading.replace_order_by_id, resting.id, change) == (
        422,
        "cannot replace order in pending_replace status",
    )


@pytest.mark.parametrize("named", ["old", "new"])
def test_a_cancel_during_a_replacement_ends_both(
    venue: VenueThread, trading: TradingClient, resting: Order, named: str
) -> None:
    new = trading.replace_order_by_id(resting.id, ReplaceOrderRequest(limit_price=1.1))
    trading.cancel_order_by_id(resting.id if named == "old" else new.id)
    assert trading.get_order_by_id(new.id).status is OrderStatus.PENDING_CANCEL
    set_clock(venue, at=at_eastern("10:40"))
    in_status(trading, new, OrderStatus.CANCELED)
    assert trading.get_order_by_id(resting.id).status is OrderStatus.REPLACED
    assert trading.get_orders() == []


def test_all_orders_are_cancelled_whatever_is_on_its_way(
    venue: VenueThread, trading: TradingClient, resting: Order
) -> None:
    trading.replace_order_by_id(resting.id, ReplaceOrderRequest(limit_price=1.1))
    trading.submit_order(a_buy(symbol=spy(530), limit_price=1.00))
    assert [row.status for row in trading.cancel_orders()] == [200, 200]
    set_clock(venue, at=at_eastern("10:40"))
    eventually(lambda: trading.get_orders() == [], "nothing is open")


def test_closing_everything_waits_for_no_cancel(
    venue: VenueThread, trading: TradingClient, market: FakeMarket
) -> None:
    sent = trading.submit_order(a_buy(limit_price=2.60))
    set_clock(venue, at=at_eastern("10:30"))
    filled(trading, sent)
    trading.submit_order(a_buy(side="sell", limit_price=9.00))
    answer = ask(venue, "DELETE", "/v2/positions?cancel_orders=True")
    assert [row["status"] for row in answer.json()] == [200]
