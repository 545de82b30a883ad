"""The invariants of services.selector.core.scoring, for any figures."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.parts import QualityScore
from kernel.domain.options import Strategy
from services.selector.core.scoring import has_delta_points, score, score_columns
from tests.fakes.params import PARAMS

SCORING = PARAMS.selector.scoring
spreads = st.floats(0, 250)
volumes = st.integers(0, 10**7)
deltas = st.floats(-1, 1)
distances = st.floats(0, 500)
strategies = st.sampled_from(Strategy)


def scored(
    strategy: Strategy, spread_pct: float, volume: int, delta: float, distance_pct: float
) -> QualityScore:
    return score(
        spread_pct=spread_pct,
        volume=volume,
        delta=delta,
        distance_pct=distance_pct,
        strategy=PARAMS.selector.strategies[strategy],
        scoring=SCORING,
    )


@given(strategies, spreads, volumes, deltas, distances)
def test_every_part_stays_within_its_points_and_they_sum_to_the_total(
    strategy: Strategy, spread_pct: float, volume: int, delta: float, distance_pct: float
) -> None:
    points = scored(strategy, spread_pct, volume, delta, distance_pct)
    assert 0 <= points.spread <= 40
    assert 0 <= points.volume <= 30
    assert 0 <= points.delta <= 20
    assert 0 <= points.distance <= 10
    assert points.total == points.spread + points.volume + points.delta + points.distance


@given(strategies, spreads, volumes, deltas, distances)
def test_the_formula_in_plain_arithmetic_agrees(
    strategy: Strategy, spread_pct: float, volume: int, delta: float, distance_pct: float
) -> None:
    band = {"day_trade": (0.35, 0.60), "swing": (0.30, 0.60), "premium_seller": (0.15, 0.30)}[strategy]
    near, far = (3, 8) if strategy is Strategy.PREMIUM_SELLER else (0, 0)
    outside_delta = max(band[0] - abs(delta), abs(delta) - band[1], 0)
    outside_distance = max(near - distance_pct, distance_pct - far, 0)
    expected = (
        40 * max(0, 1 - spread_pct / 10)
        + 30 * (1 - math.exp(-volume / 364))
        + 20 * max(0, 1 - outside_delta / 0.25)
        + 10 * max(0, 1 - outside_distance / 5)
    )
    points = scored(strategy, spread_pct, volume, delta, distance_pct)
    assert math.isclose(points.total, expected, abs_tol=1e-9)


@given(strategies, st.lists(st.tuples(spreads, volumes, deltas, distances), max_size=40))
def test_a_chain_scores_each_contract_as_it_would_score_alone(
    strategy: Strategy, rows: list[tuple[float, int, float, float]]
) -> None:
    columns = score_columns(
        spread_pct=np.array([r[0] for r in rows], np.float64),
        volume=np.array([r[1] for r in rows], np.int64),
        delta_abs=np.abs(np.array([r[2] for r in rows], np.float64)),
        distance_pct=np.array([r[3] for r in rows], np.float64),
        strategy=PARAMS.selector.strategies[strategy],
        scoring=SCORING,
    )
    for i, row in enumerate(rows):
        assert columns.at(i) == scored(strategy, *row)


@given(strategies, st.tuples(spreads, spreads), st.tuples(volumes, volumes), deltas)
def test_a_tighter_spread_or_more_volume_never_scores_less(
    strategy: Strategy, spread_pcts: tuple[float, float], traded: tuple[int, int], delta: float
) -> None:
    better = scored(strategy, min(spread_pcts), max(traded), delta, 1)
    assert better.spread >= scored(strategy, max(spread_pcts), max(traded), delta, 1).spread
    assert better.volume >= scored(strategy, min(spread_pcts), min(traded), delta, 1).volume


@given(strategies, deltas)
def test_puts_and_calls_of_the_same_absolute_delta_score_alike(strategy: Strategy, delta: float) -> None:
    assert scored(strategy, 1, 500, delta, 1) == scored(strategy, 1, 500, -delta, 1)


@given(strategies, deltas)
def test_what_has_delta_points_is_what_the_outer_band_lets_in(strategy: Strategy, delta: float) -> None:
    windows = PARAMS.selector.strategies[strategy]
    inside = bool(has_delta_points(np.array([abs(delta)]), windows, SCORING)[0])
    assert inside == (scored(strategy, 1, 500, delta, 1).delta > 0)
