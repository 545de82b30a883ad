"""Simple orders through alpaca-py: sending them, and what becomes of them."""

from datetime import date
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    OrderClass,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionIntent,
    TimeInForce,
)
from alpaca.trading.requests import (
    StopLimitOrderRequest,
    StopOrderRequest,
)

from kernel.domain.options import Right
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import NEXT_FRIDAY, THIS_FRIDAY, FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    a_buy,
    ask,
    at_market,
    bought,
    filled,
    in_status,
    journal,
    refusal_of,
    set_clock,
)

#: The keys of an option order's answer, in order.
KEYS = [
    "id",
    "client_order_id",
    "created_at",
    "updated_at",
    "submitted_at",
    "filled_at",
    "expired_at",
    "canceled_at",
    "failed_at",
    "replaced_at",
    "replaced_by",
    "replaces",
    "asset_id",
    "symbol",
    "asset_class",
    "notional",
    "qty",
    "filled_qty",
    "filled_avg_price",
    "order_class",
    "order_type",
    "type",
    "side",
    "position_intent",
    "time_in_force",
    "limit_price",
    "stop_price",
    "status",
    "extended_hours",
    "legs",
    "trail_percent",
    "trail_price",
    "hwm",
    "subtag",
    "source",
    "expires_at",
]


# Sending


def test_the_answer_to_an_order_is_200_with_the_whole_order(venue: VenueThread, raw: TradingClient) -> None:
    body = raw.submit_order(a_buy(client_order_id="ticket-1"))
    assert list(body) == KEYS
    told = {key: body[key] for key in KEYS if not key.endswith(("_at", "id"))} | {
        "expires_at": body["expires_at"]
    }
    assert told == {
        "replaced_by": None,
        "replaces": None,
        "symbol": spy(520),
        "asset_class": "us_option",
        "notional": None,
        "qty": "2",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "simple",
        "order_type": "limit",
        "type": "limit",
        "side": "buy",
        "position_intent": "buy_to_open",
        "time_in_force": "day",
        "limit_price": "2.6",
        "stop_price": None,
        "status": "pending_new",
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "subtag": None,
        "source": None,
        "expires_at": "2026-06-10T20:00:00.000000Z",
    }
    assert body["client_order_id"] == "ticket-1"
    assert body["asset_id"] == raw.get_option_contract(spy(520))["id"]
    assert body["created_at"] == body["submitted_at"]
    assert [row["status"] for row in journal(venue, "request") if row["method"] == "POST"] == [200]


def test_complaint_270_pending_new_is_no_error(trading: TradingClient) -> None:
    """The first answer is pending_new; the fill comes after it."""
    sent = trading.submit_order(a_buy())
    assert sent.status is OrderStatus.PENDING_NEW
    done = filled(trading, sent)
    assert (done.filled_qty, done.filled_avg_price) == ("2", "2.6")
    assert done.filled_at > done.submitted_at


def test_an_order_without_a_client_id_is_given_one(trading: TradingClient) -> None:
    one, other = trading.submit_order(a_buy(limit_price=1.00)), trading.submit_order(a_buy(limit_price=1.00))
    assert one.client_order_id
    assert one.client_order_id != other.client_order_id
    assert trading.get_order_by_client_id(one.client_order_id).id == one.id


@pytest.mark.parametrize(
    "amounts",
    [
        {"qty": 1.0, "limit_price": 1.25},
        {"qty": "1", "limit_price": "1.25"},
        {"qty": 1, "limit_price": "1.250"},
    ],
)
def test_trap_numbers_may_be_json_numbers_or_strings_and_are_answered_as_strings(
    venue: VenueThread, amounts: dict[str, Any]
) -> None:
    body = {"symbol": spy(520), "side": "buy", "type": "limit", "time_in_force": "day", **amounts}
    sent = ask(venue, "POST", "/v2/orders", json=body)
    assert (sent.status_code, sent.json()["qty"], sent.json()["limit_price"]) == (200, "1", "1.25")


def test_trap_a_qty_of_1_point_0_is_whole_and_1_point_5_is_not(trading: TradingClient) -> None:
    assert trading.submit_order(a_buy(qty=1.0)).qty == "1"
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(qty=1.5))
    assert refusal_of(error) == (
        422,
        {"code": 42210000, "message": "qty must be integer for options trading"},
    )


@pytest.mark.parametrize("order_class", ["", "simple", None])
def test_a_simple_order_may_call_itself_simple_or_nothing(
    venue: VenueThread, order_class: str | None
) -> None:
    body = {"symbol": spy(520), "qty": 1, "side": "buy", "type": "limit", "time_in_force": "day"}
    body |= {"limit_price": 1, "order_class": order_class, "extended_hours": False}
    assert ask(venue, "POST", "/v2/orders", json=body).json()["order_class"] == "simple"


