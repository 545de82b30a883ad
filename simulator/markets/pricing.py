"""Black-Scholes-Merton over arrays: price, implied volatility, the five greeks.

Entry points: `price`, `implied_volatility`, `greeks`, `years_until`.
Source of the formulas: J. Hull, Options, Futures, and Other Derivatives, chapters on Black-Scholes-Merton and on the
greeks (European exercise, continuous dividend yield).

1. Inputs broadcast against each other; spot and strike are positive USD, `years` is act/365 and not negative, rate and
   dividend are continuous yearly yields (0.04 = 4 %), volatility is yearly (0.2 = 20 %).
2. At zero years or zero volatility the price is the discounted intrinsic value, and the greeks are NaN.
3. `price(implied_volatility(p))` is p again, or the volatility is NaN: a price at or beyond its bounds of no arbitrage
   has none, nor has one that would need more than 2,000 %.
"""

import numpy as np
from scipy.special import ndtr

from simulator.markets.columns import Bools, Floats, GreekColumns, Ints

#: One figure for the whole chain, or one per contract.
Number = float | Floats

_US_PER_YEAR = 365 * 24 * 3600 * 1e6
DAYS_PER_YEAR = 365.0
POINT = 0.01

#: Above this a quote tells of a stale or broken market rather than of volatility.
_VOLATILITY_MAX = 20.0
_VOLATILITY_MIN = 1e-6
#: Time value below this share of the spot is rounding noise of the subtraction that isolates it.
_NOISE = 1e-12
_ITERATIONS_MAX = 80
_TOLERANCE = 1e-10
_ROOT_TWO_PI = np.sqrt(2 * np.pi)
_LEAST = 1e-300


def years_until(expires_us: Ints, at_us: Ints | int) -> Floats:
    """Return act/365 years between two instants in microseconds since the epoch, 0 when the first has passed."""
    return np.asarray(np.maximum(expires_us - at_us, 0) / _US_PER_YEAR)


def price(
    is_call: Bools,
    spot: Number,
    strike: Floats,
    years: Number,
    volatility: Number,
    *,
    rate: Number,
    dividend: Number,
) -> Floats:
    """Return theoretical prices in USD per share."""
    years = np.asarray(years, dtype=np.float64)
    forward, discount = _forward(spot, years, rate, dividend)
    sign = np.where(is_call, 1.0, -1.0)
    deviation = np.asarray(volatility, dtype=np.float64) * np.sqrt(years)
    return discount * _undiscounted(sign, forward, strike, deviation)


def implied_volatility(
    prices: Floats,
    is_call: Bools,
    spot: Number,
    strike: Floats,
    years: Number,
    *,
    rate: Number,
    dividend: Number,
) -> Floats:
    """Return the yearly volatility that explains each price in USD per share; NaN where none does."""
    prices, spot, strike, years = np.broadcast_arrays(
        prices, spot, strike, np.asarray(years, dtype=np.float64)
    )
    forward, discount = _forward(spot, years, rate, dividend)
    forward, discount = np.broadcast_to(forward, strike.shape), np.broadcast_to(discount, strike.shape)
    sign = np.where(is_call, 1.0, -1.0)
    # The out-of-the-money twin (put-call parity) holds the same volatility without the intrinsic value, which would
    # swallow the digits of the time value.
    time_value = prices / discount - np.maximum(sign * (forward - strike), 0.0)
    solvable = (years > 0) & (time_value > _NOISE * forward) & (time_value < np.minimum(forward, strike))
    result = np.full(strike.shape, np.nan)
    deviation = _solve_deviation(time_value[solvable], forward[solvable], strike[solvable])
    found = deviation / np.sqrt(years[solvable])
    result[solvable] = np.where((found > _VOLATILITY_MIN) & (found < _VOLATILITY_MAX), found, np.nan)
    return result


