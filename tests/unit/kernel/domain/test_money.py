from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.domain.money import (
    floor_to_contracts,
    floor_to_micro,
    floor_to_tick,
    mid_price,
    plain,
    round_to_tick,
    spread_pct,
    to_cents,
    usd_per_contract,
)

D = Decimal
prices = st.decimals(min_value="0.0001", max_value="99999", places=4)


def test_the_mid_is_exact_even_between_two_ticks():
    assert mid_price(D("2.52"), D("2.53")) == D("2.525")


def test_a_spread_of_exactly_ten_percent_of_the_mid_is_ten_and_not_a_hair_less():
    assert spread_pct(D("9.50"), D("10.50")) == 10
    assert spread_pct(D("0.95"), D("1.05")) == 10


def test_a_locked_market_has_no_spread():
    assert spread_pct(D("1.00"), D("1.00")) == 0


@pytest.mark.parametrize(
    ("price", "rounded"),
    [("2.525", "2.53"), ("2.5249", "2.52"), ("2.52", "2.52"), ("0.005", "0.01"), ("0.0049", "0.00")],
)
def test_a_price_is_rounded_to_the_nearest_tick_half_up(price, rounded):
    assert round_to_tick(D(price)) == D(rounded)


def test_a_price_is_rounded_to_whatever_the_tick_is():
    assert round_to_tick(D("2.53"), D("0.05")) == D("2.55")
    assert floor_to_tick(D("2.54"), D("0.05")) == D("2.50")


@given(prices, prices)
def test_a_mid_rounded_to_cents_stays_within_a_cent_market(one, other):
    bid, ask = sorted((to_cents(one), to_cents(other)))
    assert bid <= round_to_tick(mid_price(bid, ask)) <= ask


@given(prices)
def test_a_ceiling_floored_to_the_tick_is_never_above_it_and_less_than_a_tick_below(price):
    assert price - D("0.01") < floor_to_tick(price) <= price


@pytest.mark.parametrize(
    ("budget", "cost", "contracts"),
    [("500", "250", 2), ("499.999999", "250", 1), ("249.99", "250", 0), ("0", "250", 0), ("-500", "250", 0)],
)
def test_only_whole_contracts_are_bought_and_never_a_negative_number(budget, cost, contracts):
    assert floor_to_contracts(D(budget), D(cost)) == contracts


@pytest.mark.parametrize("cost", ["0", "-1"])
def test_a_contract_that_costs_nothing_is_refused_by_name(cost):
    with pytest.raises(ValueError, match=f"cost per contract must be positive, was {cost}"):
        floor_to_contracts(D(100), D(cost))


@given(prices, prices)
def test_the_contracts_bought_fit_the_budget_and_one_more_would_not(budget, cost):
    contracts = floor_to_contracts(budget, cost)
    assert contracts * cost <= budget < (contracts + 1) * cost


def test_one_contract_is_a_hundred_shares():
    assert usd_per_contract(D("2.525")) == D("252.5")


def test_cents_are_rounded_half_up_as_statements_do():
    assert (to_cents(D("0.125")), to_cents(D("0.124999"))) == (D("0.13"), D("0.12"))


@pytest.mark.parametrize(("amount", "floored"), [("1.2345678", "1.234567"), ("-1.2345671", "-1.234568")])
def test_six_decimals_are_kept_and_money_is_never_rounded_up(amount, floored):
    assert floor_to_micro(D(amount)) == D(floored)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("2.500000", "2.50"), ("0.3125", "0.3125"), ("1000.000000", "1000"), ("1E+3", "1000"), ("0", "0")],
)
def test_an_amount_is_written_as_people_read_it(amount, text):
    assert plain(D(amount)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6))
def test_what_is_written_is_the_amount(amount):
    assert D(plain(amount)) == amount
