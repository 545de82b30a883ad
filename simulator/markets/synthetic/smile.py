"""The shape of volatility: SSVI, a surface of total variance in which no two options contradict each other.

Source: J. Gatheral and A. Jacquier, Arbitrage-free SVI volatility surfaces, Quantitative Finance 14 (2014). With the
at-the-money total variance θ of an expiration and k = ln(strike ÷ forward), total variance is

    w(k, θ) = θ/2 · (1 + ρφk + √((φk + ρ)² + 1 − ρ²)),   φ(θ) = η / √(θ(1 + θ))

1. θ is an integral of a variance that is never negative, plus a lump per earnings day: it never falls with time, so
   (theorem 4.1, with this φ) neither does w at any k: no calendar arbitrage.
2. η(1 + |ρ|) ≤ 2, which `Smile` checks: every slice is free of butterfly arbitrage (theorem 4.2 and remark 4.4), so
   prices fall with the strike for calls, rise for puts, and are convex.
"""

from dataclasses import dataclass

import numpy as np

from simulator.markets.columns import Floats, Ints

_BOUND = 2.0
#: Years over which a session's volatility returns to the usual one.
_TERM_YEARS = 0.15
#: Below this θ the formula would divide by zero; it is the variance of a fraction of a second.
_LEAST = 1e-14


@dataclass(frozen=True, slots=True)
class Smile:
    """A name's skew ρ (negative: puts cost more) and curvature η; raises ValueError where they allow arbitrage."""

    skew: float
    curve: float

    def __post_init__(self) -> None:
        if not -1 < self.skew < 1 or not 0 < self.curve * (1 + abs(self.skew)) <= _BOUND:
            msg = f"a smile of skew {self.skew} and curve {self.curve} has arbitrage: curve × (1 + |skew|) must be in (0, 2]"
            raise ValueError(msg)

    def total_variance(self, at_money: Floats, moneyness: Floats) -> Floats:
        """Return w for the θ and k of each contract; 0 where no time is left."""
        theta = np.maximum(at_money, _LEAST)
        away = self.curve / np.sqrt(theta * (1 + theta)) * moneyness
        wings = np.sqrt((away + self.skew) ** 2 + 1 - self.skew**2)
        return np.asarray(np.where(at_money > 0, theta / 2 * (1 + self.skew * away + wings), 0.0))


def at_money_variance(
    years: Floats, *, usual: float, level: float, earnings: Ints | int, earnings_move: float
) -> Floats:
    """Return θ after `years`: today's volatility is `level` × `usual` and on its way back, `earnings` days lie ahead.

    `usual` is a yearly volatility; `earnings_move` the standard deviation of the gap that one earnings day brings.
    """
    surplus = (level**2 - 1) * _TERM_YEARS * -np.expm1(-years / _TERM_YEARS)
    lumps = np.where(years > 0, earnings * earnings_move**2, 0.0)
    return np.asarray(usual**2 * (years + surplus) + lumps)
