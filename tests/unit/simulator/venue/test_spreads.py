"""Orders with legs: the sign of the net price, cover, margin, and legs that trade together."""

from decimal import Decimal

import pytest

from simulator.venue.orders import EventKind, Intent, OrderClass, Status
from tests.unit.simulator.venue.trader import CLOSES_AT, Trader, accepted, message, spy

C520, C530, P510, P520 = spy(520), spy(530), spy(510, "P"), spy(520, "P")
LATER_C520 = spy(520, day="260619")
UNCOVERED = "account not eligible to trade uncovered option contracts"
CREDIT_SPREAD = ((-1, C520), (1, C530))
DEBIT_SPREAD = ((1, C520), (-1, C530))


@pytest.fixture
def trader() -> Trader:
    found = Trader(10_000)
    found.quotes |= {C520: ("5.00", "5.20"), C530: ("2.00", "2.10")}
    return found


def test_a_debit_is_paid_at_a_positive_net_price_and_holds_it(trader: Trader) -> None:
    order = accepted(trader.send_legs(*DEBIT_SPREAD, limit="3.20", qty=2))
    assert (order.held_usd, trader.power) == (640, 9360)
    assert [event.kind for event in trader.tick()] == [EventKind.NEW, EventKind.FILL]
    assert (trader.account.cash_usd, trader.power) == (9360, 9360)
    assert trader.held == {C520: 2, C530: -2}


def test_a_credit_is_received_at_a_negative_net_price_and_holds_margin_less_the_credit(
    trader: Trader,
) -> None:
    order = accepted(trader.send_legs(*CREDIT_SPREAD, limit="-2.90"))
    assert order.held_usd == 1000 - 290
    trader.tick()
    assert (trader.account.cash_usd, trader.account.margin_usd, trader.power) == (10_290, 1000, 9290)


@pytest.mark.parametrize(
    ("legs", "limit", "fills"),
    [
        (DEBIT_SPREAD, "3.19", False),
        (DEBIT_SPREAD, "3.20", True),
        (CREDIT_SPREAD, "-2.91", False),
        (CREDIT_SPREAD, "-2.90", True),
        (CREDIT_SPREAD, "0", True),
        (DEBIT_SPREAD, "0", False),
        # The documentation's iron condor example has the sign of a debit: as a limit it allows any credit.
        (CREDIT_SPREAD, "1.80", True),
    ],
)
def test_legs_trade_when_their_net_is_within_the_limit(
    trader: Trader, legs: tuple, limit: str, fills: bool
) -> None:
    order = accepted(trader.send_legs(*legs, limit=limit))
    trader.tick()
    assert (trader.account.orders[order.id].status is Status.FILLED) == fills


def test_all_legs_trade_or_none(trader: Trader) -> None:
    trader.quotes[C530] = (None, "2.10")
    order = accepted(trader.send_legs(*DEBIT_SPREAD, limit="9.00"))
    assert [event.kind for event in trader.tick()] == [EventKind.NEW]
    assert trader.held == {}
    assert trader.account.orders[order.id].filled_qty == 0


def test_the_parent_is_nobodys_order_and_its_legs_are_orders_of_their_own(trader: Trader) -> None:
    order = accepted(trader.send_legs((1, C520), (-2, C530), (1, spy(540)), limit="9.00", qty=3))
    assert (order.symbol, order.side, order.intent, order.order_class) == ("", None, None, OrderClass.MLEG)
    told = [(leg.symbol, leg.side, leg.intent, leg.ratio_qty, leg.qty, leg.limit_price) for leg in order.legs]
    assert told == [
        (C520, "buy", Intent.BUY_TO_OPEN, 1, 3, None),
        (C530, "sell", Intent.SELL_TO_OPEN, 2, 6, None),
        (spy(540), "buy", Intent.BUY_TO_OPEN, 1, 3, None),
    ]
    ids = {order.id, *(leg.id for leg in order.legs)}
    assert len(ids) == len({order.client_order_id, *(leg.client_order_id for leg in order.legs)}) == 4
    assert trader.account.order(order.legs[1].id) == order.legs[1]
    assert trader.account.by_client_id(order.legs[1].client_order_id) == order.legs[1]


def test_legs_are_filled_with_their_parent_at_prices_of_their_own(trader: Trader) -> None:
    order = accepted(trader.send_legs(*CREDIT_SPREAD, limit="-2.50", qty=2))
    event = trader.tick()[-1]
    assert (event.price, event.qty, event.position_qty) == (Decimal("-2.90"), 2, None)
    after = trader.account.orders[order.id]
    assert (after.filled_avg_price, after.status) == (Decimal("-2.90"), Status.FILLED)
    assert [(leg.filled_qty, leg.filled_avg_price, leg.status) for leg in after.legs] == [
        (2, Decimal("5.00"), Status.FILLED),
        (2, Decimal("2.10"), Status.FILLED),
    ]
    assert [(fill.order_id, fill.signed_qty) for fill in trader.account.activities] == [
        (after.legs[0].id, -2),
        (after.legs[1].id, 2),
    ]


def test_a_cancel_ends_the_legs_and_a_leg_cannot_be_cancelled_alone(trader: Trader) -> None:
    order = accepted(trader.send_legs(*DEBIT_SPREAD, limit="1.00"))
    trader.tick()
    refused = trader.account.cancel(order.legs[0].id, trader.now)
    assert message(refused) == "leg order is already in new state"
    trader.account.cancel(order.id, trader.now)
    after = trader.account.orders[order.id]
    assert {part.status for part in (after, *after.legs)} == {Status.CANCELED}
    assert trader.power == 10_000


