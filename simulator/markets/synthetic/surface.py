"""What an option is worth and how it is quoted.

1. Volatility has a term structure (today's level on its way back to the usual one, and a lump per earnings day ahead)
   and a smile; together they are free of arbitrage (see `smile`).
2. Theoretical value is Black-Scholes on the forward at that volatility. An American contract is never under its
   intrinsic value; what else the right to exercise early may be worth is left out.
3. Bid and ask stand around it by a half spread that grows with the value, slower than the value itself; so bids, asks
   and mids fall with the strike for calls and rise for puts, as the values do.
4. Bids and asks are on the name's ticks, the bid rounded down and the ask up: the value lies between them, so nothing
   that is bought at asks and sold at bids is a riskless gain. A bid that would not reach one tick is not there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from kernel.domain.calendar import Session
from simulator.markets import pricing
from simulator.markets.columns import Bools, Floats, GreekColumns, Ints, QuoteColumns
from simulator.markets.synthetic.chance import uniforms
from simulator.markets.synthetic.earnings import gap_days, reports_until
from simulator.markets.synthetic.listing import Listing
from simulator.markets.synthetic.smile import at_money_variance
from simulator.markets.synthetic.universe import Underlying

#: Yearly, continuous: the rate under which the synthetic market prices, unless it is told another.
RATE = 0.04
_SPREAD_BASE_USD = 0.006
_SPREAD_PER_USD = 0.0035
_SPREAD_DEEP = 0.05
#: From this premium on the second of a name's ticks holds.
_COARSE_FROM_USD = 3.0
#: What floating point may add to a price that lies on a tick.
_NOISE_USD = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """One name's volatilities and quotes during one session, for the contracts of `listing`.

    `level` is the session's volatility as a multiple of the usual one, `reports` the earnings days until expiration.
    """

    name: Underlying
    listing: Listing
    rate: float
    level: float
    reports: Ints
    width: Floats
    depth: Floats

    def volatility(self, spot: Floats | float, years: Floats) -> Floats:
        """Return the yearly volatility of each contract; 0 where no time is left."""
        theta = at_money_variance(
            years,
            usual=self.name.volatility,
            level=self.level,
            earnings=self.reports,
            earnings_move=self.name.earnings_move,
        )
        moneyness = np.log(self.listing.strike / spot) - (self.rate - self.name.dividend) * years
        variance = self.name.smile.total_variance(theta, moneyness)
        return np.asarray(np.sqrt(variance / np.where(years > 0, years, 1.0)))

    def value(self, spot: Floats | float, at_us: Ints | int) -> Floats:
        """Return theoretical values in USD per share."""
        years = pricing.years_until(self.listing.expires_us, at_us)
        model = pricing.price(
            self.listing.is_call,
            spot,
            self.listing.strike,
            years,
            self.volatility(spot, years),
            rate=self.rate,
            dividend=self.name.dividend,
        )
        if self.name.is_european:
            return model
        sign = np.where(self.listing.is_call, 1.0, -1.0)
        return np.asarray(np.maximum(model, sign * (spot - self.listing.strike)))

    def half_spread(self, value: Floats) -> Floats:
        """Return half the width of the quote before rounding to cents."""
        shape = _SPREAD_BASE_USD + _SPREAD_PER_USD * value + _SPREAD_DEEP * value**2 / self.name.price_usd
        return np.asarray(self.width * shape)

    def quotes(self, spot: float, at_us: int) -> QuoteColumns:
        """Return bid and ask at an instant."""
        value = self.value(spot, at_us)
        half = self.half_spread(value)
        bid, ask = (
            self.on_ticks(value - half + _NOISE_USD, np.floor),
            self.on_ticks(value + half - _NOISE_USD, np.ceil),
        )
        ask = np.maximum(ask, self.name.ticks_usd[0])
        second = at_us // 1_000_000
        bid_size = 1 + (self.depth * (1 + (second * 7) % 5)).astype(np.int64)
        ask_size = 1 + (self.depth * (1 + (second * 3) % 7)).astype(np.int64)
        at = np.full(bid.shape, at_us, dtype=np.int64)
        return QuoteColumns(
            at_us=at, bid=bid, bid_size=np.where(bid > 0, bid_size, 0), ask=ask, ask_size=ask_size
        )

    def on_ticks(self, price: Floats, to_whole: Callable[[Floats], Floats]) -> Floats:
        """Return prices on the name's ticks, not below zero; both grids meet at the premium where they change."""
        fine, coarse = self.name.ticks_usd
        per_usd = np.where(price < _COARSE_FROM_USD, round(1 / fine), round(1 / coarse))
        return np.asarray(np.maximum(to_whole(price * per_usd), 0.0) / per_usd)

    def greeks(self, spot: float, at_us: int, told: Bools) -> tuple[Floats, GreekColumns]:
        """Return volatility and greeks, NaN where `told` is False."""
        years = pricing.years_until(self.listing.expires_us, at_us)
        volatility = np.where(told & (years > 0), self.volatility(spot, years), np.nan)
        return volatility, pricing.greeks(
            self.listing.is_call,
            spot,
            self.listing.strike,
            years,
            volatility,
            rate=self.rate,
            dividend=self.name.dividend,
        )


def surface_of(
    seed: int, name: Underlying, session: Session, listing: Listing, *, rate: float, level: float
) -> Surface:
    """Return the surface of a session; the widths of its quotes are drawn from the seed."""
    months = (listing.columns.expiration - np.datetime64(session.day)).astype(np.float64) / 30
    dates = listing.columns.expiration.astype(np.int64).astype(np.uint64)
    noise = 0.8 + 0.6 * uniforms(dates, seed, name.symbol, session.day, "width")
    wide = np.where(listing.is_monthly, 1.0 + 0.2 * months, 1.0 + 0.7 * months)
    last = session.day + timedelta(days=name.days_listed)
    gaps = gap_days(seed, name, session.day, last)
    return Surface(
        name=name,
        listing=listing,
        rate=rate,
        level=level,
        reports=reports_until(gaps, session.day, listing.columns.expiration),
        width=name.spread_factor * wide * noise,
        depth=20 * uniforms(listing.keys, seed, name.symbol, session.day, "depth") ** 2 / name.spread_factor,
    )
