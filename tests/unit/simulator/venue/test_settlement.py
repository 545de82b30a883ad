"""What becomes of options at their last close."""

from decimal import Decimal

import pytest

from simulator.venue.instruments import instrument_of
from simulator.venue.settlement import Fate, Means, plan

CALL_190, CALL_200, PUT_190, PUT_200 = (
    instrument_of(f"AAPL260619{right}00{strike}000") for right in "CP" for strike in (190, 200)
)
INDEX_CALL = instrument_of("SPXW260619C06000000")
RICH = Means(free_shares=1000, power_usd=Decimal(1_000_000))
POOR = Means(free_shares=0, power_usd=Decimal(0))


def fates(ending: dict, spot: str, means: Means = RICH, waived: frozenset = frozenset()) -> dict:
    outcomes = plan(ending, Decimal(spot), waived, means)
    assert sum(o.qty for o in outcomes) == sum(ending.values())
    return {(o.instrument, o.fate): o.qty for o in outcomes}


@pytest.mark.parametrize(
    ("spot", "fate"),
    [
        ("190.01", Fate.DELIVERS),
        ("190.009", Fate.EXPIRES),
        ("190.00", Fate.EXPIRES),
        ("180", Fate.EXPIRES),
    ],
)
def test_a_cent_in_the_money_is_exercised_or_assigned(spot: str, fate: Fate) -> None:
    assert fates({CALL_190: 2}, spot) == {(CALL_190, fate): 2}
    assert fates({CALL_190: -2}, spot) == {(CALL_190, fate): -2}


def test_a_waived_exercise_expires_unless_a_short_option_may_need_its_shares() -> None:
    waived = frozenset({CALL_190.symbol})
    assert fates({CALL_190: 1}, "250", waived=waived) == {(CALL_190, Fate.EXPIRES): 1}
    both = fates({CALL_190: 1, CALL_200: -1}, "250", waived=waived)
    assert both == {(CALL_190, Fate.DELIVERS): 1, (CALL_200, Fate.DELIVERS): -1}


def test_a_spread_in_the_money_delivers_its_own_shares_and_needs_no_means() -> None:
    assert fates({CALL_190: 1, CALL_200: -1}, "250", POOR) == {
        (CALL_190, Fate.DELIVERS): 1,
        (CALL_200, Fate.DELIVERS): -1,
    }


def test_what_the_cash_does_not_buy_is_closed_out_and_no_more() -> None:
    means = Means(free_shares=0, power_usd=Decimal(19_000))
    assert fates({CALL_190: 3}, "200", means) == {
        (CALL_190, Fate.DELIVERS): 1,
        (CALL_190, Fate.CLOSED_OUT): 2,
    }


def test_the_gain_of_what_is_closed_out_pays_for_the_rest() -> None:
    # Two closed out at 10.00 bring 2,000 of the 19,000 that the third needs.
    means = Means(free_shares=0, power_usd=Decimal(17_000))
    assert fates({CALL_190: 3}, "200", means)[CALL_190, Fate.DELIVERS] == 1


def test_puts_are_exercised_with_shares_and_closed_out_without() -> None:
    means = Means(free_shares=150, power_usd=Decimal(0))
    assert fates({PUT_200: 2}, "190", means) == {(PUT_200, Fate.DELIVERS): 1, (PUT_200, Fate.CLOSED_OUT): 1}


def test_a_short_call_without_shares_is_closed_out_when_its_cover_is_out_of_the_money() -> None:
    assert fates({CALL_190: -1, CALL_200: 1}, "195", POOR) == {
        (CALL_190, Fate.CLOSED_OUT): -1,
        (CALL_200, Fate.EXPIRES): 1,
    }


def test_a_short_put_without_cash_is_closed_out() -> None:
    means = Means(free_shares=0, power_usd=Decimal(1000))
    assert fates({PUT_200: -1, PUT_190: 1}, "195", means) == {
        (PUT_200, Fate.CLOSED_OUT): -1,
        (PUT_190, Fate.EXPIRES): 1,
    }


def test_options_on_an_index_pay_cash() -> None:
    assert fates({INDEX_CALL: -3}, "6001") == {(INDEX_CALL, Fate.PAYS_CASH): -3}
    assert fates({INDEX_CALL: 3}, "6000") == {(INDEX_CALL, Fate.EXPIRES): 3}
