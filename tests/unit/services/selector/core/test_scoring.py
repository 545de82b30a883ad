import math

import numpy as np
import pytest

from kernel.domain.options import Strategy
from kernel.domain.params import TradingParams
from services.selector.core.scoring import has_delta_points, score
from tests.fakes.params import PARAMS


def scored(strategy: Strategy = Strategy.DAY_TRADE, params: TradingParams = PARAMS, **figures: float):
    given = {"spread_pct": 1.2, "volume": 850, "delta": 0.38, "distance_pct": 0.5} | figures
    return score(**given, strategy=params.selector.strategies[strategy], scoring=params.selector.scoring)


@pytest.mark.parametrize("strategy", [Strategy.DAY_TRADE, Strategy.SWING])
def test_the_example_everyone_knows_scores_91_3(strategy: Strategy) -> None:
    points = scored(strategy)
    shown = [round(x, 1) for x in (points.spread, points.volume, points.delta, points.distance, points.total)]
    assert shown == [35.2, 27.1, 20.0, 9.0, 91.3]


def test_the_total_is_the_sum_of_its_parts_unrounded() -> None:
    points = scored()
    assert points.total == points.spread + points.volume + points.delta + points.distance
    assert points.volume == pytest.approx(30 * (1 - math.exp(-850 / 364)), abs=1e-12)


@pytest.mark.parametrize(("spread_pct", "points"), [(0, 40), (5, 20), (10, 0), (12, 0)])
def test_the_spread_part_falls_to_nothing_at_ten_percent(spread_pct: float, points: float) -> None:
    assert scored(spread_pct=spread_pct).spread == points


@pytest.mark.parametrize(("volume", "points"), [(0, 0.0), (364, 30 * (1 - math.exp(-1))), (10**9, 30.0)])
def test_the_volume_part_saturates(volume: int, points: float) -> None:
    assert scored(volume=volume).volume == pytest.approx(points, abs=1e-12)


@pytest.mark.parametrize(
    ("strategy", "delta", "points"),
    [
        (Strategy.DAY_TRADE, 0.35, 20),
        (Strategy.DAY_TRADE, 0.60, 20),
        (Strategy.DAY_TRADE, -0.60, 20),
        (Strategy.DAY_TRADE, 0.225, 10),
        (Strategy.DAY_TRADE, 0.725, 10),
        (Strategy.DAY_TRADE, 0.10, 0),
        (Strategy.DAY_TRADE, 0.85, 0),
        (Strategy.DAY_TRADE, 1.0, 0),
        (Strategy.SWING, 0.30, 20),
        (Strategy.SWING, 0.05, 0),
        (Strategy.PREMIUM_SELLER, 0.15, 20),
        (Strategy.PREMIUM_SELLER, 0.30, 20),
        (Strategy.PREMIUM_SELLER, 0.425, 10),
        (Strategy.PREMIUM_SELLER, 0.0, 8),
    ],
)
def test_the_delta_part_is_full_inside_the_band_and_falls_on_both_sides(
    strategy: Strategy, delta: float, points: float
) -> None:
    assert scored(strategy, delta=delta).delta == pytest.approx(points, abs=1e-9)


@pytest.mark.parametrize(
    ("strategy", "distance_pct", "points"),
    [
        (Strategy.DAY_TRADE, 0, 10),
        (Strategy.DAY_TRADE, 2.5, 5),
        (Strategy.DAY_TRADE, 5, 0),
        (Strategy.DAY_TRADE, 40, 0),
        (Strategy.PREMIUM_SELLER, 3, 10),
        (Strategy.PREMIUM_SELLER, 8, 10),
        (Strategy.PREMIUM_SELLER, 0, 4),
        (Strategy.PREMIUM_SELLER, 10.5, 5),
        (Strategy.PREMIUM_SELLER, 13, 0),
    ],
)
def test_the_distance_part_counts_from_the_strategys_band(
    strategy: Strategy, distance_pct: float, points: float
) -> None:
    assert scored(strategy, distance_pct=distance_pct).distance == pytest.approx(points, abs=1e-9)


@pytest.mark.parametrize(("delta_abs", "has"), [(0.10, False), (0.1001, True), (0.8499, True), (0.85, False)])
def test_the_outer_band_of_delta_ends_where_the_points_end(delta_abs: float, has: bool) -> None:
    day_trade = PARAMS.selector.strategies[Strategy.DAY_TRADE]
    assert has_delta_points(np.array([delta_abs]), day_trade, PARAMS.selector.scoring).tolist() == [has]
