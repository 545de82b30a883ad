"""Why this contract, or why none: the selector's decision out of its evidence. Pure.

Entry point: `why_contract`.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from dispatch.candidates import Candidate, Candidates, judge
from dispatch.stories.parameters import InForce
from dispatch.stories.story import Story
from dispatch.stories.what_it_takes import Need, what_it_takes
from dispatch.stories.why import Shortlist, Why
from kernel.contracts.messages import Evidence, Rejection, RejectionCode, Selection
from kernel.contracts.parts import TradeIdea
from kernel.domain.money import plain, usd_per_contract
from kernel.domain.options import right_for_buyer
from kernel.domain.tiers import risk_budget
from services.selector.core.decision import Gathered, decide
from services.selector.core.evidence import from_items
from services.selector.core.selection import Refused, Selected

_ABOUT_CONTRACTS = frozenset({RejectionCode.NO_CONTRACT_QUALIFIES, RejectionCode.SCORE_BELOW_MINIMUM})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What an answer was decided on; `problem` says why that cannot be told."""

    gathered: Gathered | None
    at: datetime
    problem: str | None = None


def why_contract(story: Story, answer: Selection | Rejection, in_force: InForce, top: int) -> Why:
    """Explain the selector's answer with the `top` best alternatives."""
    seen = _seen(story, answer)
    why = Why(
        stage=answer.meta.stage,
        answer_id=answer.meta.id,
        title="Why this contract" if isinstance(answer, Selection) else "Why no contract",
        warnings=(seen.problem,) if seen.problem else (),
        scoring=in_force.params.selector.scoring if in_force.exact else None,
    )
    if isinstance(answer, Rejection) and answer.code is RejectionCode.MARKET_CLOSED:
        return replace(why, lines=_next_session(seen), times=(("decided", seen.at),))
    if seen.gathered is None or (isinstance(answer, Rejection) and answer.code not in _ABOUT_CONTRACTS):
        return why
    candidates = _judge(answer.idea, seen.gathered, in_force, seen.at)
    if candidates is None:
        return why
    warnings = [in_force.warning, _decided_otherwise(answer, seen.gathered, in_force, seen.at)]
    lines, shortlists = (
        _chosen(answer, candidates, top)
        if isinstance(answer, Selection)
        else _refused(answer, candidates, seen.gathered, in_force, top)
    )
    return replace(
        why,
        lines=lines,
        warnings=tuple(w for w in warnings if w),
        shortlists=tuple(s for s in shortlists if s.candidates),
    )


def _seen(story: Story, answer: Selection | Rejection) -> _Seen:
    at = answer.meta.occurred_at
    found = [
        c.message
        for c in story.chapters
        if isinstance(c.message, Evidence)
        and c.message.meta.stage == answer.meta.stage
        and c.message.input_id == answer.meta.causation_id
        and c.message.decided_at == at
    ]
    if not found:
        return _Seen(
            None, at, "the evidence of this decision is not in the topics: no alternatives can be shown"
        )
    try:
        return _Seen(from_items(found[0].items), at)
    except (KeyError, ValueError, zlib.error) as e:
        return _Seen(None, at, f"the evidence cannot be read by this revision ({type(e).__name__}: {e})")


def _judge(idea: TradeIdea, gathered: Gathered, in_force: InForce, now: datetime) -> Candidates | None:
    chain = gathered.chain.only(right_for_buyer(idea.direction))
    if chain.spot is None or not len(chain):
        return None
    account, params = gathered.account, in_force.params
    budget = risk_budget(account.equity_usd, account.options_buying_power_usd, idea.strategy, params.sizer)
    return judge(
        chain,
        idea.strategy,
        budget_usd=budget.budget_usd,
        calendar=gathered.calendar,
        params=params.selector,
        now=now,
    )


def _decided_otherwise(
    answer: Selection | Rejection, gathered: Gathered, in_force: InForce, now: datetime
) -> str | None:
    """Compare the recorded answer with what the same evidence leads to here and now."""
    outcome = decide(answer.idea, gathered, in_force.params, now).outcome
    recorded, again = _said(answer), _said(outcome)
    if recorded == again and dict(answer.rejects) == dict(outcome.rejects):
        return None
    which = "this code" if in_force.exact else "this code with those parameters"
    told = again if recorded != again else f"{again}, refusing {_counts(outcome.rejects)}"
    return f"{which} decides otherwise on the same evidence: {told} (recorded: {recorded}); see `dispatch replay`"


def _said(answer: Selection | Rejection | Selected | Refused) -> str:
    match answer:
        case Selection():
            return answer.legs[0].occ_symbol
        case Selected():
            return answer.contract.occ_symbol
        case _:
            return answer.code.value


def _chosen(
    answer: Selection, candidates: Candidates, top: int
) -> tuple[tuple[str, ...], tuple[Shortlist, ...]]:
    symbol, score = answer.legs[0].occ_symbol, answer.score.total
    listed = candidates.best(min(top + 1, candidates.ranking.qualified))
    others = [c for c in listed if c.contract.occ_symbol != symbol]
    line = _ahead_of(others[0], score) if others else "no other contract qualifies"
    passed_over = candidates.refused(top, above=score)
    return (line,), (
        Shortlist("Chosen over", tuple(listed), chosen=symbol),
        Shortlist("Would have scored more, but were refused", tuple(passed_over)),
    )


def _ahead_of(runner_up: Candidate, score: float) -> str:
    total, symbol = runner_up.total or 0.0, runner_up.contract.occ_symbol
    if round(score - total, 1) == 0:
        return f"the next, {symbol}, scores {total:.1f} as well: tighter spread, then volume, then distance decide"
    return f"the next, {symbol}, scores {total:.1f}, {score - total:.1f} less"


def _refused(
    answer: Rejection, candidates: Candidates, gathered: Gathered, in_force: InForce, top: int
) -> tuple[tuple[str, ...], tuple[Shortlist, ...]]:
    if answer.code is RejectionCode.SCORE_BELOW_MINIMUM:
        listed = candidates.best(min(top, candidates.ranking.qualified))
        better = candidates.refused(top, above=(listed[0].total or 0.0) if listed else -1.0)
        return (), (
            Shortlist("Best of those that qualify", tuple(listed)),
            Shortlist("Would have scored more, but were refused", tuple(better)),
        )
    listed = candidates.refused(top) or candidates.best(top)
    lines = _one_could_buy(candidates.only_too_expensive(), answer.idea, gathered, in_force)
    return lines, (Shortlist("Best of the refused, by the score they would have had", tuple(listed)),)


def _one_could_buy(
    cheapest: Candidate | None, idea: TradeIdea, gathered: Gathered, in_force: InForce
) -> tuple[str, ...]:
    """Return what it would take to buy the cheapest contract against which its price alone speaks."""
    if cheapest is None:
        return ()
    cost = usd_per_contract(cheapest.contract.mid)
    account = gathered.account
    enough = what_it_takes(
        Need(risk_usd=cost, cost_usd=cost),
        idea.strategy,
        account.equity_usd,
        account.options_buying_power_usd,
        in_force.params.sizer,
    )
    told = (
        f"the cheapest that is only too expensive: {cheapest.contract.occ_symbol}, ${plain(cost)} a contract"
    )
    return (told, enough) if enough else (told,)


def _next_session(seen: _Seen) -> tuple[str, ...]:
    if seen.gathered is None:
        return ()
    opens = [s.opens_at for s in seen.gathered.calendar.sessions if s.opens_at > seen.at]
    return (f"the next session opens {min(opens):%Y-%m-%d %H:%M} UTC",) if opens else ()


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in counts.items()) or "none"
