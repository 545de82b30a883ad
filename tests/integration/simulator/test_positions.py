"""Positions through alpaca-py: their figures, closing one or all, exercise and its waiver."""

from datetime import timedelta
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AssetClass, AssetExchange, OrderSide, OrderType, PositionIntent, PositionSide
from alpaca.trading.requests import ClosePositionRequest

from kernel.domain.options import Right
from simulator.server import VenueThread
from tests.fakes.market import THIS_FRIDAY, FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    a_buy,
    a_spread,
    ask,
    at_market,
    bought,
    eventually,
    filled,
    refusal_of,
    set_clock,
)

IN_THE_MONEY = spy(500)


def held(trading: TradingClient) -> dict[str, str]:
    return {row.symbol: row.qty for row in trading.get_all_positions()}


# Figures


def test_a_position_is_told_in_texts_by_symbol_or_id(raw: TradingClient, trading: TradingClient) -> None:
    bought(trading)
    row = raw.get_open_position(spy(520))
    assert raw.get_open_position(row["asset_id"]) == row
    assert raw.get_all_positions() == [row]
    assert row.pop("asset_id") == raw.get_option_contract(spy(520))["id"]
    assert row == {
        "symbol": spy(520),
        "exchange": "",
        "asset_class": "us_option",
        "asset_marginable": False,
        "qty": "2",
        "avg_entry_price": "2.6",
        "side": "long",
        "market_value": "500",
        "cost_basis": "520",
        "unrealized_pl": "-20",
        "unrealized_plpc": "-0.0384615384615385",
        "unrealized_intraday_pl": "-20",
        "unrealized_intraday_plpc": "-0.0384615384615385",
        "current_price": "2.5",
        "lastday_price": "2.45",
        "change_today": "0.0204081632653061",
        "qty_available": "2",
    }


def test_a_position_parses_into_alpaca_pys_model(trading: TradingClient) -> None:
    bought(trading)
    position = trading.get_open_position(spy(520))
    assert (position.exchange, position.asset_class, position.side) == (
        AssetExchange.EMPTY,
        AssetClass.US_OPTION,
        PositionSide.LONG,
    )


def test_complaint_711_a_short_position_has_a_negative_quantity(trading: TradingClient) -> None:
    put = spy(500, right=Right.PUT)
    filled(trading, trading.submit_order(at_market(OrderSide.SELL, symbol=put, qty=2)))
    position = trading.get_open_position(put)
    assert (position.qty, position.qty_available, position.side) == ("-2", "-2", PositionSide.SHORT)
    assert (position.avg_entry_price, position.cost_basis, position.market_value) == ("2.4", "-480", "-500")
    assert position.unrealized_pl == "-20"
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(symbol=put, qty=-2))
    assert refusal_of(error) == (422, {"code": 40010001, "message": "qty must be > 0"})


def test_what_an_open_order_sells_is_not_available(trading: TradingClient) -> None:
    bought(trading, qty=5)
    trading.submit_order(a_buy(side=OrderSide.SELL, limit_price=9.00))
    position = trading.get_open_position(spy(520))
    assert (position.qty, position.qty_available) == ("5", "3")


def test_the_next_day_todays_gain_counts_from_the_close(
    venue: VenueThread, market: FakeMarket, trading: TradingClient
) -> None:
    bought(trading)
    set_clock(venue, at=at_eastern("16:30"), speed=0)
    eventually(lambda: venue.desk.account.days.closes, "the day is closed")
    market.quotes[spy(520)] = (2.90, 3.10)
    set_clock(venue, at=at_eastern("10:00", THIS_FRIDAY - timedelta(days=1)), speed=0)
    position = eventually(
        lambda: (p := trading.get_open_position(spy(520))).lastday_price == "2.5" and p, "the day began"
    )
    assert (position.current_price, position.change_today) == ("3", "0.2")
    assert (position.unrealized_pl, position.unrealized_intraday_pl) == ("80", "100")


def test_complaint_136_closing_what_is_not_held_raises(trading: TradingClient) -> None:
    for symbol, message in ((spy(520), "position does not exist"), ("NOPE", "symbol not found: NOPE")):
        for ask_for in (trading.get_open_position, trading.close_position):
            with pytest.raises(APIError) as error:
                ask_for(symbol)
            assert refusal_of(error) == (404, {"code": 40410000, "message": message})


# Closing


def test_closing_sends_a_market_order_for_all(trading: TradingClient) -> None:
    bought(trading)
    sent = trading.close_position(spy(520))
    assert (sent.type, sent.side, sent.qty) == (OrderType.MARKET, OrderSide.SELL, "2")
    assert sent.position_intent is PositionIntent.SELL_TO_CLOSE
    assert filled(trading, sent).filled_avg_price == "2.4"
    assert held(trading) == {}


