"""The quality score: 0-100, always with its four parts.

Entry points: `score` for one contract, `score_columns` for a chain; both run the same formula.
1. spread   = points × max(0, 1 − spread % ÷ zero), so a spread of 10 % of the mid is worth nothing.
2. volume   = points × (1 − e^(−volume ÷ scale)).
3. delta    = points inside the strategy's band of absolute delta, falling linearly to 0 over the fall-off on both sides.
4. distance = points × max(0, 1 − excess ÷ fall-off), excess = how far abs(strike − spot) ÷ spot × 100 lies outside the
   strategy's distance band.
5. The total is the plain sum. Nothing is rounded here; rounding is for display.
"""

from dataclasses import dataclass

import numpy as np

from kernel.contracts.parts import QualityScore
from kernel.domain.params import ScoringParams, StrategyParams
from services.selector.core.chain import Bools, Floats, Ints

#: Binary noise of 0.60 − 0.35 − 0.25 must not decide whether a contract has delta points.
_DELTA_DECIMALS = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreColumns:
    """The score of every contract; NaN where a figure it needs is absent."""

    total: Floats
    spread: Floats
    volume: Floats
    delta: Floats
    distance: Floats

    def at(self, row: int) -> QualityScore:
        """Return one contract's score. Its figures must all be there."""
        return QualityScore(
            total=float(self.total[row]),
            spread=float(self.spread[row]),
            volume=float(self.volume[row]),
            delta=float(self.delta[row]),
            distance=float(self.distance[row]),
        )


def score(
    *,
    spread_pct: float,
    volume: int,
    delta: float,
    distance_pct: float,
    strategy: StrategyParams,
    scoring: ScoringParams,
) -> QualityScore:
    """Return the score of one contract. `delta` may have either sign; percentages as in the module's formulas."""
    columns = score_columns(
        spread_pct=np.array([spread_pct]),
        volume=np.array([volume]),
        delta_abs=np.array([abs(delta)]),
        distance_pct=np.array([distance_pct]),
        strategy=strategy,
        scoring=scoring,
    )
    return columns.at(0)


def score_columns(
    *,
    spread_pct: Floats,
    volume: Ints,
    delta_abs: Floats,
    distance_pct: Floats,
    strategy: StrategyParams,
    scoring: ScoringParams,
) -> ScoreColumns:
    """Return the scores of many contracts, row by row."""
    outside_pct = _excess(distance_pct, strategy.distance_min_pct, strategy.distance_max_pct)
    spread = _falling(scoring.spread_points, spread_pct, scoring.spread_pct_zero)
    traded = scoring.volume_points * -np.expm1(volume / -scoring.volume_scale)
    delta = _falling(scoring.delta_points, delta_excess(delta_abs, strategy), scoring.delta_falloff)
    distance = _falling(scoring.distance_points, outside_pct, scoring.distance_falloff_pct)
    total = spread + traded + delta + distance
    return ScoreColumns(total=total, spread=spread, volume=traded, delta=delta, distance=distance)


def has_delta_points(delta_abs: Floats, strategy: StrategyParams, scoring: ScoringParams) -> Bools:
    """Tell where absolute delta lies inside the outer band, at whose edges the delta part reaches zero."""
    return delta_excess(delta_abs, strategy) < scoring.delta_falloff


def delta_excess(delta_abs: Floats, strategy: StrategyParams) -> Floats:
    """Return how far absolute delta lies outside the strategy's band."""
    return np.round(_excess(delta_abs, strategy.delta_min, strategy.delta_max), _DELTA_DECIMALS)


def _excess(values: Floats, low: float, high: float) -> Floats:
    return np.maximum(np.maximum(low - values, values - high), 0.0)


def _falling(points: float, values: Floats, zero_at: float) -> Floats:
    """Return `points` at 0, nothing from `zero_at` on, a straight line between; never more than `points`."""
    return points * np.clip(1.0 - values / zero_at, 0.0, 1.0)
