"""What trades: option volumes, latest trades, day bars, open interest.

1. A contract's trades are spread over the session like the market's activity; its volume and number of trades at an
   instant follow from the number of trades so far, so they never fall.
2. A trade happens at the value of its own second plus part of the half spread.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from kernel.domain.clock import microseconds
from simulator.markets.columns import BarColumns, Floats, Ints, QuoteColumns, TradeColumns
from simulator.markets.synthetic.chance import uniforms
from simulator.markets.synthetic.listing import Listing
from simulator.markets.synthetic.paths import Path, activity
from simulator.markets.synthetic.surface import Surface
from simulator.markets.synthetic.universe import Underlying

_CENTRE = 0.4
_REACH = 1.1
_WING_SHARE = 0.01
_DAYS_HALF = 5.0
_MONTHLY_BOOST = 2.2
_ROUND_BOOST = 1.8
_ROUND_STEPS = 5
_NOISE = 0.5
_OPEN_INTEREST_DAYS = 6.0
_SECOND_US = 1_000_000
#: No trade is further from the value than this share of the half spread.
_SPREAD_PAID = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """The trades of one name's contracts during one session.

    `trades` and `size` are the expected trades of a whole day and contracts per trade, `phase` in (0, 1) sets when
    the first comes, `taste` in (-1, 1) where in the spread a contract trades.
    """

    surface: Surface
    path: Path
    done: Floats
    trades: Floats
    size: Ints
    phase: Floats
    taste: Floats

    def count(self, second: int) -> Ints:
        """Return the number of trades by `second` of the session."""
        return np.asarray(np.floor(self.trades * self.done[second] + self.phase), dtype=np.int64)

    def quotes(self, second: int) -> QuoteColumns:
        """Return bids and asks at `second`."""
        return self.surface.quotes(float(self.path.price_usd[second]), self.at_us(second))

    def at_us(self, second: int) -> int:
        """Return the instant of `second` in microseconds since the epoch."""
        return microseconds(self.path.session.opens_at) + second * _SECOND_US

    def latest(self, count: Ints) -> TradeColumns:
        """Return trade number `count` of each contract (absent where 0)."""
        share = np.clip((count - self.phase) / self.trades, 0.0, 1.0)
        second = np.minimum(np.searchsorted(self.done, share), self.done.size - 1)
        at_us = microseconds(self.path.session.opens_at) + second * _SECOND_US
        value = self.surface.value(self.path.price_usd[second], at_us)
        price = self._paid(value)
        there = count > 0
        return TradeColumns(
            at_us=np.where(there, at_us, 0),
            price=np.where(there, price, np.nan),
            size=np.where(there, self.size, 0),
        )

    def day_bar(self, second: int, starts_us: int) -> tuple[TradeColumns, BarColumns]:
        """Return the latest trades and the day's bars as of `second`; `starts_us` is the bars' time."""
        count = self.count(second)
        first, last = self.latest(np.minimum(count, 1)), self.latest(count)
        low, high = self._range(second)
        low = np.where(count > 1, np.fmin(low, np.fmin(first.price, last.price)), first.price)
        high = np.where(count > 1, np.fmax(high, np.fmax(first.price, last.price)), first.price)
        bar = BarColumns(
            at_us=np.where(count > 0, starts_us, 0),
            open=first.price,
            high=high,
            low=low,
            close=last.price,
            volume=count * self.size,
            trades=count,
            vwap=np.round((first.price + high + low + last.price) / 4, 4),
        )
        return last, bar

    def _range(self, second: int) -> tuple[Floats, Floats]:
        """Return trade prices at the underlying's lowest and highest price so far, as the session's range."""
        so_far = self.path.price_usd[: second + 1]
        low, high = float(so_far.min()), float(so_far.max())
        opens_us = microseconds(self.path.session.opens_at)
        is_call = self.surface.listing.is_call
        best = self.surface.value(np.where(is_call, high, low), opens_us)
        worst = self.surface.value(np.where(is_call, low, high), opens_us + second * _SECOND_US)
        return self._paid(worst), self._paid(best)

    def _paid(self, value: Floats) -> Floats:
        """Return what a trade is done at when the contract is worth `value`; it rises with the value."""
        price = value + _SPREAD_PAID * self.taste * self.surface.half_spread(value)
        return np.maximum(self.surface.on_ticks(price, np.rint), self.surface.name.ticks_usd[0])


def flow_of(seed: int, surface: Surface, path: Path, reference_usd: float) -> Flow:
    """Return the flow of a session; `reference_usd` is the previous close, around which the interest lies."""
    name, listing, day = surface.name, surface.listing, path.session.day
    noise = np.exp(_NOISE * ndtri(uniforms(listing.keys, seed, name.symbol, day, "volume")))
    volume = np.maximum(usual_volume(name, listing, reference_usd, np.datetime64(day)) * noise, 0.2)
    size = np.ceil(1 + 7 * uniforms(listing.keys, seed, name.symbol, "size") ** 3).astype(np.int64)
    return Flow(
        surface=surface,
        path=path,
        done=activity(path.price_usd.size - 1),
        trades=volume / size,
        size=size,
        phase=uniforms(listing.keys, seed, name.symbol, day, "phase") * 0.999,
        taste=2 * uniforms(listing.keys, seed, name.symbol, day, "taste") - 1,
    )


def usual_volume(name: Underlying, listing: Listing, reference_usd: float, day: np.datetime64) -> Floats:
    """Return the contracts a usual day trades: most a little out of the money, soon to expire, on round strikes."""
    days = (listing.columns.expiration - day).astype(np.float64)
    deviation = name.volatility * np.sqrt((days + 1) / 365)
    away = np.log(listing.strike / reference_usd) / deviation * np.where(listing.is_call, 1.0, -1.0)
    moneyness = np.exp(-0.5 * ((away - _CENTRE) / _REACH) ** 2) + _WING_SHARE
    term = np.where(listing.is_monthly, _MONTHLY_BOOST, 1.0) / (1 + days / _DAYS_HALF)
    is_round = np.isclose(np.mod(listing.strike, _ROUND_STEPS * name.strike_step_usd), 0.0)
    return np.asarray(name.option_volume * moneyness * term * np.where(is_round, _ROUND_BOOST, 1.0))


def open_interest(seed: int, surface: Surface, reference_usd: float, day: np.datetime64) -> Ints:
    """Return open contracts: several usual days' volume."""
    listing = surface.listing
    usual = usual_volume(surface.name, listing, reference_usd, day)
    spread = np.exp(0.6 * ndtri(uniforms(listing.keys, seed, surface.name.symbol, "interest")))
    return np.asarray(_OPEN_INTEREST_DAYS * usual * spread).astype(np.int64)
