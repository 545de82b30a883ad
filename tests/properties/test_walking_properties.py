"""The invariants of services/executor/core/walking.py, by their numbers."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from kernel.testing.builders import NOW
from services.executor.core.walking import (
    GiveUp,
    Market,
    Reprice,
    Wait,
    Walk,
    Working,
    decide,
    market_of_buyer,
    market_of_seller,
    step_price,
)

CENT = Decimal("0.01")
cents = st.integers(1, 2000).map(lambda n: n * CENT)
ticks = st.sampled_from([CENT, Decimal("0.05")])
#: Whatever seconds have passed since the walk began.
seconds = st.integers(0, 200)


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    return Walk(
        steps=draw(st.integers(1, 8)),
        step_s=draw(st.sampled_from([1.0, 10.0])),
        rest_s=draw(st.sampled_from([0.0, 60.0])),
        collar_pct=draw(st.sampled_from([Decimal("0.1"), Decimal(5), Decimal(100)])),
        tick_usd=draw(ticks),
    )


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """A buyer's, a seller's, or that of several legs: net prices, whose far side may have the other sign."""
    bid, width = draw(cents), draw(cents)
    found = draw(st.sampled_from([market_of_buyer, market_of_seller]))(bid, bid + width)
    assert found is not None
    if draw(st.booleans()):
        middle = draw(st.integers(-500, 500).filter(bool)) * CENT
        return Market(mid=middle, far=middle + width)
    return found


bounds = st.integers(-2500, 2500).map(lambda n: n * CENT)


@given(st.integers(0, 10), markets(), bounds, walks())
def test_1_a_step_is_within_the_far_side_the_collar_and_the_bound(
    step: int, market: Market, bound: Decimal, walk: Walk
) -> None:
    price = step_price(step, market, bound, walk)

    assume(price is not None)
    assert price is not None
    assert price <= market.far
    assert price <= market.mid + abs(market.mid) * walk.collar_pct / 100
    assert price <= bound


@given(markets(), bounds, walks())
def test_2_a_later_step_never_goes_back(market: Market, bound: Decimal, walk: Walk) -> None:
    prices = [step_price(step, market, bound, walk) for step in range(walk.steps + 2)]

    known = [price for price in prices if price is not None]
    assert known == sorted(known)


@given(markets(), bounds, walks())
def test_2_the_last_step_is_the_furthest_the_bounds_allow(market: Market, bound: Decimal, walk: Walk) -> None:
    price = step_price(walk.steps, market, bound, walk)

    assume(price is not None and price != -walk.tick_usd)
    assert price is not None
    collar = market.mid + abs(market.mid) * walk.collar_pct / 100
    assert min(market.far, collar, bound) - price < walk.tick_usd


@given(st.integers(0, 10), markets(), bounds, walks())
def test_3_and_4_a_step_is_on_the_tick_and_keeps_its_sign(
    step: int, market: Market, bound: Decimal, walk: Walk
) -> None:
    price = step_price(step, market, bound, walk)

    assume(price is not None)
    assert price is not None
    assert price % walk.tick_usd == 0
    assert price != 0
    assert (price < 0) == (market.mid < 0)


@given(st.lists(seconds, max_size=60), st.data(), walks())
def test_2_a_walk_through_a_moving_market_never_goes_back_and_ends(
    instants: list[int], data: st.DataObject, walk: Walk
) -> None:
    limits = [Decimal("2.50")]
    attempt_at = NOW
    for second in sorted(instants):
        market = data.draw(st.none() | markets().filter(lambda m: m.mid > 0))
        now = NOW + timedelta(seconds=second)
        working = Working(
            limit=limits[-1], bound=Decimal("2.90"), walk_began_at=NOW, attempt_began_at=attempt_at
        )
        match decide(now, working, market, walk):
            case Reprice(limit, step):
                assert 1 <= step <= walk.steps
                assert limit <= Decimal("2.90")
                limits.append(limit)
                attempt_at = now
            case GiveUp():
                assert second >= walk.steps * walk.step_s + walk.rest_s
            case Wait():
                assert second < walk.steps * walk.step_s + walk.rest_s

    assert all(before < after for before, after in pairwise(limits))
    assert len(limits) <= walk.steps + 1


@given(st.sampled_from(["NaN", "Infinity", "-1"]), cents, st.booleans())
def test_5_a_quote_that_is_none_has_no_market(bad: str, good: Decimal, first: bool) -> None:
    bid, ask = (Decimal(bad), good) if first else (good, Decimal(bad))

    assert market_of_buyer(bid, ask) is None
    assert market_of_seller(bid, ask) is None