def greeks(
    is_call: Bools,
    spot: Number,
    strike: Floats,
    years: Number,
    volatility: Number,
    *,
    rate: Number,
    dividend: Number,
) -> GreekColumns:
    """Return the greeks in the units of `market.Greeks`; all NaN where volatility is NaN or no time is left."""
    is_call, spot, strike, years, volatility = np.broadcast_arrays(
        is_call, np.asarray(spot, np.float64), strike, np.asarray(years, np.float64), volatility
    )
    deviation = volatility * np.sqrt(years)
    deviation = np.where(deviation > 0, deviation, np.nan)
    forward, discount = _forward(spot, years, rate, dividend)
    d1 = np.log(forward / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    sign = np.where(is_call, 1.0, -1.0)
    held = discount * forward / spot  # e^(−dividend × years)
    density, n1, n2 = _density(d1), ndtr(sign * d1), ndtr(sign * d2)
    decay = -spot * held * density * volatility**2 / (2 * deviation)
    carry = sign * (dividend * spot * held * n1 - rate * strike * discount * n2)
    return GreekColumns(
        delta=sign * held * n1,
        gamma=held * density / (spot * deviation),
        theta=(decay + carry) / DAYS_PER_YEAR,
        vega=spot * held * density * np.sqrt(years) * POINT,
        rho=sign * strike * years * discount * n2 * POINT,
    )


def _forward(spot: Number, years: Number, rate: Number, dividend: Number) -> tuple[Floats, Floats]:
    """Return the forward price and the discount factor to expiration."""
    rate, years = np.asarray(rate, np.float64), np.asarray(years, np.float64)
    return np.asarray(spot * np.exp((rate - dividend) * years)), np.asarray(np.exp(-rate * years))


def _undiscounted(sign: Floats, forward: Floats, strike: Floats, deviation: Floats) -> Floats:
    """Black's formula; `deviation` is volatility × √years, and where it is 0 the intrinsic value remains."""
    alive = deviation > 0
    safe = np.where(alive, deviation, 1.0)
    d1 = np.log(forward / strike) / safe + safe / 2
    value = sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - safe)))
    return np.asarray(np.where(alive, np.maximum(value, 0.0), np.maximum(sign * (forward - strike), 0.0)))


def _density(x: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * x * x) / _ROOT_TWO_PI)


def _solve_deviation(target: Floats, forward: Floats, strike: Floats) -> Floats:
    """Return the deviation at which the out-of-the-money option of each strike is worth `target`, undiscounted.

    Newton from the inflection point of the price (Manaster and Koehler, 1982), on the logarithm of the price below it
    (a far wing is flat in price, not in its logarithm), inside a bracket that bisection falls back on.
    """
    sign = np.where(strike >= forward, 1.0, -1.0)
    moneyness = np.log(forward / strike)
    low, high = np.zeros_like(target), np.full_like(target, np.inf)
    guess = np.maximum(np.sqrt(2 * np.abs(moneyness)), target / forward * _ROOT_TWO_PI)
    for _ in range(_ITERATIONS_MAX):
        d1 = moneyness / guess + guess / 2
        value = sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - guess)))
        vega = forward * _density(d1)
        low, high = np.where(value < target, guess, low), np.where(value < target, high, guess)
        following = _newton_step(guess, value, target, vega)
        inside = (following > low) & (following < high)
        halfway = np.where(np.isinf(high), 2 * guess, (low + high) / 2)
        following = np.where(inside, following, halfway)
        settled = np.abs(following - guess) <= _TOLERANCE * guess
        guess = following
        if settled.all():
            break
    return np.asarray(guess)


def _newton_step(guess: Floats, value: Floats, target: Floats, vega: Floats) -> Floats:
    """Return Newton's next guess, on the logarithm where the value is below its target's scale."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        plain = guess - (value - target) / vega
        safe = np.maximum(value, _LEAST)
        logarithmic = guess - np.log(safe / target) * safe / vega
    return np.asarray(np.where(value < target, plain, np.where(value > 2 * target, logarithmic, plain)))
