"""Written options, stock, stops, levels and wash trades."""

from decimal import Decimal

import pytest

from simulator.venue.identity import asset_id_of
from simulator.venue.orders import EventKind, Intent, Order, Status
from simulator.venue.permissions import TradingRights
from simulator.venue.refusals import Refusal
from tests.unit.simulator.venue.trader import Trader, accepted, message, spy

CALL, PUT = spy(520), spy(520, "P")
HIGHER_CALL, LATER_CALL = spy(530), spy(530, day="260619")
UNCOVERED = "account not eligible to trade uncovered option contracts"


def with_shares(shares: int, cash: int = 300_000) -> Trader:
    trader = Trader(cash)
    trader.hold(shares, "SPY")
    return trader


# Puts secured by cash


def test_a_put_is_secured_by_its_strike_less_the_premium() -> None:
    trader = Trader(104_000)
    order = accepted(trader.send("sell", 2, PUT, "2.40"))
    assert (order.intent, order.held_usd) == (Intent.SELL_TO_OPEN, 104_000 - 480)
    trader.tick()
    assert trader.held == {PUT: -2}
    assert (trader.account.cash_usd, trader.account.margin_usd, trader.power) == (104_480, 104_000, 480)


def test_a_put_that_cash_does_not_secure_tells_what_was_missing() -> None:
    refused = Trader(9395).send("sell", 1, spy(206, "P"), "2.90")
    expected = "insufficient options buying power for cash-secured put (required: 20310, available: 9395)"
    assert message(refused) == expected
    assert isinstance(refused, Refusal)
    assert refused.figures == {"buying_power": "9395", "required_options_buying_power": "20310"}


def test_a_long_put_does_not_secure_one_that_is_written_alone() -> None:
    trader = Trader(10_000)
    trader.hold(1, spy(530, "P"))
    assert "cash-secured put" in message(trader.send("sell", 1, PUT, "2.40"))


def test_buying_a_written_put_back_releases_its_cash() -> None:
    trader = Trader(52_000)
    trader.hold(-1, PUT)
    order = accepted(trader.send("buy", 1, PUT, "2.60"))
    assert (order.intent, order.held_usd) == (Intent.BUY_TO_CLOSE, 0)
    trader.tick()
    assert (trader.held, trader.power, trader.account.realised_usd) == ({}, 51_980, -20)


def test_more_than_the_short_position_cannot_be_bought_back_at_once() -> None:
    trader = Trader(52_000)
    trader.hold(-1, PUT)
    refused = trader.send("buy", 2, PUT, "2.60")
    assert message(refused) == "insufficient qty available for order (requested: 2, available: 1)"


# Covered calls


def test_a_call_is_written_against_shares_that_are_then_held() -> None:
    trader = with_shares(250)
    accepted(trader.send("sell", 2, CALL, "2.40"))
    assert trader.account.available_qty("SPY") == 50
    trader.tick()
    assert (trader.held, trader.account.margin_usd) == ({"SPY": 250, CALL: -2}, 0)
    assert trader.account.available_qty("SPY") == 50
    refused = trader.send("sell", 100, "SPY", "530")
    assert message(refused) == "insufficient qty available for order (requested: 100, available: 50)"


def test_a_call_without_free_shares_tells_what_was_missing() -> None:
    trader = with_shares(250)
    accepted(trader.send("sell", 100, "SPY", "530"))
    refused = trader.send("sell", 2, CALL, "2.40")
    expected = "insufficient underlying qty available for covered call (required: 200, available: 150)"
    assert message(refused) == expected
    assert isinstance(refused, Refusal)
    assert refused.figures == {
        "available_qty": "150",
        "required_qty": "200",
        "symbol": "SPY",
        "underlying_asset_id": asset_id_of("SPY"),
    }


def test_calls_on_an_index_cannot_be_covered() -> None:
    refused = Trader(1_000_000).send("sell", 1, "SPXW260612C06000000", "2.40")
    assert "(required: 100, available: 0)" in message(refused)


def test_a_covered_call_that_is_bought_back_frees_its_shares() -> None:
    trader = with_shares(100)
    trader.hold(-1, CALL)
    trader.hold(1, CALL)
    assert (trader.held, trader.account.available_qty("SPY")) == ({"SPY": 100}, 100)


