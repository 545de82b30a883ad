"""Exercise, assignment and expiry in the account, and the activities they leave."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from simulator.venue.activities import ActivityType, NonTrade
from simulator.venue.orders import EventKind
from tests.unit.simulator.venue.trader import Trader, accepted, message, spy

CALL, HIGHER_CALL = spy(520), spy(530)
PUT, LOWER_PUT = spy(520, "P"), spy(510, "P")
LATER_CALL = spy(530, day="260619")


def records(trader: Trader) -> list[tuple[str, str, int, Decimal]]:
    return [
        (a.type.value, a.instrument.symbol, a.qty, a.net_usd)
        for a in trader.account.activities
        if isinstance(a, NonTrade)
    ]


def test_a_long_call_in_the_money_turns_into_shares_at_its_strike() -> None:
    trader = Trader(100_000)
    trader.hold(1, CALL)
    assert trader.settle("525") == []
    assert trader.held == {"SPY": 100}
    assert trader.account.cash_usd == 100_000 - 260 - 52_000
    assert trader.account.positions["SPY"].avg_entry_price == 520
    assert records(trader) == [("OPEXC", CALL, -1, 0), ("OPTRD", "SPY", 100, -52_000)]


def test_a_written_put_in_the_money_is_assigned_and_its_cash_becomes_shares() -> None:
    trader = Trader(52_000)
    trader.hold(-1, PUT)
    trader.settle("500")
    assert (trader.held, trader.account.cash_usd, trader.power) == ({"SPY": 100}, 240, 240)
    assert records(trader) == [("OPASN", PUT, 1, 0), ("OPTRD", "SPY", 100, -52_000)]


def test_a_covered_call_in_the_money_delivers_its_shares() -> None:
    trader = Trader(60_000)
    trader.hold(100, "SPY")
    trader.hold(-1, CALL)
    trader.settle("530")
    assert trader.held == {}
    assert records(trader) == [("OPASN", CALL, 1, 0), ("OPTRD", "SPY", -100, 52_000)]


def test_what_is_out_of_the_money_expires() -> None:
    trader = Trader(60_000)
    trader.hold(2, CALL)
    trader.hold(-1, PUT)
    trader.settle("520")
    assert trader.held == {}
    assert records(trader) == [("OPEXP", CALL, -2, 0), ("OPEXP", PUT, 1, 0)]
    assert trader.account.realised_usd == 240 - 520


def test_a_call_that_cannot_be_paid_is_sold_out_at_its_intrinsic_value() -> None:
    trader = Trader(1000)
    trader.hold(2, CALL)
    sold = trader.settle("525.50")
    assert [(event.kind, event.order.side, event.price, event.qty) for event in sold] == [
        (EventKind.FILL, "sell", Decimal("5.50"), 2)
    ]
    assert (trader.held, trader.account.cash_usd) == ({}, 1000 - 520 + 1100)
    assert records(trader) == []


def test_a_put_without_shares_is_sold_out() -> None:
    trader = Trader(100_000)
    trader.hold(1, PUT)
    (sold,) = trader.settle("500")
    assert (sold.price, trader.held) == (20, {})


def test_shares_that_a_later_covered_call_needs_are_not_put() -> None:
    trader = Trader(100_000)
    trader.hold(100, "SPY")
    trader.hold(1, PUT)
    trader.hold(-1, LATER_CALL)
    (sold,) = trader.settle("500", PUT)
    assert sold.order.symbol == PUT
    assert trader.held == {"SPY": 100, LATER_CALL: -1}


def test_shares_that_an_order_still_sells_are_not_put() -> None:
    trader = Trader(100_000)
    trader.hold(100, "SPY")
    trader.hold(1, PUT)
    request = accepted(trader.send("sell", 100, "SPY", "600"))
    ending = {trader.account.positions[PUT].instrument: 1}
    (sold,) = trader.account.settle(ending, spot=Decimal(500), now=trader.now, quote_of=trader.quote_of)
    assert sold.order.symbol == PUT
    assert trader.account.orders[request.id].open_qty == 100


@pytest.mark.parametrize(("spot", "gain"), [("515", 0), ("522", -200), ("530", -1000), ("600", -1000)])
def test_a_call_spread_never_costs_more_than_its_margin(spot: str, gain: int) -> None:
    trader = Trader(1000)
    trader.quotes |= {CALL: ("5.00", "5.20"), HIGHER_CALL: ("2.00", "2.10")}
    trader.hold_legs((-1, CALL), (1, HIGHER_CALL))
    trader.settle(spot)
    assert trader.held == {}
    assert trader.account.cash_usd == trader.power == 1290 + gain


@pytest.mark.parametrize(("spot", "gain"), [("525", 0), ("518", -200), ("510", -1000), ("0", -1000)])
def test_a_put_spread_never_costs_more_than_its_margin(spot: str, gain: int) -> None:
    trader = Trader(1000)
    trader.quotes |= {PUT: ("5.00", "5.20"), LOWER_PUT: ("2.00", "2.10")}
    trader.hold_legs((-1, PUT), (1, LOWER_PUT))
    trader.settle(spot)
    assert trader.held == {}
    assert trader.account.cash_usd == trader.power == 1290 + gain


def test_a_calendar_that_costs_more_than_there_is_sells_its_later_leg() -> None:
    trader = Trader(1200)
    trader.quotes |= {CALL: ("2.00", "2.10"), LATER_CALL: ("3.00", "3.10")}
    trader.hold_legs((-1, CALL), (1, LATER_CALL))
    assert (trader.account.margin_usd, trader.power) == (1000, 90)
    trader.quotes[LATER_CALL] = ("71.00", "72.00")
    events = trader.settle("600", CALL)
    assert [(event.order.symbol, event.price) for event in events] == [(CALL, 80), (LATER_CALL, 71)]
    assert trader.held == {}
    assert trader.account.cash_usd == 1200 - 110 - 8000 + 7100


def test_options_on_an_index_settle_in_cash() -> None:
    trader = Trader(100_000)
    index_call = "SPXW260612C06000000"
    trader.hold(1, index_call)
    trader.settle("6010")
    assert trader.held == {}
    assert records(trader) == [("OPEXC", index_call, -1, 0), ("OPCSH", index_call, 0, 1000)]
    assert trader.account.cash_usd == 100_000 - 260 + 1000


def test_records_appear_at_the_start_of_the_next_day_and_have_ids_of_their_own() -> None:
    trader = Trader(300_000)
    trader.hold(1, CALL)
    trader.hold(1, HIGHER_CALL)
    trader.settle("600")
    told = [a for a in trader.account.activities if isinstance(a, NonTrade)]
    assert {a.visible_from for a in told} == {datetime(2026, 6, 11, 4, tzinfo=UTC)}
    assert len({a.id for a in told}) == 4
    assert {str(a.date) for a in told} == {"2026-06-10"}
    assert all(a.id.startswith("20260611000000000::") for a in told)


def test_a_fills_record_is_seen_at_once_and_tells_what_is_left() -> None:
    trader = Trader()
    trader.hold(2, CALL)
    (fill,) = trader.account.activities
    assert fill.type is ActivityType.FILL
    assert fill.visible_from == trader.now
    assert (fill.qty, fill.price, fill.cum_qty, fill.leaves_qty) == (2, Decimal("2.60"), 2, 0)
    assert fill.id.startswith("20260610100001000::")


# On request


def test_an_exercise_takes_all_that_is_available_at_once() -> None:
    trader = Trader(300_000)
    trader.hold(3, CALL)
    accepted(trader.send("sell", 1, CALL, "9.00"))
    assert trader.exercise(CALL, "525") is None
    assert trader.held == {"SPY": 200, CALL: 1}
    assert records(trader) == [("OPEXC", CALL, -2, 0), ("OPTRD", "SPY", 200, -104_000)]


@pytest.mark.parametrize(
    ("symbol", "spot", "after_close", "expected"),
    [
        (HIGHER_CALL, "600", False, f"long position not found: {HIGHER_CALL}"),
        (CALL, "525", True, "exercise requests are not accepted after market close until midnight"),
        (CALL, "520", False, f"you are attempting to exercise an out of the money option contract, {CALL} at an underlying price of 520"),
        (CALL, "525", False, "insufficient cash available (required: 52000, available: 480)"),
        (LOWER_PUT, "500", False, "insufficient underlying qty available to exercise (required: 100, available: 0)"),
    ],
)  # fmt: skip
def test_an_exercise_that_cannot_be_is_refused(
    symbol: str, spot: str, after_close: bool, expected: str
) -> None:
    trader = Trader(1000)
    trader.hold(1, CALL)
    trader.hold(1, LOWER_PUT)
    assert message(trader.exercise(symbol, spot, after_close=after_close)) == expected


def test_a_short_position_cannot_be_exercised() -> None:
    trader = Trader(60_000)
    trader.hold(-1, PUT)
    refused = trader.exercise(PUT, "500")
    assert message(refused) == "cannot exercise short position"
    assert refused is not None
    assert refused.code == 40310001


def test_what_an_order_sells_cannot_be_exercised() -> None:
    trader = Trader(300_000)
    trader.hold(1, CALL)
    accepted(trader.send("sell", 1, CALL, "9.00"))
    assert message(trader.exercise(CALL, "525")) == "no qty available to exercise"


def test_an_index_option_waits_for_its_expiration() -> None:
    trader = Trader(300_000)
    trader.hold(1, "SPXW260612C06000000")
    assert "at its expiration only" in message(trader.exercise("SPXW260612C06000000", "6100"))


def test_a_put_that_secures_another_cannot_be_exercised_away() -> None:
    trader = Trader(100_000)
    trader.hold(100, "SPY")
    trader.hold_legs((1, PUT), (-1, LOWER_PUT))
    assert message(trader.exercise(PUT, "505")) == (
        "account not eligible to trade uncovered option contracts"
    )


def test_a_waived_exercise_expires_in_the_money() -> None:
    trader = Trader(300_000)
    trader.hold(1, CALL)
    assert trader.account.do_not_exercise(CALL) is None
    trader.settle("600")
    assert records(trader) == [("OPEXP", CALL, -1, 0)]
    assert trader.account.waived == set()


def test_the_exercise_of_cover_cannot_be_waived() -> None:
    trader = Trader(10_000)
    trader.hold_legs((1, CALL), (-1, HIGHER_CALL))
    assert message(trader.account.do_not_exercise(CALL)) == (
        "account not eligible to trade uncovered option contracts"
    )


def test_a_short_call_may_be_assigned_early() -> None:
    trader = Trader(60_000)
    trader.hold(100, "SPY")
    trader.hold(-1, CALL)
    call = trader.account.positions[CALL].instrument
    trader.account.settle({call: -1}, spot=Decimal(530), now=trader.now, quote_of=trader.quote_of)
    assert trader.held == {}
