"""Orders with legs through alpaca-py: the parent's empty fields, all or nothing, the net price and its sign."""

from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    OrderClass,
    OrderSide,
    OrderStatus,
    PositionIntent,
    QueryOrderStatus,
    TimeInForce,
)
from alpaca.trading.requests import GetOrdersRequest, MarketOrderRequest, ReplaceOrderRequest

from kernel.domain.options import Right
from simulator.server import VenueThread
from tests.fakes.market import FakeMarket, spy
from tests.integration.simulator.at_venue import (
    a_buy,
    a_leg,
    a_spread,
    ask,
    filled,
    in_status,
    journal,
    refusal_of,
)

#: What an order with legs leaves empty: a text, not null.
EMPTY = ("asset_id", "symbol", "asset_class", "side", "position_intent")


@pytest.fixture
def market() -> FakeMarket:
    """Calls at 520, 530 and 540 for 2.40 × 2.60, 1.40 × 1.60 and 0.90 × 1.10; the puts likewise downwards."""
    market = FakeMarket()
    market.quotes |= {
        spy(530): (1.40, 1.60),
        spy(540): (0.90, 1.10),
        spy(510, right=Right.PUT): (1.40, 1.60),
        spy(500, right=Right.PUT): (0.90, 1.10),
    }
    return market


def holdings(trading: TradingClient) -> dict[str, str]:
    return {row.symbol: row.qty for row in trading.get_all_positions()}


def test_the_parent_has_empty_texts_and_the_legs_are_orders_of_their_own(raw: TradingClient) -> None:
    body = raw.submit_order(a_spread(qty=3, limit_price=0.10, client_order_id="spread-1"))
    assert [body[name] for name in EMPTY] == [""] * 5
    assert (body["order_class"], body["qty"], body["limit_price"], body["type"]) == (
        "mleg",
        "3",
        "0.1",
        "limit",
    )
    assert (body["status"], body["client_order_id"]) == ("pending_new", "spread-1")
    assert "ratio_qty" not in body
    told = [
        (leg["symbol"], leg["side"], leg["position_intent"], leg["qty"], leg["ratio_qty"])
        for leg in body["legs"]
    ]
    assert told == [
        (spy(520), "buy", "buy_to_open", "3", "1"),
        (spy(530), "sell", "sell_to_open", "3", "1"),
    ]
    for leg in body["legs"]:
        assert (leg["order_class"], leg["order_type"], leg["type"]) == ("mleg", "", "")
        assert (leg["limit_price"], leg["legs"], leg["status"]) == (None, None, "pending_new")
        assert (leg["asset_class"], leg["expires_at"]) == ("us_option", body["expires_at"])
    ids = {body["id"], *(leg["id"] for leg in body["legs"])}
    client_ids = {body["client_order_id"], *(leg["client_order_id"] for leg in body["legs"])}
    assert (len(ids), len(client_ids)) == (3, 3)


def test_complaint_557_the_parents_empty_intent_parses_as_none(trading: TradingClient) -> None:
    sent = trading.submit_order(a_spread(limit_price=0.10))
    assert sent.order_class is OrderClass.MLEG
    assert (sent.symbol, sent.side, sent.position_intent, sent.asset_class) == (None, None, None, None)
    assert [leg.position_intent for leg in sent.legs] == [
        PositionIntent.BUY_TO_OPEN,
        PositionIntent.SELL_TO_OPEN,
    ]
    assert [leg.type for leg in sent.legs] == [None, None]


def test_a_debit_is_paid_when_the_net_price_reaches_the_limit(trading: TradingClient) -> None:
    done = filled(trading, trading.submit_order(a_spread(qty=2, limit_price=1.20)))
    assert (done.filled_qty, done.filled_avg_price) == ("2", "1.2")
    assert [(leg.filled_qty, leg.filled_avg_price) for leg in done.legs] == [("2", "2.6"), ("2", "1.4")]
    assert [leg.status for leg in done.legs] == [OrderStatus.FILLED] * 2
    assert holdings(trading) == {spy(520): "2", spy(530): "-2"}
    assert trading.get_account().cash == "99760"


def test_a_negative_limit_is_a_credit(trading: TradingClient) -> None:
    """Short 520, long 530 for a credit of 0.80: the account needs the strikes' distance."""
    legs = (a_leg(spy(520), PositionIntent.SELL_TO_OPEN), a_leg(spy(530), PositionIntent.BUY_TO_OPEN))
    done = filled(trading, trading.submit_order(a_spread(*legs, limit_price=-0.80)))
    assert (done.limit_price, done.filled_avg_price) == ("-0.8", "-0.8")
    account = trading.get_account()
    assert (account.cash, account.options_buying_power, account.maintenance_margin) == (
        "100080",
        "99080",
        "1150",
    )