def test_legs_expire_with_their_parent(trader: Trader) -> None:
    order = accepted(trader.send_legs(*DEBIT_SPREAD, limit="1.00"))
    trader.account.advance(CLOSES_AT, quote_of=trader.quote_of)
    after = trader.account.orders[order.id]
    assert {part.status for part in (after, *after.legs)} == {Status.EXPIRED}


@pytest.mark.parametrize(
    "legs",
    [
        ((-1, C520), (1, P510)),  # a put covers no call
        ((-2, C520), (1, C530)),  # one covers one
        ((1, C520), (-1, LATER_C520)),  # what ends sooner covers nothing
        ((-1, P520), (-1, C530)),
    ],
)
def test_every_short_leg_is_covered_inside_the_order(trader: Trader, legs: tuple) -> None:
    assert message(trader.send_legs(*legs, limit="0")) == UNCOVERED


def test_a_position_outside_the_order_does_not_cover_a_leg(trader: Trader) -> None:
    trader.hold(1, C530)
    assert message(trader.send_legs((-1, C520), (1, P510), limit="0")) == UNCOVERED


def test_a_short_leg_alone_cannot_be_rolled(trader: Trader) -> None:
    trader.hold_legs(*CREDIT_SPREAD)
    assert message(trader.send_legs((1, C520), (-1, LATER_C520), limit="9")) == UNCOVERED


def test_a_spread_is_closed_and_gives_its_margin_back(trader: Trader) -> None:
    trader.hold_legs(*CREDIT_SPREAD)
    assert trader.account.margin_usd == 1000
    order = accepted(trader.send_legs((1, C520), (-1, C530), limit="3.50"))
    assert [leg.intent for leg in order.legs] == [Intent.BUY_TO_CLOSE, Intent.SELL_TO_CLOSE]
    assert order.held_usd == 0
    trader.tick()
    assert (trader.held, trader.account.margin_usd, trader.account.cash_usd) == ({}, 0, 10_000 + 290 - 320)
    assert trader.account.realised_usd == -30


def test_an_account_whose_money_is_all_margin_can_still_close() -> None:
    trader = Trader(720)
    trader.quotes |= {C520: ("5.00", "5.20"), C530: ("2.00", "2.10")}
    trader.hold_legs(*CREDIT_SPREAD)
    assert trader.power == 10
    trader.hold_legs((1, C520), (-1, C530))
    assert trader.account.cash_usd == 690


def test_the_long_leg_cannot_be_sold_before_the_short_one_is_bought_back(trader: Trader) -> None:
    trader.hold_legs(*CREDIT_SPREAD)
    assert message(trader.send("sell", 1, C530)) == UNCOVERED
    trader.hold(1, C520)
    trader.hold(-1, C530)
    assert trader.held == {}


def test_credit_spreads_beyond_the_buying_power_are_refused_with_the_arithmetic(trader: Trader) -> None:
    refused = trader.send_legs(*CREDIT_SPREAD, limit="-2.50", qty=14)
    assert message(refused) == "insufficient options buying power (required: 10500, available: 10000)"
    accepted(trader.send_legs(*CREDIT_SPREAD, limit="-2.50", qty=13))


def test_opposite_spreads_offset_each_others_margin(trader: Trader) -> None:
    trader.quotes |= {P520: ("5.00", "5.20"), P510: ("2.00", "2.10")}
    trader.hold_legs(*CREDIT_SPREAD)
    condor = accepted(trader.send_legs((-1, P520), (1, P510), limit="-2.90"))
    # Only one side of an iron condor can lose.
    assert condor.held_usd == 0
    trader.tick()
    assert trader.account.margin_usd == 1000


def test_a_replaced_spread_keeps_its_legs_and_takes_any_sign(trader: Trader) -> None:
    order = accepted(trader.send_legs(*CREDIT_SPREAD, limit="-4.00", qty=2))
    trader.tick()
    new = accepted(trader.replace(order.id, limit_price=Decimal("-2.90"), qty=3))
    old = trader.account.orders[order.id]
    assert (old.status, old.replaced_by, {leg.status for leg in old.legs}) == (
        Status.REPLACED,
        new.id,
        {Status.REPLACED},
    )
    assert [(leg.symbol, leg.qty) for leg in new.legs] == [(C520, 3), (C530, 3)]
    trader.tick()
    assert trader.held == {C520: -3, C530: 3}


def test_the_limit_of_a_closing_spread_can_be_replaced(trader: Trader) -> None:
    trader.hold_legs(*CREDIT_SPREAD)
    order = accepted(trader.send_legs((1, C520), (-1, C530), limit="1.00"))
    trader.tick()
    accepted(trader.replace(order.id, limit_price=Decimal("3.20")))
    trader.tick()
    assert trader.held == {}


def test_a_leg_cannot_be_replaced(trader: Trader) -> None:
    order = accepted(trader.send_legs(*DEBIT_SPREAD, limit="1.00"))
    trader.tick()
    refused = trader.replace(order.legs[0].id, qty=2)
    assert message(refused) == "leg orders cannot be replaced, replace their parent order"


def test_a_market_spread_that_ran_away_beyond_the_money_is_rejected_whole() -> None:
    trader = Trader(330)
    trader.quotes |= {C520: ("5.00", "5.20"), C530: ("2.00", "2.10")}
    order = accepted(trader.send_legs(*DEBIT_SPREAD))
    trader.quotes[C520] = ("6.00", "6.20")
    assert [event.kind for event in trader.tick()] == [EventKind.NEW, EventKind.REJECTED]
    after = trader.account.orders[order.id]
    assert {leg.status for leg in after.legs} == {Status.REJECTED}
    assert (trader.held, trader.power) == ({}, 330)
