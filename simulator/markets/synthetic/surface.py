"""What an option is worth and how it is quoted.

1. Volatility has a level per session, a term structure and a smile in standard deviations of moneyness.
2. Theoretical value is Black-Scholes at that volatility, never under intrinsic value: the contracts are American.
3. Bid and ask stand around it by a half spread that grows with the value, slower than the value itself; so bids, asks
   and mids fall with the strike for calls and rise for puts, as the values do.
4. Bids and asks are on whole cents; a bid that would not reach one cent is not there.
"""

from dataclasses import dataclass

import numpy as np

from kernel.domain.calendar import Session
from simulator.markets import pricing
from simulator.markets.columns import Bools, Floats, GreekColumns, Ints, QuoteColumns
from simulator.markets.synthetic.chance import generator, uniforms
from simulator.markets.synthetic.listing import Listing
from simulator.markets.synthetic.universe import Underlying

#: Yearly, continuous: the rate under which the synthetic market prices, unless it is told another.
RATE = 0.04
_TERM_YEARS = 0.15
_SKEW = -0.07
_CURVE = 0.03
_WINGS = 4.0
#: The smile stops narrowing two days before expiration, else a strike's volatility would explode in the last minutes.
_SMILE_YEARS_MIN = 2 / 365
_SPREAD_BASE_USD = 0.006
_SPREAD_PER_USD = 0.0035
_SPREAD_DEEP = 0.05
_CENT = 0.01
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """One name's volatilities and quotes during one session, for the contracts of `listing`."""

    name: Underlying
    listing: Listing
    rate: float
    level: float
    width: Floats
    depth: Floats

    def volatility(self, spot: Floats | float, years: Floats) -> Floats:
        """Return the yearly volatility of each contract."""
        usual = self.name.volatility
        at_money = usual * (1 + (self.level - 1) * np.exp(-years / _TERM_YEARS))
        deviation = at_money * np.sqrt(np.maximum(years, _SMILE_YEARS_MIN))
        away = np.clip(np.log(self.listing.strike / spot) / deviation, -_WINGS, _WINGS)
        return np.asarray(at_money * (1 + _SKEW * away + _CURVE * away * away))

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
        bid = np.maximum(np.floor((value - half) / _CENT + _ROUNDING), 0.0) / 100
        ask = np.maximum(np.ceil((value + half) / _CENT - _ROUNDING), 1.0) / 100
        second = at_us // 1_000_000
        bid_size = 1 + (self.depth * (1 + (second * 7) % 5)).astype(np.int64)
        ask_size = 1 + (self.depth * (1 + (second * 3) % 7)).astype(np.int64)
        at = np.full(bid.shape, at_us, dtype=np.int64)
        return QuoteColumns(
            at_us=at, bid=bid, bid_size=np.where(bid > 0, bid_size, 0), ask=ask, ask_size=ask_size
        )

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


def surface_of(seed: int, name: Underlying, session: Session, listing: Listing, rate: float) -> Surface:
    """Return the surface of a session; its level and the widths of its quotes are drawn from the seed."""
    chance = generator(seed, name.symbol, session.day, "volatility")
    months = (listing.columns.expiration - np.datetime64(session.day)).astype(np.float64) / 30
    dates = listing.columns.expiration.astype(np.int64).astype(np.uint64)
    noise = 0.8 + 0.6 * uniforms(dates, seed, name.symbol, session.day, "width")
    wide = np.where(listing.is_monthly, 1.0 + 0.2 * months, 1.0 + 0.7 * months)
    return Surface(
        name=name,
        listing=listing,
        rate=rate,
        level=float(np.exp(0.12 * chance.standard_normal())),
        width=name.spread_factor * wide * noise,
        depth=20 * uniforms(listing.keys, seed, name.symbol, session.day, "depth") ** 2 / name.spread_factor,
    )
