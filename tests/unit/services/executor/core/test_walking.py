from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.testing.builders import NOW
from services.executor.core.walking import (
    GiveUp,
    Market,
    Move,
    Reprice,
    Wait,
    Walk,
    Working,
    decide,
    market_of_buyer,
    market_of_seller,
    slippage_usd,
    step_price,
)

WALK = Walk(steps=4, step_s=10, rest_s=60, collar_pct=Decimal(5), tick_usd=Decimal("0.01"))
#: 2.45 × 2.55
MARKET = Market(mid=Decimal("2.50"), far=Decimal("2.55"))
BOUND = Decimal("2.60")


def prices(market: Market, bound: str = "1000", walk: Walk = WALK) -> list[str]:
    return [str(step_price(n, market, Decimal(bound), walk)) for n in range(walk.steps + 1)]


def move(
    elapsed_s: float, *, limit: str = "2.50", age_s: float | None = None, market: Market | None = MARKET
) -> Move:
    now = NOW + timedelta(seconds=elapsed_s)
    age_s = elapsed_s if age_s is None else age_s
    working = Working(
        limit=Decimal(limit),
        bound=BOUND,
        walk_began_at=NOW,
        attempt_began_at=now - timedelta(seconds=age_s),
    )
    return decide(now, working, market, WALK)


def test_a_buyer_walks_from_the_mid_to_the_ask() -> None:
    assert prices(MARKET) == ["2.50", "2.51", "2.52", "2.53", "2.55"]


def test_a_seller_walks_from_the_mid_to_the_bid() -> None:
    market = market_of_seller(Decimal("2.45"), Decimal("2.55"))
    assert market is not None

    assert prices(market) == ["-2.50", "-2.49", "-2.48", "-2.47", "-2.45"]


def test_a_debit_of_several_legs_walks_towards_paying_more() -> None:
    assert prices(Market(mid=Decimal("1.00"), far=Decimal("1.04"))) == [
        "1.00",
        "1.01",
        "1.02",
        "1.03",
        "1.04",
    ]


def test_a_credit_of_several_legs_walks_towards_taking_less_and_stays_a_credit() -> None:
    wide = Walk(steps=4, step_s=10, rest_s=60, collar_pct=Decimal(100), tick_usd=Decimal("0.05"))

    assert prices(Market(mid=Decimal("-0.20"), far=Decimal("0.20")), walk=wide) == [
        "-0.20", "-0.10", "-0.05", "-0.05", "-0.05",
    ]  # fmt: skip


def test_the_collar_stops_the_walk_before_a_far_side_beyond_it() -> None:
    assert prices(Market(mid=Decimal("2.00"), far=Decimal("3.00")))[-1] == "2.10"


def test_the_ticket_s_bound_stops_the_walk() -> None:
    assert prices(MARKET, bound="2.52")[-2:] == ["2.52", "2.52"]


def test_coarse_ticks_are_rounded_to_what_costs_less() -> None:
    nickel = Walk(steps=4, step_s=10, rest_s=60, collar_pct=Decimal(5), tick_usd=Decimal("0.05"))

    assert prices(Market(mid=Decimal("2.525"), far=Decimal("2.57")), walk=nickel) == [
        "2.50", "2.50", "2.50", "2.55", "2.55",
    ]  # fmt: skip


@pytest.mark.parametrize(("bid", "ask"), [("2.60", "2.50"), ("0", "0"), ("NaN", "2.5"), ("2.5", "Infinity")])
def test_a_quote_that_cannot_be_used_is_no_market(bid: str, ask: str) -> None:
    assert market_of_buyer(Decimal(bid), Decimal(ask)) is None


@pytest.mark.parametrize(("elapsed_s", "limit"), [(10, "2.51"), (20, "2.52"), (30, "2.53"), (40, "2.55")])
def test_each_step_begins_when_its_time_has_come(elapsed_s: float, limit: str) -> None:
    assert isinstance(move(elapsed_s - 0.001, age_s=9.999), Wait)
    assert move(elapsed_s, age_s=10) == Reprice(Decimal(limit), int(elapsed_s // 10))


def test_a_step_that_was_late_keeps_half_its_time_and_delays_no_later_one() -> None:
    assert isinstance(move(20, limit="2.51", age_s=4.999), Wait)
    assert move(20, limit="2.51", age_s=5) == Reprice(Decimal("2.52"), 2)
    assert isinstance(move(29.999, limit="2.51", age_s=9.999), Wait)


def test_the_last_step_rests_and_is_then_given_up() -> None:
    assert isinstance(move(50), Wait)
    assert isinstance(move(99.999), Wait)
    assert isinstance(move(100), GiveUp)


def test_without_a_quote_nothing_is_replaced_and_the_end_comes_all_the_same() -> None:
    assert move(10, market=None) == Wait("there is no usable quote")
    assert isinstance(move(100, market=None), GiveUp)


def test_a_market_that_came_towards_us_is_not_followed_back() -> None:
    assert isinstance(move(10, limit="2.54"), Wait)


def test_slippage_is_what_the_fills_cost_beyond_the_mid() -> None:
    assert slippage_usd(Decimal("2.53"), Decimal("2.50"), 3) == Decimal(9)
    assert slippage_usd(Decimal("-2.47"), Decimal("-2.50"), 3) == Decimal(9)
    assert slippage_usd(None, Decimal("2.50"), 0) is None
