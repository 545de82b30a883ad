"""Whatever the seed, the name and the instant: nobody gets something for nothing from a synthetic chain.

Every trade is judged as it could be done: bought at asks, sold at bids. Where an inequality of theory has carry in it,
it holds for European contracts; for American ones it is that of the same strike (a later one can do all that an
earlier one can).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.domain.clock import MARKET_ZONE
from simulator.markets import pricing
from simulator.markets.columns import ChainColumns
from simulator.markets.synthetic import DEFAULT_DAY, INDEXES, UNDERLYINGS, SyntheticMarket, Underlying
from simulator.markets.synthetic.smile import Smile, at_money_variance
from simulator.markets.synthetic.surface import RATE

#: Eight weeks from the default day on, nights and the July reports of every name included.
SPAN_S = 56 * 24 * 3600
MIDNIGHT = datetime.combine(DEFAULT_DAY, time(), MARKET_ZONE).astimezone(UTC)
NOISE_USD = 1e-6

seeds = st.integers(min_value=0, max_value=2**31)
names = st.sampled_from([*UNDERLYINGS, *INDEXES])
instants = st.integers(min_value=9 * 3600, max_value=SPAN_S).map(lambda s: MIDNIGHT + timedelta(seconds=s))


@lru_cache(8)
def market_of(seed: int) -> SyntheticMarket:
    return SyntheticMarket(seed)


@dataclass(frozen=True)
class Ladder:
    """One expiration's calls or puts, by strike."""

    is_call: bool
    expiration: np.datetime64
    strike: np.ndarray
    bid: np.ndarray
    ask: np.ndarray


def ladders(columns: ChainColumns) -> Iterator[Ladder]:
    listing, quote = columns.listing, columns.quote
    for day in np.unique(listing.expiration):
        for is_call in (True, False):
            rows = np.flatnonzero((listing.expiration == day) & (listing.is_call == is_call))
            yield Ladder(is_call, day, listing.strike[rows], quote.bid[rows], quote.ask[rows])


def chain_of(seed: int, name: Underlying, at: datetime) -> tuple[list[Ladder], float]:
    market = market_of(seed)
    stock = market.stock(name.symbol, at)
    assert stock is not None
    assert stock.trade is not None
    found = list(ladders(market.chain_columns(name.symbol, at)))
    assert found
    return found, stock.trade.price


@settings(max_examples=40, deadline=None)
@given(seed=seeds, name=names, at=instants)
def test_no_vertical_spread_pays_for_nothing(seed: int, name: Underlying, at: datetime) -> None:
    for ladder in chain_of(seed, name, at)[0]:
        near, far = (slice(None, -1), slice(1, None)) if ladder.is_call else (slice(1, None), slice(None, -1))
        # The nearer strike pays at least what the further pays, and at most their distance more.
        assert (ladder.ask[near] >= ladder.bid[far] - NOISE_USD).all()
        assert (ladder.bid[near] - ladder.ask[far] <= np.diff(ladder.strike) + NOISE_USD).all()


@settings(max_examples=40, deadline=None)
@given(seed=seeds, name=names, at=instants, span=st.integers(min_value=1, max_value=6))
def test_no_butterfly_pays_for_nothing(seed: int, name: Underlying, at: datetime, span: int) -> None:
    for ladder in chain_of(seed, name, at)[0]:
        low, middle, high = slice(None, -2 * span), slice(span, -span), slice(2 * span, None)
        strike = ladder.strike
        if strike.size <= 2 * span:
            continue
        share = (strike[high] - strike[middle]) / (strike[high] - strike[low])
        wings = share * ladder.ask[low] + (1 - share) * ladder.ask[high]
        assert (wings >= ladder.bid[middle] - NOISE_USD).all()


@settings(max_examples=40, deadline=None)
@given(seed=seeds, name=names, at=instants)
def test_no_calendar_spread_pays_for_nothing(seed: int, name: Underlying, at: datetime) -> None:
    found = chain_of(seed, name, at)[0]
    for is_call in (True, False):
        in_order = [ladder for ladder in found if ladder.is_call == is_call]
        for i, early in enumerate(in_order):
            for late in in_order[i + 1 :]:
                _assert_calendar(name, early, late)


def _assert_calendar(name: Underlying, early: Ladder, late: Ladder) -> None:
    carry, held = 1.0, 1.0
    if name.is_european:
        years = (late.expiration - early.expiration).astype(int) / 365
        held = float(np.exp(name.dividend * years))
        # A put with the same moneyness on the later forward has the higher strike; a call may keep its own, being dearer.
        carry = 1.0 if early.is_call else float(np.exp((RATE - name.dividend) * years))
        at_least = np.searchsorted(late.strike, early.strike * carry - NOISE_USD)
        known = at_least < late.strike.size
        known &= (late.strike[np.minimum(at_least, late.strike.size - 1)] == early.strike) | (
            not early.is_call
        )
    else:
        at_least = np.searchsorted(late.strike, early.strike)
        known = np.isin(early.strike, late.strike)
    assert (late.ask[at_least[known]] * held >= early.bid[known] - NOISE_USD).all()