@pytest.mark.parametrize(("limit", "is_filled"), [(-0.81, False), (-0.80, True), (0, True), (1.80, True)])
def test_a_credit_structure_takes_no_less_than_its_limit(
    trading: TradingClient, limit: float, is_filled: bool
) -> None:
    legs = (a_leg(spy(520), PositionIntent.SELL_TO_OPEN), a_leg(spy(530), PositionIntent.BUY_TO_OPEN))
    sent = trading.submit_order(a_spread(*legs, limit_price=limit))
    last = filled(trading, trading.submit_order(a_buy(symbol=spy(500))))
    assert last.status is OrderStatus.FILLED
    status = OrderStatus.FILLED if is_filled else OrderStatus.NEW
    assert in_status(trading, sent, status).status is status


def test_legs_trade_together_or_not_at_all(market: FakeMarket, trading: TradingClient) -> None:
    market.quotes[spy(530)] = (0.0, 1.60)
    sent = trading.submit_order(a_spread(limit_price=2.60))
    in_status(trading, sent, OrderStatus.NEW)
    filled(trading, trading.submit_order(a_buy(symbol=spy(500))))
    assert holdings(trading) == {spy(500): "2"}
    market.quotes[spy(530)] = (1.40, 1.60)
    filled(trading, trading.submit_order(a_buy(symbol=spy(510))))
    assert filled(trading, sent).filled_avg_price == "1.2"


def test_a_market_order_with_legs_takes_every_far_side(trading: TradingClient) -> None:
    condor = [
        a_leg(spy(500, right=Right.PUT), PositionIntent.BUY_TO_OPEN),
        a_leg(spy(510, right=Right.PUT), PositionIntent.SELL_TO_OPEN),
        a_leg(spy(530), PositionIntent.SELL_TO_OPEN),
        a_leg(spy(540), PositionIntent.BUY_TO_OPEN),
    ]
    request = MarketOrderRequest(
        qty=1, order_class=OrderClass.MLEG, time_in_force=TimeInForce.DAY, legs=condor
    )
    done = filled(trading, trading.submit_order(request))
    assert (done.filled_avg_price, len(done.legs)) == ("-0.6", 4)
    assert trading.get_account().maintenance_margin == "1200"


def test_a_ratio_multiplies_a_legs_quantity(raw: TradingClient, trading: TradingClient) -> None:
    legs = (a_leg(spy(520), PositionIntent.BUY_TO_OPEN, 3), a_leg(spy(530), PositionIntent.SELL_TO_OPEN, 2))
    sent = trading.submit_order(a_spread(*legs, qty=2, limit_price=6.00))
    done = filled(trading, sent)
    assert [(leg.qty, leg.ratio_qty) for leg in done.legs] == [("6", "3"), ("4", "2")]
    assert done.filled_avg_price == "5"
    assert holdings(trading) == {spy(520): "6", spy(530): "-4"}


def test_a_side_or_an_intent_is_enough_for_a_leg(venue: VenueThread) -> None:
    body = {
        "order_class": "mleg",
        "qty": "1",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": "0.10",
        "legs": [
            {"symbol": spy(520), "ratio_qty": "1", "position_intent": "buy_to_open"},
            {"symbol": spy(530), "ratio_qty": "1", "side": "sell"},
        ],
    }
    legs = ask(venue, "POST", "/v2/orders", json=body).json()["legs"]
    assert [(leg["side"], leg["position_intent"]) for leg in legs] == [
        ("buy", "buy_to_open"),
        ("sell", "sell_to_open"),
    ]


def test_complaint_97_legs_may_be_good_till_cancelled(trading: TradingClient) -> None:
    sent = trading.submit_order(a_spread(limit_price=0.10, time_in_force=TimeInForce.GTC))
    assert {sent.time_in_force, *(leg.time_in_force for leg in sent.legs)} == {TimeInForce.GTC}


def test_a_listing_rolls_legs_up_only_when_nested(venue: VenueThread, trading: TradingClient) -> None:
    sent = trading.submit_order(a_spread(limit_price=0.10))
    nested = trading.get_orders(GetOrdersRequest(nested=True))
    assert [(row.id, len(row.legs)) for row in nested] == [(sent.id, 2)]
    flat = ask(venue, "GET", "/v2/orders").json()
    assert {row["id"] for row in flat} == {str(sent.id), *(str(leg.id) for leg in sent.legs)}
    assert {row["legs"] is None for row in flat} == {True}
    wanted = GetOrdersRequest(nested=True, symbols=[spy(530)])
    assert [row.id for row in trading.get_orders(wanted)] == [sent.id]


