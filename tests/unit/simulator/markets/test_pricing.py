"""Own Black-Scholes against QuantLib, and at the edges where there is nothing to solve."""

import math
import warnings

import numpy as np
import pytest

from simulator.markets import pricing

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # SWIG's own types, at import
    import QuantLib

SPOT, RATE, DIVIDEND = 100.0, 0.04, 0.01
CASES = [
    (is_call, strike, days, volatility)
    for is_call in (True, False)
    for strike in (60.0, 90.0, 100.0, 110.0, 160.0)
    for days in (1, 30, 365)
    for volatility in (0.1, 0.3, 0.9)
]
IS_CALL = np.array([case[0] for case in CASES])
STRIKE = np.array([case[1] for case in CASES])
YEARS = np.array([case[2] for case in CASES]) / 365
VOLATILITY = np.array([case[3] for case in CASES])


def oracle(is_call: bool, strike: float, days: int, volatility: float) -> QuantLib.VanillaOption:
    today = QuantLib.Date(15, 1, 2024)
    QuantLib.Settings.instance().evaluationDate = today
    act365 = QuantLib.Actual365Fixed()
    process = QuantLib.BlackScholesMertonProcess(
        QuantLib.QuoteHandle(QuantLib.SimpleQuote(SPOT)),
        QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, DIVIDEND, act365)),
        QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, RATE, act365)),
        QuantLib.BlackVolTermStructureHandle(
            QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), volatility, act365)
        ),
    )
    payoff = QuantLib.PlainVanillaPayoff(QuantLib.Option.Call if is_call else QuantLib.Option.Put, strike)
    option = QuantLib.VanillaOption(payoff, QuantLib.EuropeanExercise(today + days))
    option.setPricingEngine(QuantLib.AnalyticEuropeanEngine(process))
    return option


ORACLES = [oracle(*case) for case in CASES]


def own_prices() -> np.ndarray:
    return pricing.price(IS_CALL, SPOT, STRIKE, YEARS, VOLATILITY, rate=RATE, dividend=DIVIDEND)


def test_prices_are_quantlibs() -> None:
    np.testing.assert_allclose(own_prices(), [option.NPV() for option in ORACLES], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "per_unit"),
    [("delta", 1.0), ("gamma", 1.0), ("theta", 1 / 365), ("vega", 0.01), ("rho", 0.01)],
)
def test_greeks_are_quantlibs_in_the_venues_units(name: str, per_unit: float) -> None:
    own = pricing.greeks(IS_CALL, SPOT, STRIKE, YEARS, VOLATILITY, rate=RATE, dividend=DIVIDEND)

    theirs = [getattr(option, name)() * per_unit for option in ORACLES]

    np.testing.assert_allclose(getattr(own, name), theirs, rtol=1e-8, atol=1e-12)


def test_implied_volatility_recovers_what_quantlib_priced() -> None:
    theirs = np.array([option.NPV() for option in ORACLES])

    found = pricing.implied_volatility(theirs, IS_CALL, SPOT, STRIKE, YEARS, rate=RATE, dividend=DIVIDEND)

    # Where a whole volatility point moves the price by less than a billionth, no price tells the volatility.
    told = np.array([option.vega() * 0.01 for option in ORACLES]) > 1e-9
    assert told.sum() > len(CASES) / 2
    np.testing.assert_allclose(found[told], VOLATILITY[told], rtol=1e-6)


def solve(price: float, *, is_call: bool = True, strike: float = 100.0, years: float = 0.1) -> float:
    found = pricing.implied_volatility(
        np.array([price]), np.array([is_call]), SPOT, np.array([strike]), years, rate=0.0, dividend=0.0
    )
    return float(found[0])


@pytest.mark.parametrize(
    ("price", "is_call", "strike"),
    [
        (10.0, True, 90.0),  # exactly intrinsic
        (math.nextafter(10.0, 11.0), True, 90.0),  # above it by the rounding of floats alone
        (9.99, True, 90.0),
        (10.0, False, 110.0),
        (100.0, True, 90.0),  # a call worth the whole stock
        (110.0, False, 110.0),  # a put worth the whole strike
        (0.0, True, 110.0),
        (float("nan"), True, 100.0),
    ],
)
def test_a_price_at_or_beyond_its_bounds_has_no_volatility(
    price: float, is_call: bool, strike: float
) -> None:
    assert np.isnan(solve(price, is_call=is_call, strike=strike))


def test_a_price_just_inside_its_bounds_has_one() -> None:
    assert solve(10.0001, strike=90.0) > 0


def test_nothing_is_solved_without_time() -> None:
    assert np.isnan(solve(1.0, years=0.0))


def test_a_volatility_beyond_two_thousand_percent_is_no_volatility() -> None:
    assert np.isnan(solve(99.0, years=1 / 365))


def test_a_spot_not_known_yet_gives_no_volatility() -> None:
    found = pricing.implied_volatility(
        np.array([1.0]), np.array([True]), float("nan"), np.array([100.0]), 0.1, rate=0.0, dividend=0.0
    )

    assert np.isnan(found[0])


def test_at_expiration_the_price_is_intrinsic_and_the_greeks_are_absent() -> None:
    is_call, strike = np.array([True, False, True]), np.array([90.0, 90.0, 110.0])

    value = pricing.price(is_call, SPOT, strike, 0.0, 0.3, rate=RATE, dividend=DIVIDEND)
    greeks = pricing.greeks(is_call, SPOT, strike, 0.0, 0.3, rate=RATE, dividend=DIVIDEND)

    assert value.tolist() == [10.0, 0.0, 0.0]
    assert np.isnan([greeks.delta, greeks.gamma, greeks.theta, greeks.vega, greeks.rho]).all()


def test_greeks_are_absent_where_volatility_is() -> None:
    greeks = pricing.greeks(
        np.array([True, True]),
        SPOT,
        np.array([100.0, 100.0]),
        0.1,
        np.array([0.3, np.nan]),
        rate=RATE,
        dividend=DIVIDEND,
    )

    for figure in (greeks.delta, greeks.gamma, greeks.theta, greeks.vega, greeks.rho):
        assert np.isnan(figure).tolist() == [False, True]


def test_time_is_measured_in_years_of_365_days_and_never_negative() -> None:
    day_us = 24 * 3600 * 1_000_000
    now_us = 19_738 * day_us

    assert pricing.years_until(np.array([now_us + 73 * day_us, now_us - day_us]), now_us).tolist() == [
        0.2,
        0.0,
    ]
