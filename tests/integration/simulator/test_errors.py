"""Entries of the error catalogue, provoked through alpaca-py: HTTP status, code, message and the other keys.

What hangs on something this venue has no state for is in `test_told_errors`: the fault `refuse` brings it about, and the
limits that Alpaca does not tell are settings. The 429 is a fault of its own and a setting, tested beside the other faults.
Nothing of the catalogue is left out.
"""

from datetime import datetime
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, OrderStatus, PositionIntent, TimeInForce

from simulator.markets.market import Quote
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    a_buy,
    a_leg,
    a_spread,
    ask,
    at_market,
    filled,
    in_status,
    refusal_of,
    refused_exercise,
    refused_replacement,
    set_clock,
)
from tests.integration.simulator.refused_orders import (
    FORBIDDEN,
    INVALID,
    NOT_FOUND,
    ORDERS,
    PUT,
    UNPROCESSABLE,
    Refused,
    holding,
    legs,
    order,
    resting,
)

MISSING = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("refused", ORDERS, ids=lambda refused: f"{refused.code} {refused.message}"[:60])
def test_an_order_is_refused_in_alpacas_words(
    venue: VenueThread, trading: TradingClient, refused: Refused
) -> None:
    refused.before(venue, trading)
    before = len(venue.desk.account.orders)
    with pytest.raises(APIError) as error:
        trading.post("/orders", dict(refused.body))
    assert refusal_of(error) == (
        refused.status,
        {"code": refused.code, "message": refused.message, **refused.figures},
    )
    assert (error.value.code, error.value.message) == (refused.code, refused.message)
    assert len(venue.desk.account.orders) == before


def test_a_wash_trade_names_the_order_it_would_meet(venue: VenueThread, trading: TradingClient) -> None:
    holding()(venue, trading)
    standing = trading.submit_order(a_buy(side=OrderSide.SELL, limit_price=9.00))
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(qty=1, limit_price=9.00))
    assert refusal_of(error) == (
        403,
        {
            "code": FORBIDDEN,
            "message": "potential wash trade detected. use complex orders",
            "existing_order_id": str(standing.id),
            "reject_reason": "opposite side limit order exists",
        },
    )


def test_what_open_orders_hold_is_told_with_their_ids(venue: VenueThread, trading: TradingClient) -> None:
    holding()(venue, trading)
    standing = trading.submit_order(a_buy(side=OrderSide.SELL, qty=1, limit_price=9.00))
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(side=OrderSide.SELL, qty=2, limit_price=9.00))
    assert refusal_of(error) == (
        403,
        {
            "code": FORBIDDEN,
            "message": "insufficient qty available for order (requested: 2, available: 1)",
            "available": "1",
            "existing_qty": "2",
            "held_for_orders": "1",
            "related_orders": [str(standing.id)],
            "symbol": spy(520),
        },
    )


def test_complaint_271_a_buy_is_never_judged_as_a_covered_call(trading: TradingClient) -> None:
    assert trading.submit_order(a_buy(position_intent=PositionIntent.BUY_TO_OPEN)).side is OrderSide.BUY


# Replacing and cancelling


def unprocessable(message: str) -> tuple[int, dict[str, Any]]:
    return 422, {"code": UNPROCESSABLE, "message": message}


@pytest.mark.parametrize("status", ["pending_new", "accepted", "filled", "canceled"])
def test_only_a_working_order_can_be_replaced(
    market: FakeMarket, status: str, venue: VenueThread, trading: TradingClient
) -> None:
    if status == "pending_new":
        with VenueThread(market, VenueSettings(latency_ms=(60_000.0, 60_000.0))) as slow:
            client = TradingClient("key", "secret", url_override=slow.url)
            sent = client.submit_order(a_buy())
            told = refused_replacement(client, sent.id, limit_price=1)
    else:
        if status == "accepted":
            set_clock(venue, at=at_eastern("17:00"), speed=0)
        sent = trading.submit_order(a_buy(limit_price=1.00 if status == "canceled" else 2.60))
        if status == "filled":
            filled(trading, sent)
        if status == "canceled":
            trading.cancel_order_by_id(sent.id)
            in_status(trading, sent, OrderStatus.CANCELED)
        told = refused_replacement(trading, sent.id, limit_price=1)
    assert told == unprocessable(f"cannot replace order in {status} status")


