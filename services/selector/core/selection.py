"""The decision: the best contract of a chain for an idea, or a typed no.

Entry points: `refuse_unseen`, `select`.
1. A no that needs nothing from outside (expired, structure not built yet) is said before the venue is asked.
2. Otherwise all contracts of the idea's right are judged, and the best that qualifies is taken; see `ranking`.
3. A refusal carries the figures that explain it: how many candidates, how many with each reason, the budget.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from kernel.contracts.messages import RejectionCode
from kernel.contracts.parts import QualityScore, TradeIdea
from kernel.domain.calendar import TradingCalendar
from kernel.domain.money import plain, to_cents
from kernel.domain.options import Right, Strategy, right_for_buyer
from kernel.domain.params import SelectorParams
from services.selector.core.chain import Chain
from services.selector.core.ranking import RankedContract, Ranking, rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """The contract to buy. `score` is its quality score; `spot` the underlying's price in USD."""

    contract: RankedContract
    score: QualityScore
    spot: Decimal
    candidates: int
    qualified: int
    rejects: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why nothing is bought, with the figures behind it and the rejected contracts counted by reason."""

    code: RejectionCode
    message: str
    figures: Mapping[str, str] = field(default_factory=dict)
    rejects: Mapping[str, int] = field(default_factory=dict)


def refuse_unseen(idea: TradeIdea, now: datetime) -> Refused | None:
    """Return the no that can be said without looking at the market, or None."""
    if now >= idea.expires_at:
        return Refused(
            code=RejectionCode.SIGNAL_EXPIRED,
            message=f"the signal was good until {idea.expires_at:%Y-%m-%d %H:%M:%S} UTC, now it is {now:%Y-%m-%d %H:%M:%S}",
            figures={"late_s": f"{(now - idea.expires_at).total_seconds():.3f}"},
        )
    if idea.strategy is Strategy.PREMIUM_SELLER:
        right = Right.PUT if right_for_buyer(idea.direction) is Right.CALL else Right.CALL
        return Refused(
            code=RejectionCode.STRUCTURE_NOT_AVAILABLE,
            message=f"a {idea.direction} premium_seller needs a {right} vertical, and spreads are not built yet",
        )
    return None


def select(
    idea: TradeIdea,
    chain: Chain,
    *,
    budget_usd: Decimal,
    calendar: TradingCalendar,
    params: SelectorParams,
    now: datetime,
) -> Selected | Refused:
    """Return the contract to buy for `idea`, or why none. `budget_usd` is what one trade of this account may risk."""
    refused = refuse_unseen(idea, now) or _refuse_market(idea, chain, calendar, now)
    if refused is not None:
        return refused
    right = right_for_buyer(idea.direction)
    candidates = chain.only(right)
    if not len(candidates):
        return Refused(
            code=RejectionCode.CHAIN_EMPTY,
            message=f"the venue lists no {right}s of {idea.underlying} in the window of {idea.strategy}",
            figures={"spot": _usd(chain.spot), "skipped_symbols": str(chain.skipped)},
        )
    ranking = rank(
        candidates, idea.strategy, budget_usd=budget_usd, calendar=calendar, params=params, now=now
    )
    return _choose(ranking, right, budget_usd, params)


def _refuse_market(idea: TradeIdea, chain: Chain, calendar: TradingCalendar, now: datetime) -> Refused | None:
    if not calendar.is_open(now):
        return Refused(
            code=RejectionCode.MARKET_CLOSED,
            message=f"the market is closed at {now:%Y-%m-%d %H:%M:%S} UTC",
        )
    if chain.spot is None:
        return Refused(
            code=RejectionCode.UNDERLYING_UNKNOWN,
            message=f"the venue has no price of {idea.underlying}",
        )
    return None


def _choose(
    ranking: Ranking, right: Right, budget_usd: Decimal, params: SelectorParams
) -> Selected | Refused:
    best = ranking.best()
    rejects = {str(reason): count for reason, count in ranking.rejects.items()}
    figures = {
        "candidates": str(ranking.candidates),
        "qualified": str(ranking.qualified),
        "spot": _usd(ranking.chain.spot),
        "risk_budget_usd": _usd(to_cents(budget_usd)),
    }
    if best is None or best.score is None:
        reasons = ", ".join(f"{count} {reason}" for reason, count in rejects.items())
        return Refused(
            code=RejectionCode.NO_CONTRACT_QUALIFIES,
            message=f"none of {ranking.candidates} {right}s qualifies: {reasons}",
            figures=figures,
            rejects=rejects,
        )
    if best.score.total < params.min_score:
        return Refused(
            code=RejectionCode.SCORE_BELOW_MINIMUM,
            message=f"the best of {ranking.qualified} {right}s that qualify scores {best.score.total:.1f}, below {params.min_score:g}",
            figures=figures | _score_figures(best.occ_symbol, best.score, params.min_score),
            rejects=rejects,
        )
    assert ranking.chain.spot is not None
    return Selected(
        contract=best,
        score=best.score,
        spot=ranking.chain.spot,
        candidates=ranking.candidates,
        qualified=ranking.qualified,
        rejects=rejects,
    )


def _score_figures(symbol: str, score: QualityScore, min_score: float) -> dict[str, str]:
    parts = {f"score_{name}": f"{value:.1f}" for name, value in score.model_dump().items()}
    return {"best": symbol, "score_min": f"{min_score:g}", **parts}


def _usd(amount: Decimal | None) -> str:
    return "" if amount is None else plain(amount)