def test_complaint_260_a_client_order_id_is_refused_for_ever_even_after_a_cancel(
    trading: TradingClient,
) -> None:
    sent = trading.submit_order(a_buy(client_order_id="ticket-1", limit_price=1.00))
    trading.cancel_order_by_id(sent.id)
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(client_order_id="ticket-1", limit_price=1.00))
    assert refusal_of(error) == (422, {"code": 40010001, "message": "client_order_id must be unique"})
    assert trading.get_order_by_client_id("ticket-1").id == sent.id


def test_what_was_bought_can_be_sold(trading: TradingClient) -> None:
    bought(trading)
    sale = trading.submit_order(at_market(OrderSide.SELL, qty=2))
    assert sale.position_intent is PositionIntent.SELL_TO_CLOSE
    assert filled(trading, sale).filled_avg_price == "2.4"
    assert trading.get_all_positions() == []
    assert trading.get_account().cash == "99960"


def test_an_intent_follows_from_the_position_that_is_free(trading: TradingClient) -> None:
    """What an open order sells already counts as gone: a second sell would open a short."""
    bought(trading)
    trading.submit_order(a_buy(side=OrderSide.SELL, limit_price=9.00))
    with pytest.raises(APIError) as error:
        trading.submit_order(
            a_buy(side=OrderSide.SELL, limit_price=9.00, position_intent=PositionIntent.SELL_TO_CLOSE)
        )
    assert refusal_of(error)[1]["message"] == (
        "position intent mismatch, inferred: sell_to_open, specified: sell_to_close"
    )


def test_a_put_is_written_against_cash_and_bought_back(trading: TradingClient) -> None:
    put = spy(500, right=Right.PUT)
    sent = trading.submit_order(a_buy(symbol=put, side=OrderSide.SELL, qty=1, limit_price=2.40))
    assert sent.position_intent is PositionIntent.SELL_TO_OPEN
    assert trading.get_account().options_buying_power == "50240"
    filled(trading, sent)
    back = trading.submit_order(at_market(OrderSide.BUY, symbol=put))
    assert back.position_intent is PositionIntent.BUY_TO_CLOSE
    filled(trading, back)
    assert figures_of(trading) == ("99980", "99980")


def figures_of(trading: TradingClient) -> tuple[str, str]:
    account = trading.get_account()
    return account.cash, account.options_buying_power


def test_open_orders_hold_buying_power_until_they_are_cancelled(trading: TradingClient) -> None:
    sent = trading.submit_order(a_buy(qty=10, limit_price=1.50))
    assert figures_of(trading) == ("100000", "98500")
    trading.cancel_order_by_id(sent.id)
    in_status(trading, sent, OrderStatus.CANCELED)
    assert figures_of(trading) == ("100000", "100000")


def test_a_market_order_holds_the_far_side_of_the_quote(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("11:00"), speed=0)
    sent = trading.submit_order(at_market(OrderSide.BUY, qty=10))
    assert sent.limit_price is None
    assert figures_of(trading)[1] == "97400"


def test_options_with_a_late_close_trade_a_quarter_of_an_hour_longer(market: FakeMarket) -> None:
    settings = VenueSettings(latency_ms=(0.0, 0.0), partial_fills=0, late_close="SPY, QQQ")
    with VenueThread(market, settings) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        assert "options_late_close" in client.get("/assets/SPY")["attributes"]
        set_clock(venue, at=at_eastern("16:10"))
        sent = filled(client, client.submit_order(at_market(OrderSide.BUY)))
        assert sent.expires_at == at_eastern("16:15")
        resting = client.submit_order(a_buy(limit_price=1.00))
        set_clock(venue, at=at_eastern("16:15"), speed=0)
        in_status(client, resting, OrderStatus.EXPIRED)
        with pytest.raises(APIError):
            client.submit_order(at_market(OrderSide.BUY))


def test_a_day_order_says_that_it_expires_at_the_close_and_does(
    venue: VenueThread, trading: TradingClient
) -> None:
    sent = trading.submit_order(a_buy(limit_price=1.00))
    assert sent.expires_at == at_eastern("16:00")
    set_clock(venue, at=at_eastern("16:00"), speed=0)
    done = in_status(trading, sent, OrderStatus.EXPIRED)
    assert done.expired_at == at_eastern("16:00")
    assert trading.get_account().options_buying_power == "100000"


def test_a_gtc_order_works_on_the_next_day(
    venue: VenueThread, market: FakeMarket, trading: TradingClient
) -> None:
    sent = trading.submit_order(a_buy(limit_price=1.00, time_in_force=TimeInForce.GTC))
    assert sent.time_in_force is TimeInForce.GTC
    assert sent.expires_at == at_eastern("16:00", THIS_FRIDAY)
    in_status(trading, sent, OrderStatus.NEW)
    set_clock(venue, at=at_eastern("11:00", date(2026, 6, 11)))
    market.quotes[spy(520)] = (0.80, 0.90)
    assert filled(trading, sent).filled_avg_price == "0.9"