def test_what_an_open_order_sells_is_judged_as_opening_when_it_is_sold_again() -> None:
    trader = Trader()
    trader.hold(1, CALL)
    accepted(trader.send("sell", 1, CALL, "9.00"))
    assert "insufficient underlying qty available for covered call" in message(
        trader.send("sell", 1, CALL, "8.00")
    )


def test_an_insufficient_quantity_names_the_orders_that_hold_it() -> None:
    trader = Trader()
    trader.hold(3, CALL)
    selling = accepted(trader.send("sell", 2, CALL, "9.00"))
    refused = trader.send("sell", 2, CALL, "9.00")
    assert isinstance(refused, Refusal)
    assert refused.figures == {
        "available": "1",
        "existing_qty": "3",
        "held_for_orders": "2",
        "related_orders": [selling.id],
        "symbol": CALL,
    }


# Stock


def test_shares_are_bought_with_cash_and_sold_at_the_far_side() -> None:
    trader = with_shares(10, 6000)
    assert trader.account.cash_usd == 6000 - Decimal("5200.10")
    trader.hold(-10, "SPY")
    assert (trader.held, trader.account.cash_usd) == ({}, Decimal("5999.80"))
    assert trader.account.realised_usd == Decimal("-0.20")


def test_shares_beyond_the_cash_are_refused_in_the_words_for_stocks() -> None:
    refused = Trader(5000).send("buy", 10, "SPY", "520.01")
    assert message(refused) == "insufficient buying power"
    assert isinstance(refused, Refusal)
    assert refused.figures == {"buying_power": "5000", "cost_basis": "5200.1"}


def test_shares_that_are_not_held_are_not_lent() -> None:
    refused = Trader().send("sell", 10, "SPY", "520.00")
    assert message(refused) == "insufficient qty available for order (requested: 10, available: 0)"


# Stops


def test_a_stop_waits_until_the_side_it_trades_at_reaches_it() -> None:
    trader = Trader()
    trader.hold(1, CALL)
    order = accepted(trader.send("sell", 1, CALL, stop="2.00"))
    assert [event.kind for event in trader.tick()] == [EventKind.NEW]
    trader.quotes[CALL] = ("2.01", "2.10")
    assert trader.tick() == []
    trader.quotes[CALL] = ("1.95", "2.10")
    (fill,) = trader.tick()
    assert (fill.kind, fill.price) == (EventKind.FILL, Decimal("1.95"))
    assert trader.account.orders[order.id].triggered_at == trader.now


def test_a_stop_limit_that_was_elected_stays_so_and_keeps_its_limit() -> None:
    trader = Trader()
    order = accepted(trader.send("buy", 1, CALL, "2.80", stop="2.70"))
    assert order.held_usd == 280
    trader.quotes[CALL] = ("2.80", "2.90")
    trader.tick()
    assert trader.account.orders[order.id].status is Status.NEW
    trader.quotes[CALL] = ("2.50", "2.60")
    assert trader.tick()[-1].price == Decimal("2.60")


def test_a_stop_to_buy_holds_its_stop_price_or_the_ask_if_that_is_higher() -> None:
    trader = Trader()
    assert accepted(trader.send("buy", 1, CALL, stop="3.00")).held_usd == 300
    assert accepted(trader.send("buy", 1, CALL, stop="2.00")).held_usd == 260


def test_the_price_of_a_stop_can_be_replaced() -> None:
    trader = Trader()
    order = accepted(trader.send("buy", 1, CALL, stop="3.00"))
    trader.tick()
    assert accepted(trader.replace(order.id, stop_price=Decimal("2.50"))).stop_price == Decimal("2.50")
    trader.tick()
    assert trader.held == {CALL: 1}


@pytest.mark.parametrize(
    ("order", "changes", "expected"),
    [
        (("buy", 1, CALL, "1.00"), {"stop_price": Decimal(2)}, "stop price is only valid for stop orders"),
        (("buy", 1, CALL, "1.00"), {"qty": 1}, "order parameters are not changed"),
        (("sell", 1, CALL, "9.00"), {"qty": 2}, "insufficient qty available for order (requested: 2, available: 1)"),
        (("sell", 1, PUT, "9.00"), {"qty": 2}, "insufficient options buying power for cash-secured put (required: 102200, available: 99740)"),
    ],
)  # fmt: skip
def test_a_replacement_is_judged_like_an_order(order: tuple, changes: dict, expected: str) -> None:
    trader = Trader()
    trader.hold(1, CALL)
    sent = accepted(trader.send(*order))
    trader.tick()
    assert message(trader.replace(sent.id, **changes)) == expected