def test_a_leg_is_found_by_its_id(trading: TradingClient) -> None:
    sent = trading.submit_order(a_spread(limit_price=0.10))
    leg = trading.get_order_by_id(sent.legs[1].id)
    assert (leg.symbol, leg.order_class, leg.qty) == (spy(530), OrderClass.MLEG, "1")


def test_cancelling_the_parent_cancels_the_legs(trading: TradingClient) -> None:
    sent = trading.submit_order(a_spread(limit_price=0.10))
    trading.cancel_order_by_id(sent.id)
    ended = in_status(trading, sent, OrderStatus.CANCELED)
    assert {leg.status for leg in ended.legs} == {OrderStatus.CANCELED}
    assert trading.get_account().options_buying_power == "100000"


def test_a_leg_cannot_be_cancelled_alone(trading: TradingClient) -> None:
    sent = filled(trading, trading.submit_order(a_spread(limit_price=1.20)))
    with pytest.raises(APIError) as error:
        trading.cancel_order_by_id(sent.legs[0].id)
    assert refusal_of(error) == (422, {"code": 42210000, "message": "leg order is already in filled state"})


@pytest.mark.parametrize(("price", "text"), [(-0.30, "-0.3"), (0, "0"), (0.15, "0.15")])
def test_complaint_633_a_replacement_may_ask_for_a_credit_or_nothing(
    trading: TradingClient, price: float, text: str
) -> None:
    sent = in_status(trading, trading.submit_order(a_spread(limit_price=0.10)), OrderStatus.NEW)
    new = trading.replace_order_by_id(sent.id, ReplaceOrderRequest(limit_price=price))
    assert (new.limit_price, new.replaces, new.order_class) == (text, sent.id, OrderClass.MLEG)
    assert [leg.symbol for leg in new.legs] == [spy(520), spy(530)]
    assert not {leg.id for leg in new.legs} & {leg.id for leg in sent.legs}


def test_complaint_282_the_limit_of_a_closing_spread_can_be_replaced(trading: TradingClient) -> None:
    """Alpaca refuses this with insufficient qty, as a defect of its own: what the old order closes is free again."""
    filled(trading, trading.submit_order(a_spread(limit_price=1.20)))
    legs = (a_leg(spy(520), PositionIntent.SELL_TO_CLOSE), a_leg(spy(530), PositionIntent.BUY_TO_CLOSE))
    sent = in_status(trading, trading.submit_order(a_spread(*legs, limit_price=-2.00)), OrderStatus.NEW)
    new = trading.replace_order_by_id(sent.id, ReplaceOrderRequest(limit_price=-0.80))
    assert filled(trading, new).filled_avg_price == "-0.8"
    assert holdings(trading) == {}


def test_a_replacement_of_legs_cannot_change_nothing(trading: TradingClient) -> None:
    sent = in_status(trading, trading.submit_order(a_spread(limit_price=0.10)), OrderStatus.NEW)
    with pytest.raises(APIError) as error:
        trading.replace_order_by_id(sent.id, ReplaceOrderRequest(limit_price=0.10))
    assert refusal_of(error)[1]["message"] == "order parameters are not changed"


def test_closing_by_legs_the_short_goes_first(trading: TradingClient) -> None:
    filled(trading, trading.submit_order(a_spread(limit_price=1.20)))
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(qty=1, side=OrderSide.SELL, limit_price=2.40))
    assert refusal_of(error) == (
        403,
        {"code": 40310000, "message": "account not eligible to trade uncovered option contracts"},
    )
    filled(trading, trading.submit_order(a_buy(symbol=spy(530), qty=1, limit_price=1.60)))
    filled(trading, trading.submit_order(a_buy(qty=1, side=OrderSide.SELL, limit_price=2.40)))
    assert holdings(trading) == {}


def test_a_spread_is_journalled_as_one_order(venue: VenueThread, trading: TradingClient) -> None:
    filled(trading, trading.submit_order(a_spread(limit_price=1.20)))
    rows = journal(venue, "order_accepted", "new", "fill")
    assert [row["kind"] for row in rows] == ["order_accepted", "new", "fill"]
    assert len({row["order_id"] for row in rows}) == 1


def test_all_orders_are_told_with_legs_in_raw_mode_too(raw: TradingClient) -> None:
    sent: Any = raw.submit_order(a_spread(limit_price=0.10))
    wanted = GetOrdersRequest(status=QueryOrderStatus.ALL, nested=True)
    (row,) = raw.get_orders(wanted)
    assert [leg["id"] for leg in row["legs"]] == [leg["id"] for leg in sent["legs"]]