def test_an_order_is_replaced_once(venue: VenueThread, trading: TradingClient) -> None:
    sent = resting()(venue, trading)
    trading.patch(f"/orders/{sent.id}", {"limit_price": 1.1})
    in_status(trading, sent, OrderStatus.REPLACED)
    assert refused_replacement(trading, sent.id, limit_price=1.2) == unprocessable("order already replaced")


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({}, UNPROCESSABLE, "order parameters are not changed"),
        ({"limit_price": "1.00", "qty": 2}, UNPROCESSABLE, "order parameters are not changed"),
        ({"qty": 0}, INVALID, "qty must be > 0"),
        ({"qty": 1.5}, UNPROCESSABLE, "qty must be integer for options trading"),
        ({"client_order_id": "ticket-1"}, INVALID, "client_order_id must be unique"),
        ({"client_order_id": "x" * 129}, INVALID, "client_order_id must be no more than 128 characters"),
        (
            {"time_in_force": "ioc"},
            UNPROCESSABLE,
            "order_time_in_force provided not supported for options trading",
        ),
        (
            {"limit_price": 1.001},
            UNPROCESSABLE,
            "invalid limit_price 1.001. sub-penny increment does not fulfill minimum pricing criteria",
        ),
    ],
)
def test_a_replacement_must_change_something_into_something(
    venue: VenueThread, trading: TradingClient, changes: dict[str, Any], code: int, message: str
) -> None:
    sent = resting(client_order_id="ticket-1")(venue, trading)
    assert refused_replacement(trading, sent.id, **changes) == (422, {"code": code, "message": message})


class FleetingMarket(FakeMarket):
    """The first quote anyone asks for is the last good one."""

    def option_quote(self, symbol: str, at: datetime) -> Quote | None:
        quote = super().option_quote(symbol, at)
        self.quotes[symbol] = (2.80, 3.00)
        return quote


def test_a_replacement_asks_for_more_than_was_filled() -> None:
    # At this speed every look at the order is in a second of its own, with a quote of its own.
    settings = VenueSettings(partial_fills=100, latency_ms=(0.0, 0.0), speed=100)
    with VenueThread(FleetingMarket(), settings) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        sent = client.submit_order(a_buy(qty=9, time_in_force=TimeInForce.GTC))
        now = in_status(client, sent, OrderStatus.PARTIALLY_FILLED)
        assert 0 < int(now.filled_qty) < 9
        told = refused_replacement(client, sent.id, qty=int(now.filled_qty))
    assert told == unprocessable("qty must be > filled_qty")


def test_a_replacement_must_be_affordable(venue: VenueThread, trading: TradingClient) -> None:
    sent = resting()(venue, trading)
    assert refused_replacement(trading, sent.id, qty=2000) == (
        403,
        {
            "code": FORBIDDEN,
            "message": "insufficient options buying power (required: 200000, available: 100000)",
            "cost_basis": "200000",
            "options_buying_power": "100000",
        },
    )


def test_a_cancel_without_an_id_is_malformed(venue: VenueThread, trading: TradingClient) -> None:
    with pytest.raises(APIError) as error:
        trading.delete("/orders/")
    assert refusal_of(error) == (422, {"code": INVALID, "message": "order_id is missing"})


# Exercise


def test_what_an_order_sells_cannot_be_exercised(venue: VenueThread, trading: TradingClient) -> None:
    holding(spy(500))(venue, trading)
    trading.submit_order(a_buy(symbol=spy(500), side=OrderSide.SELL, limit_price=9.00))
    told = (403, {"code": FORBIDDEN, "message": "no qty available to exercise"})
    assert refused_exercise(trading, spy(500)) == told
    assert refused_exercise(trading, spy(500), "do-not-exercise") == told