@pytest.mark.parametrize(
    ("options", "sold"),
    [
        ({"qty": "3"}, "3"),
        ({"percentage": "50"}, "2"),
        ({"percentage": "100"}, "5"),
        ({"percentage": "20"}, "1"),
    ],
)
def test_part_of_a_position_is_closed_in_whole_contracts(
    trading: TradingClient, options: dict[str, str], sold: str
) -> None:
    bought(trading, qty=5)
    sent = trading.close_position(spy(520), ClosePositionRequest(**options))
    assert sent.qty == sold


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"qty": "1.5"}, 42210000, "qty must be integer for options trading"),
        ({"qty": "0"}, 40010001, "qty must be > 0"),
        ({"percentage": "10"}, 40010001, "qty must be > 0"),
        ({"percentage": "101"}, 40010001, "percentage must be between 0 and 100"),
        ({"percentage": "half"}, 40010001, "percentage must be between 0 and 100"),
        ({"qty": "1", "percentage": "10"}, 40010001, "only one of qty or percentage is accepted"),
    ],
)
def test_a_part_that_is_none_is_refused(
    venue: VenueThread, trading: TradingClient, params: dict[str, str], code: int, message: str
) -> None:
    bought(trading)
    answer = ask(venue, "DELETE", f"/v2/positions/{spy(520)}", params=params)
    assert (answer.status_code, answer.json()) == (422, {"code": code, "message": message})


def test_a_short_position_is_bought_back(trading: TradingClient) -> None:
    put = spy(500, right=Right.PUT)
    filled(trading, trading.submit_order(at_market(OrderSide.SELL, symbol=put)))
    sent = trading.close_position(put)
    assert (sent.side, sent.position_intent) == (OrderSide.BUY, PositionIntent.BUY_TO_CLOSE)
    filled(trading, sent)
    assert held(trading) == {}


def test_closing_outside_the_session_is_a_market_order_and_refused(
    venue: VenueThread, trading: TradingClient
) -> None:
    bought(trading)
    set_clock(venue, at=at_eastern("17:00"), speed=0)
    with pytest.raises(APIError) as error:
        trading.close_position(spy(520))
    assert refusal_of(error) == (
        422,
        {"code": 42210000, "message": "options market orders are only allowed during market hours"},
    )
    (row,) = trading.close_all_positions()
    assert (row.symbol, row.status) == (spy(520), 422)


def test_what_an_open_order_sells_cannot_be_closed(trading: TradingClient) -> None:
    bought(trading)
    resting = trading.submit_order(a_buy(side=OrderSide.SELL, limit_price=9.00))
    with pytest.raises(APIError) as error:
        trading.close_position(spy(520))
    assert refusal_of(error) == (
        403,
        {
            "code": 40310000,
            "message": "insufficient qty available for order (requested: 2, available: 0)",
            "available": "0",
            "existing_qty": "2",
            "held_for_orders": "2",
            "related_orders": [str(resting.id)],
            "symbol": spy(520),
        },
    )


def test_all_positions_are_closed_with_a_row_for_each(venue: VenueThread, trading: TradingClient) -> None:
    bought(trading)
    bought(trading, symbol=spy(510))
    trading.submit_order(a_buy(symbol=spy(510), side=OrderSide.SELL, limit_price=9.00))
    answer = ask(venue, "DELETE", "/v2/positions")
    assert answer.status_code == 207
    rows = {row["symbol"]: row for row in answer.json()}
    assert (rows[spy(520)]["status"], rows[spy(520)]["body"]["side"]) == (200, "sell")
    refused = rows[spy(510)]
    assert (refused["status"], refused["body"]["code"]) == (403, 40310000)
    assert (refused["body"]["existing_qty"], refused["body"]["held_for_orders"]) == ("2", "2")


def test_trap_cancel_orders_is_capitalised_or_not_sent_at_all(trading: TradingClient) -> None:
    bought(trading)
    trading.submit_order(a_buy(side=OrderSide.SELL, limit_price=9.00))
    (row,) = trading.close_all_positions(cancel_orders=True)
    assert (row.symbol, row.status, row.body.side) == (spy(520), 200, OrderSide.SELL)
    eventually(lambda: held(trading) == {}, "nothing is held")


def test_closing_all_of_nothing_closes_nothing(trading: TradingClient) -> None:
    assert trading.close_all_positions(cancel_orders=True) == []