def test_until_it_reaches_the_market_a_replacement_holds_the_larger_of_both() -> None:
    trader = Trader(1000)
    order = accepted(trader.send("buy", 4, CALL, "2.00"))
    trader.tick()
    accepted(trader.replace(order.id, limit_price=Decimal("1.00")))
    assert trader.power == 200
    trader.tick()
    assert trader.power == 600


# Levels


@pytest.mark.parametrize(
    ("level", "refused"),
    [
        (0, {"long": "account not authorized to trade options", "put": "account not authorized to trade options"}),
        (1, {"long": "account not eligible to trade long option contracts"}),
        (2, {}),
    ],
)  # fmt: skip
def test_levels_open_what_they_allow(level: int, refused: dict[str, str]) -> None:
    trader = Trader()
    trader.account.rights = TradingRights(approved_level=3, max_level=level)
    told = {
        "long": trader.send("buy", 1, CALL, "2.60"),
        "put": trader.send("sell", 1, PUT, "2.40"),
    }
    assert {name: message(x) for name, x in told.items() if isinstance(x, Refusal)} == refused
    spread = trader.send_legs((1, CALL), (-1, HIGHER_CALL), limit="1.00")
    expected = "account not eligible to trade spreads or uncovered contracts" if level else refused["put"]
    assert message(spread) == expected


def test_the_lower_of_approved_and_configured_level_holds() -> None:
    assert TradingRights(approved_level=1, max_level=3).level == 1
    assert TradingRights(approved_level=3, max_level=2).level == 2


def test_stock_trades_at_any_level_unless_trading_is_suspended() -> None:
    trader = Trader()
    trader.account.rights = TradingRights(max_level=0)
    accepted(trader.send("buy", 1, "SPY", "521"))
    trader.account.rights = TradingRights(is_suspended=True)
    assert message(trader.send("buy", 1, "SPY", "521")) == "new orders are rejected by user request"


def test_what_is_held_may_be_closed_at_level_1() -> None:
    trader = Trader()
    trader.hold(1, CALL)
    trader.account.rights = TradingRights(max_level=1)
    accepted(trader.send("sell", 1, CALL, "2.40"))


# Wash trades


@pytest.mark.parametrize(
    ("resting", "sent", "reason"),
    [
        ({"limit": "3.00"}, {"limit": "3.00"}, "opposite side limit order exists"),
        ({"limit": "3.00"}, {"limit": "2.99"}, None),
        ({"limit": "3.00"}, {}, "opposite side limit order exists"),
        ({"stop": "2.00"}, {"limit": "1.00"}, "opposite side market/stop order exists"),
    ],
)
def test_an_order_that_could_meet_an_open_one_is_refused(
    resting: dict[str, str], sent: dict[str, str], reason: str | None
) -> None:
    trader = Trader()
    trader.hold(1, CALL)
    selling = accepted(trader.send("sell", 1, CALL, **resting))
    outcome = trader.send("buy", 1, CALL, **sent)
    if reason is None:
        assert isinstance(outcome, Order)
        return
    assert message(outcome) == "potential wash trade detected. use complex orders"
    assert isinstance(outcome, Refusal)
    assert outcome.figures == {"existing_order_id": selling.id, "reject_reason": reason}


def test_another_contract_is_no_wash_trade() -> None:
    trader = Trader()
    trader.hold(1, CALL)
    accepted(trader.send("sell", 1, CALL, "3.00"))
    accepted(trader.send("buy", 1, HIGHER_CALL, "3.00"))


# Cover that is promised elsewhere


def test_cover_counts_only_once_whatever_order_fills_first() -> None:
    trader = Trader()
    trader.hold(1, LATER_CALL)
    trader.hold_legs((-1, CALL), (1, HIGHER_CALL))
    accepted(trader.send("sell", 1, LATER_CALL, "9.00"))
    assert message(trader.send("sell", 1, HIGHER_CALL, "9.00")) == UNCOVERED
