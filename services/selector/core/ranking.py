"""Every contract of a chain judged and scored, and in which order.

Entry points: `rank`, `Ranking.best`, `Ranking.rows` (what `explain chain` shows).
1. The best contract is the one of the highest score among those that qualify.
2. Equal scores: tighter spread, then higher volume, then nearer strike, then symbol.
3. The order does not depend on the order in which the venue sent the contracts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from kernel.contracts.parts import QualityScore, VolumeBasis
from kernel.domain.calendar import TradingCalendar, market_day
from kernel.domain.clock import moment
from kernel.domain.options import Strategy
from kernel.domain.params import SelectorParams
from services.selector.core.chain import NO_OPEN_INTEREST, Chain, Ints, to_usd
from services.selector.core.measures import VOLUME_BASES, Measures, measure
from services.selector.core.scoring import ScoreColumns, score_columns
from services.selector.core.validation import ContractReason, Verdicts, validate

#: Scores closer than this are equal: the last binary digits of a sum must not outrank a tighter spread.
_TIE_DECIMALS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedContract:
    """One contract with all that was decided about it. Prices in USD per share; `reason` is None when it qualifies.

    `score` is None when a figure it needs is absent or unreadable.
    """

    occ_symbol: str
    strike: Decimal
    expiration: date
    days_to_expiration: int
    bid: Decimal
    ask: Decimal
    mid: Decimal
    quoted_at: datetime | None
    spread_pct: float | None
    volume: int
    volume_basis: VolumeBasis
    delta: float | None
    open_interest: int | None
    distance_pct: float
    score: QualityScore | None
    reason: ContractReason | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """A chain with its measures, verdicts and scores, all row by row."""

    chain: Chain
    measures: Measures
    verdicts: Verdicts
    scores: ScoreColumns

    @property
    def candidates(self) -> int:
        """How many contracts were looked at."""
        return len(self.chain)

    @property
    def qualified(self) -> int:
        """How many have no reason against them."""
        return int(np.count_nonzero(self.verdicts.codes == 0))

    @property
    def rejects(self) -> Mapping[ContractReason, int]:
        """How many carry each reason."""
        return self.verdicts.counts()

    def best(self) -> RankedContract | None:
        """Return the contract to buy, or None when none qualifies."""
        rows = np.flatnonzero(self.verdicts.qualifies)
        if not rows.size:
            return None
        totals = np.round(self.scores.total[rows], _TIE_DECIMALS)
        return self.row(int(self._ordered(rows[totals == totals.max()])[0]))

    def rows(self, top: int | None = None) -> list[RankedContract]:
        """Return the contracts that qualify, best first, then the rejected, best score first; at most `top`."""
        qualifies = self.verdicts.qualifies
        order = np.concatenate(
            [self._ordered(np.flatnonzero(qualifies)), self._ordered(np.flatnonzero(~qualifies))]
        )
        return [self.row(int(i)) for i in order[:top]]

    def row(self, i: int) -> RankedContract:
        """Return row `i` of the chain."""
        chain, measures = self.chain, self.measures
        quoted_at_us, interest = int(chain.quoted_at_us[i]), int(chain.open_interest[i])
        return RankedContract(
            occ_symbol=chain.symbols[i],
            strike=to_usd(chain.strike[i]),
            expiration=chain.expiration[i].item(),
            days_to_expiration=int(measures.days_to_expiration[i]),
            bid=to_usd(chain.bid[i]),
            ask=to_usd(chain.ask[i]),
            mid=to_usd(chain.bid[i] + chain.ask[i]) / 2,
            quoted_at=moment(quoted_at_us) if quoted_at_us else None,
            spread_pct=_known(measures.spread_pct[i]),
            volume=int(measures.volume[i]),
            volume_basis=VOLUME_BASES[measures.volume_basis[i]],
            delta=_known(chain.delta[i]),
            open_interest=None if interest == NO_OPEN_INTEREST else interest,
            distance_pct=float(measures.distance_pct[i]),
            score=self.scores.at(i) if np.isfinite(self.scores.total[i]) else None,
            reason=self.verdicts.reason(i),
        )

    def _ordered(self, rows: Ints) -> Ints:
        """Sort rows best first; row order is symbol order, so the sort's stability settles the last tie."""
        total = np.nan_to_num(np.round(self.scores.total[rows], _TIE_DECIMALS), nan=-np.inf)
        keys = (
            self.measures.distance_pct[rows],
            -self.measures.volume[rows],
            self.measures.spread_pct[rows],
            -total,
        )
        return rows[np.lexsort(keys)]


def rank(
    chain: Chain,
    strategy: Strategy,
    *,
    budget_usd: Decimal,
    calendar: TradingCalendar,
    params: SelectorParams,
    now: datetime,
) -> Ranking:
    """Judge and score every contract of `chain` for a strategy; `chain.spot` must be known.

    `budget_usd` is what one trade may risk. Works on an empty chain and while the market is closed.
    """
    windows = params.strategies[strategy]
    measures = measure(chain, calendar, market_day(now), params.volume_basis)
    verdicts = validate(chain, measures, windows, params, budget_usd=budget_usd, calendar=calendar, now=now)
    scores = score_columns(
        spread_pct=measures.spread_pct,
        volume=measures.volume,
        delta_abs=measures.delta_abs,
        distance_pct=measures.distance_pct,
        strategy=windows,
        scoring=params.scoring,
    )
    return Ranking(chain=chain, measures=measures, verdicts=verdicts, scores=scores)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