def test_an_exercise_must_be_paid(venue: VenueThread, trading: TradingClient) -> None:
    holding(spy(500))(venue, trading)
    assert refused_exercise(trading, spy(500)) == (
        403,
        {
            "code": FORBIDDEN,
            "message": "insufficient cash available (required: 100000, available: 99480)",
        },
    )


def test_out_of_the_money_nothing_is_exercised(venue: VenueThread, trading: TradingClient) -> None:
    holding(spy(530))(venue, trading)
    status, body = refused_exercise(trading, spy(530))
    assert (status, body["code"]) == (403, FORBIDDEN)
    assert body["message"].startswith("you are attempting to exercise an out of the money option contract, ")


def test_a_short_position_cannot_be_exercised(venue: VenueThread, trading: TradingClient) -> None:
    filled(trading, trading.submit_order(at_market(OrderSide.SELL, symbol=PUT)))
    assert refused_exercise(trading, PUT) == (
        403,
        {"code": 40310001, "message": "cannot exercise short position"},
    )
    assert refused_exercise(trading, PUT, "do-not-exercise") == (
        403,
        {"code": 40310001, "message": "cannot submit DNE for short position"},
    )


@pytest.mark.parametrize("path", ["exercise", "do-not-exercise"])
def test_what_is_no_contract_or_not_held_cannot_be_exercised(trading: TradingClient, path: str) -> None:
    for symbol in ("SPY", "nonsense", MISSING):
        assert refused_exercise(trading, symbol, path) == unprocessable("invalid symbol")
    assert refused_exercise(trading, spy(500), path) == (
        404,
        {"code": NOT_FOUND, "message": f"long position not found: {spy(500)}"},
    )


# What is not there, and who may not ask


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (f"/orders/{MISSING}", f"order not found for {MISSING}"),
        ("/orders:by_client_order_id?client_order_id=none", "order not found for none"),
        (f"/positions/{spy(520)}", "position does not exist"),
        ("/positions/NOPE", "symbol not found: NOPE"),
        (f"/positions/{MISSING}", f"symbol not found: {MISSING}"),
        ("/options/contracts/TSLA231110C00021000", "option contract TSLA231110C00021000 not found"),
        ("/assets/NOPE", "asset not found for NOPE"),
        ("/nowhere", "endpoint not found"),
    ],
)
def test_what_is_not_there_is_not_found(trading: TradingClient, path: str, message: str) -> None:
    with pytest.raises(APIError) as error:
        trading.get(path)
    assert refusal_of(error) == (404, {"code": NOT_FOUND, "message": message})


def test_trap_the_body_of_a_401_has_no_code(venue: VenueThread) -> None:
    client = TradingClient("key", "secret", url_override=venue.url)
    client._get_auth_headers = dict  # type: ignore[method-assign, assignment]  keys can only be lost this way
    with pytest.raises(APIError) as error:
        client.get_account()
    assert refusal_of(error) == (401, {"message": "unauthorized."})
    with pytest.raises(KeyError):
        _ = error.value.code


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"qty": NaN}', b""])
def test_a_body_that_is_no_json_object_is_a_bad_request(venue: VenueThread, body: bytes) -> None:
    for method, path in (("POST", "/v2/orders"), ("PATCH", "/v2/account/configurations")):
        answer = ask(venue, method, path, data=body)
        assert (answer.status_code, answer.json()) == (
            400,
            {"code": 40010000, "message": "request body format is invalid"},
        )


def test_legs_that_cover_each_other_may_be_sent(trading: TradingClient) -> None:
    """The counterpart of the refusals above: the same bodies without their fault."""
    assert trading.post("/orders", legs())["status"] == "pending_new"
    assert trading.post("/orders", order(limit_price=1))["status"] == "pending_new"
    assert trading.submit_order(
        a_spread(a_leg(spy(520), PositionIntent.BUY_TO_OPEN), a_leg(spy(540), PositionIntent.SELL_TO_OPEN))
    ).legs