def test_a_stop_waits_for_its_price(market: FakeMarket, trading: TradingClient) -> None:
    bought(trading)
    sent = trading.submit_order(
        StopOrderRequest(
            symbol=spy(520), qty=2, side=OrderSide.SELL, time_in_force=TimeInForce.DAY, stop_price=2.00
        )
    )
    assert (sent.type, sent.stop_price, sent.limit_price) == (OrderType.STOP, "2", None)
    in_status(trading, sent, OrderStatus.NEW)
    market.quotes[spy(520)] = (1.90, 2.10)
    assert filled(trading, sent).filled_avg_price == "1.9"


def test_a_stop_limit_works_at_its_limit_once_elected(market: FakeMarket, trading: TradingClient) -> None:
    sent = trading.submit_order(
        StopLimitOrderRequest(
            symbol=spy(520),
            qty=1,
            side=OrderSide.BUY,
            time_in_force=TimeInForce.GTC,
            stop_price=3.00,
            limit_price=3.10,
        )
    )
    assert (sent.type, sent.stop_price, sent.limit_price) == (OrderType.STOP_LIMIT, "3", "3.1")
    in_status(trading, sent, OrderStatus.NEW)
    market.quotes[spy(520)] = (2.90, 3.05)
    assert filled(trading, sent).filled_avg_price == "3.05"


def test_closed_markets_queue_limits_and_refuse_market_orders(
    venue: VenueThread, trading: TradingClient
) -> None:
    set_clock(venue, at=at_eastern("17:00"), speed=0)
    queued = trading.submit_order(a_buy())
    assert queued.status is OrderStatus.ACCEPTED
    assert queued.expires_at == at_eastern("16:00", date(2026, 6, 11))
    with pytest.raises(APIError) as error:
        trading.submit_order(at_market(OrderSide.BUY))
    assert refusal_of(error) == (
        422,
        {"code": 42210000, "message": "options market orders are only allowed during market hours"},
    )
    set_clock(venue, at=at_eastern("09:30", date(2026, 6, 11)))
    assert filled(trading, queued).filled_at == at_eastern("09:30", date(2026, 6, 11))


def test_a_patient_limit_fills_at_the_mid_only_under_the_mid_model(market: FakeMarket) -> None:
    statuses = {}
    for model in ("nbbo", "mid"):
        with VenueThread(
            market, VenueSettings(fill_model=model, latency_ms=(0.0, 0.0), partial_fills=0)
        ) as venue:
            client = TradingClient("key", "secret", url_override=venue.url)
            patient = client.submit_order(a_buy(limit_price=2.50))
            impatient = client.submit_order(a_buy(limit_price=2.60, client_order_id="last"))
            filled(client, impatient)
            now = client.get_order_by_id(patient.id)
            statuses[model] = (now.status.value, now.filled_avg_price)
            assert {row["fill_model"] for row in journal(venue, "fill")} == {model}
    assert statuses == {"nbbo": ("new", None), "mid": ("filled", "2.5")}


def test_partial_fills_add_up_to_the_order(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(partial_fills=100, latency_ms=(0.0, 0.0))) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        done = filled(client, client.submit_order(a_buy(qty=9)))
        fills = journal(venue, "fill", "partial_fill")
    assert len(fills) > 1
    assert sum(row["qty"] for row in fills) == 9
    assert [row["kind"] for row in fills[:-1]] == ["partial_fill"] * (len(fills) - 1)
    assert done.filled_avg_price == "2.6"


# Stocks, as they come from exercise and assignment


def test_a_stock_order_has_no_intent_of_options_and_an_empty_class(
    venue: VenueThread, trading: TradingClient
) -> None:
    sent = trading.submit_order(at_market(OrderSide.BUY, symbol="SPY", qty=10))
    assert (sent.asset_class.value, sent.symbol) == ("us_equity", "SPY")
    assert ask(venue, "GET", f"/v2/orders/{sent.id}").json()["order_class"] == ""
    assert filled(trading, sent).filled_avg_price == "520.01"
    position = trading.get_open_position("SPY")
    assert (position.qty, position.market_value, position.cost_basis) == ("10", "5200", "5200.1")


def test_the_order_class_parses_as_simple(trading: TradingClient) -> None:
    assert trading.submit_order(a_buy()).order_class is OrderClass.SIMPLE


def test_a_contract_of_next_week_may_be_traded(trading: TradingClient) -> None:
    assert bought(trading, symbol=spy(520, NEXT_FRIDAY)).symbol == spy(520, NEXT_FRIDAY)