def test_a_spread_is_closed_in_two_goes_the_short_leg_first(
    venue: VenueThread, market: FakeMarket, trading: TradingClient
) -> None:
    """Until the short leg is bought back, selling the long one would leave it uncovered."""
    market.quotes[spy(530)] = (1.40, 1.60)
    filled(trading, trading.submit_order(a_spread(limit_price=1.20)))
    short, long = ask(venue, "DELETE", "/v2/positions").json()
    assert (short["symbol"], short["status"]) == (spy(530), 200)
    assert (long["symbol"], long["status"]) == (spy(520), 403)
    assert long["body"] == {
        "code": 40310000,
        "message": "account not eligible to trade uncovered option contracts",
    }
    eventually(lambda: held(trading) == {spy(520): "1"}, "the short leg is bought back")
    (row,) = trading.close_all_positions()
    assert (row.symbol, row.status) == (spy(520), 200)
    eventually(lambda: held(trading) == {}, "nothing is held")


# Exercise


def test_exercising_a_call_turns_it_into_shares_at_the_strike(
    venue: VenueThread, trading: TradingClient
) -> None:
    bought(trading, symbol=IN_THE_MONEY, qty=1)
    answer = ask(venue, "POST", f"/v2/positions/{IN_THE_MONEY}/exercise")
    assert (answer.status_code, answer.content) == (200, b"")
    assert held(trading) == {"SPY": "100"}
    assert trading.get_account().cash == "49740"
    assert trading.get_open_position("SPY").avg_entry_price == "500"


def test_alpaca_py_exercises_by_symbol_or_contract_id(trading: TradingClient) -> None:
    for name in (IN_THE_MONEY, trading.get_option_contract(IN_THE_MONEY).id):
        bought(trading, symbol=IN_THE_MONEY, qty=1)
        trading.exercise_options_position(name)
        filled(trading, trading.close_position("SPY"))
        assert held(trading) == {}


def refused_exercise(trading: TradingClient, symbol: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(APIError) as error:
        trading.exercise_options_position(symbol)
    return refusal_of(error)


def test_what_is_not_held_cannot_be_exercised(trading: TradingClient) -> None:
    assert refused_exercise(trading, IN_THE_MONEY) == (
        404,
        {"code": 40410000, "message": f"long position not found: {IN_THE_MONEY}"},
    )


def test_exercise_is_refused_from_the_close_until_midnight(
    venue: VenueThread, trading: TradingClient
) -> None:
    bought(trading, symbol=IN_THE_MONEY, qty=1)
    set_clock(venue, at=at_eastern("23:59"), speed=0)
    assert refused_exercise(trading, IN_THE_MONEY) == (
        403,
        {
            "code": 40310000,
            "message": "exercise requests are not accepted after market close until midnight",
        },
    )
    set_clock(venue, at=at_eastern("00:00", THIS_FRIDAY - timedelta(days=1)))
    trading.exercise_options_position(IN_THE_MONEY)
    assert held(trading) == {"SPY": "100"}


def test_in_the_money_at_the_close_a_call_is_exercised_by_itself(
    venue: VenueThread, trading: TradingClient
) -> None:
    bought(trading, symbol=IN_THE_MONEY, qty=1)
    bought(trading, symbol=spy(530), qty=1)
    set_clock(venue, at=at_eastern("16:00", THIS_FRIDAY), speed=0)
    eventually(lambda: held(trading) == {"SPY": "100"}, "one delivered, one expired")
    assert trading.get_account().cash == "49480"


def test_do_not_exercise_lets_it_expire(venue: VenueThread, trading: TradingClient) -> None:
    bought(trading, symbol=IN_THE_MONEY, qty=1)
    answer = ask(venue, "POST", f"/v2/positions/{IN_THE_MONEY}/do-not-exercise")
    assert (answer.status_code, answer.content) == (200, b"")
    set_clock(venue, at=at_eastern("16:00", THIS_FRIDAY), speed=0)
    eventually(lambda: held(trading) == {}, "it expired")
    assert trading.get_account().cash == "99740"


def test_a_short_put_in_the_money_is_assigned(
    venue: VenueThread, market: FakeMarket, trading: TradingClient
) -> None:
    put = spy(530, right=Right.PUT)
    market.quotes[put] = (10.0, 10.2)
    filled(trading, trading.submit_order(at_market(OrderSide.SELL, symbol=put)))
    set_clock(venue, at=at_eastern("16:00", THIS_FRIDAY), speed=0)
    eventually(lambda: held(trading) == {"SPY": "100"}, "it was assigned")
    assert trading.get_account().cash == "48000"
