"""The universal spread rule and cover, by the examples of Alpaca's Level 3 page and by hand."""

from datetime import date
from decimal import Decimal

import pytest

from kernel.domain.options import OptionSymbol, Right
from simulator.venue.margin import Lot, maintenance_usd, shortfall

JUNE, JULY = date(2026, 6, 19), date(2026, 7, 17)


def call(strike: int, qty: int, expiration: date = JUNE) -> Lot:
    return OptionSymbol("AAPL", expiration, Right.CALL, Decimal(strike)), qty


def put(strike: int, qty: int, expiration: date = JUNE) -> Lot:
    return OptionSymbol("AAPL", expiration, Right.PUT, Decimal(strike)), qty


@pytest.mark.parametrize(
    ("lots", "margin_usd"),
    [
        # The page's two examples: a credit spread alone, and offset by a debit spread as wide.
        ([call(190, -1), call(200, 1)], 1000),
        ([call(100, 1), call(110, -1), call(190, -1), call(200, 1)], 0),
        ([], 0),
        ([call(190, 5), put(190, 5)], 0),
        # A debit spread cannot lose more than was paid for it.
        ([call(190, 1), call(200, -1)], 0),
        ([put(200, 1), put(190, -1)], 0),
        ([put(200, -3), put(190, 3)], 3000),
        # A put secured by cash: its worst is a price of nothing.
        ([put(200, -1)], 20000),
        # An iron condor loses on one side only.
        ([put(180, 1), put(190, -1), call(210, -1), call(225, 1)], 1500),
        # A butterfly, and a ratio that is short beyond it.
        ([call(100, 1), call(110, -2), call(120, 1)], 0),
        ([put(100, 1), put(110, -2), put(125, 1)], 0),
        ([put(95, 1), put(110, -2), put(120, 1)], 500),
    ],
)
def test_the_worst_payoff_over_the_strikes_is_the_margin(lots: list[Lot], margin_usd: int) -> None:
    assert maintenance_usd(lots) == margin_usd


def test_each_expiration_counts_what_is_alive_then_and_the_largest_is_asked() -> None:
    near, far = [put(200, -1), put(190, 1)], [put(200, -1, JULY), put(195, 1, JULY)]
    assert maintenance_usd(near) == 1000
    assert maintenance_usd(far) == 500
    # Until June both spreads are at risk, after it the later one alone.
    assert maintenance_usd(near + far) == 1500


def test_a_calendar_is_covered_by_its_later_leg_and_not_by_its_earlier() -> None:
    assert maintenance_usd([call(190, -1, JUNE), call(190, 1, JULY)]) == 0
    assert maintenance_usd([put(190, -1, JULY), put(190, 1, JUNE)]) == 19000
    assert shortfall([call(190, -1, JUNE), call(190, 1, JULY)], Right.CALL) == 0
    assert shortfall([call(190, -1, JULY), call(190, 1, JUNE)], Right.CALL) == 1


def test_calls_covered_by_shares_need_no_margin_and_leave_the_spreads_theirs() -> None:
    assert maintenance_usd([call(190, -2)]) == 0
    assert maintenance_usd([call(180, -1), call(195, -1), call(200, 1)]) == 500


def test_the_uncovered_are_counted_by_right() -> None:
    lots = [call(100, -3), call(110, 1), put(90, -1), put(80, 2)]
    assert (shortfall(lots, Right.CALL), shortfall(lots, Right.PUT)) == (2, 0)


def test_an_open_order_counts_only_where_it_takes_cover_away() -> None:
    lots = [call(100, -1), call(110, 1)]
    assert shortfall(lots, Right.CALL, [[call(110, -1)]]) == 1
    assert shortfall(lots, Right.CALL, [[call(100, 1)]]) == 0
    # A spread's closing takes as much of both away.
    assert shortfall(lots, Right.CALL, [[call(110, -1), call(100, 1)]]) == 0