@settings(max_examples=40, deadline=None)
@given(seed=seeds, name=names, at=instants)
def test_calls_puts_and_the_underlying_agree(seed: int, name: Underlying, at: datetime) -> None:
    found, spot = chain_of(seed, name, at)
    at_us = int(at.timestamp() * 1_000_000)
    for calls, puts in zip(found[::2], found[1::2], strict=True):
        session = market_of(seed).calendar.last_session_on_or_before(calls.expiration.astype(object))
        standing_us = min(at_us, int(session.closes_at.timestamp() * 1_000_000))
        last = _last_tick_us(seed, standing_us)
        years = pricing.years_until(np.array(int(session.closes_at.timestamp() * 1e6)), last)
        strike_now, spot_then = calls.strike * np.exp(-RATE * years), spot * np.exp(-name.dividend * years)
        low, high = (spot_then - strike_now,) * 2
        if not name.is_european:
            low, high = spot_then - calls.strike, spot - strike_now
        assert (calls.ask - puts.bid >= low - NOISE_USD).all()
        assert (calls.bid - puts.ask <= high + NOISE_USD).all()
        assert (calls.bid <= spot).all()
        assert (puts.bid <= puts.strike).all()


def _last_tick_us(seed: int, at_us: int) -> int:
    """Between sessions prices stand where the last second left them."""
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    running = [s for s in market_of(seed).calendar.sessions if s.opens_at <= at][-1]
    return int(min(at.replace(microsecond=0), running.closes_at).timestamp() * 1_000_000)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, name=names, at=instants)
def test_two_sided_mids_are_monotone_and_convex_up_to_rounding(
    seed: int, name: Underlying, at: datetime
) -> None:
    tick = max(name.ticks_usd)
    for ladder in chain_of(seed, name, at)[0]:
        shown = ladder.bid > 0
        strike, mid = ladder.strike[shown], ((ladder.bid + ladder.ask) / 2)[shown]
        falling = np.diff(mid) * (1 if ladder.is_call else -1)
        assert (falling <= NOISE_USD).all()
        slope = np.diff(mid) / np.diff(strike)
        assert (np.diff(slope) * np.diff(strike)[:-1] >= -2 * tick - NOISE_USD).all()
        assert (np.abs(slope) <= 1 + tick / np.diff(strike)).all()


@settings(max_examples=40, deadline=None)
@given(seed=seeds, name=names, at=instants)
def test_every_quote_is_on_its_ticks_and_not_crossed(seed: int, name: Underlying, at: datetime) -> None:
    quote = market_of(seed).chain_columns(name.symbol, at).quote
    for side in (quote.bid, quote.ask):
        tick = np.where(side < 3, *name.ticks_usd)
        np.testing.assert_allclose(side, np.round(side / tick) * tick, atol=1e-9)
    assert (quote.bid < quote.ask).all()
    assert ((quote.bid_size > 0) == (quote.bid > 0)).all()
    assert (quote.ask_size > 0).all()


smiles = st.tuples(st.floats(-0.95, 0.95), st.floats(0.05, 2.0)).filter(
    lambda pair: pair[1] * (1 + abs(pair[0])) <= 2
)


@settings(max_examples=200, deadline=None)
@given(
    smile=smiles.map(lambda pair: Smile(*pair)),
    theta=st.floats(1e-6, 4),
    more=st.floats(0, 4),
)
def test_a_smile_has_neither_butterfly_nor_calendar_arbitrage(
    smile: Smile, theta: float, more: float
) -> None:
    away = np.linspace(-5, 5, 401) * np.sqrt(theta)
    w = smile.total_variance(np.full_like(away, theta), away)
    later = smile.total_variance(np.full_like(away, theta + more), away)

    assert (later >= w * (1 - 1e-12)).all()
    # The density of the underlying at expiration, up to a positive factor (Gatheral and Jacquier, lemma 2.2).
    step = away[1] - away[0]
    slope, bend = np.gradient(w, step, edge_order=2), np.gradient(np.gradient(w, step), step)
    density = (1 - away * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + 1 / 4) + bend / 2
    assert (density[3:-3] >= -1e-3).all()


@pytest.mark.parametrize(("skew", "curve"), [(-0.5, 1.4), (0.0, 2.01), (-1.0, 0.5), (0.2, 0.0)])
def test_a_smile_that_allows_arbitrage_is_refused(skew: float, curve: float) -> None:
    with pytest.raises(ValueError, match="has arbitrage"):
        Smile(skew, curve)


@settings(max_examples=100, deadline=None)
@given(
    years=st.lists(st.floats(0, 3), min_size=2, max_size=20).map(sorted),
    level=st.floats(0.3, 3),
    reports=st.lists(st.integers(0, 1), min_size=20, max_size=20),
)
def test_at_the_money_variance_never_falls_with_time(
    years: Sequence[float], level: float, reports: Sequence[int]
) -> None:
    ahead = np.cumsum(reports)[: len(years)]
    theta = at_money_variance(np.array(years), usual=0.3, level=level, earnings=ahead, earnings_move=0.06)

    assert (np.diff(theta) >= -1e-12).all()
    assert (theta[np.array(years) == 0] == 0).all()
