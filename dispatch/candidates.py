"""A chain's contracts as candidates: what each scores, everything that speaks against it, and by how much.

Entry points: `judge`, `Candidates`. Pure: the same for a chain asked of the venue now and for one out of the evidence.
1. A candidate's first miss is the reason the selector gave it; the others are told besides (see `misses`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dispatch.misses import Bounds, Miss, misses_of
from kernel.domain.calendar import TradingCalendar
from kernel.domain.options import Strategy
from kernel.domain.params import SelectorParams
from services.selector.core.chain import Bools, Chain
from services.selector.core.ranking import RankedContract, Ranking, rank
from services.selector.core.validation import REASONS, ContractReason, failing


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A contract and all that speaks against it; `min_score` is the least score, where it qualifies and has less."""

    contract: RankedContract
    misses: tuple[Miss, ...]
    min_score: float | None = None

    @property
    def qualifies(self) -> bool:
        """Whether no reason speaks against it."""
        return not self.misses

    @property
    def total(self) -> float | None:
        """The score it has, or would have had; None where a figure is absent."""
        return self.contract.score.total if self.contract.score else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidates:
    """A judged chain."""

    ranking: Ranking
    against: Mapping[ContractReason, Bools]
    bounds: Bounds

    def best(self, top: int | None = None) -> list[Candidate]:
        """Return those that qualify, best first, then the refused by the score they would have had; at most `top`."""
        return [self._candidate(row) for row in self.ranking.rows(top)]

    def refused(self, top: int, *, above: float = -1.0) -> list[Candidate]:
        """Return the refused that would have scored more than `above`, best first; at most `top`."""
        rows = self.ranking.rows()[self.ranking.qualified :]
        better = [row for row in rows if row.score is not None and row.score.total > above]
        return [self._candidate(row) for row in better[:top]]

    def only_too_expensive(self) -> Candidate | None:
        """Return the cheapest contract against which its price alone speaks, or None."""
        rows = [row for row in self.ranking.rows() if row.reason is ContractReason.TOO_EXPENSIVE]
        cheapest = min(rows, key=lambda row: row.mid, default=None)
        return None if cheapest is None else self._candidate(cheapest)

    def _candidate(self, contract: RankedContract) -> Candidate:
        row = self.ranking.chain.symbols.index(contract.occ_symbol)
        reasons = [reason for reason in REASONS if self.against[reason][row]]
        misses = misses_of(reasons, contract, self.bounds)
        least = self.bounds.params.min_score
        short = not misses and contract.score is not None and contract.score.total < least
        return Candidate(contract=contract, misses=misses, min_score=least if short else None)


def judge(
    chain: Chain,
    strategy: Strategy,
    *,
    budget_usd: Decimal,
    calendar: TradingCalendar,
    params: SelectorParams,
    now: datetime,
) -> Candidates:
    """Judge every contract of `chain` (of one right, its spot known) as the selector does; arguments as for `rank`."""
    ranking = rank(chain, strategy, budget_usd=budget_usd, calendar=calendar, params=params, now=now)
    windows = params.strategies[strategy]
    against = failing(
        chain, ranking.measures, windows, params, budget_usd=budget_usd, calendar=calendar, now=now
    )
    bounds = Bounds(strategy=windows, params=params, budget_usd=budget_usd, calendar=calendar, now=now)
    return Candidates(ranking=ranking, against=against, bounds=bounds)
