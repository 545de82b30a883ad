"""Is the strategy healthy: pure figures over the stories of a period."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from dispatch.stories.story import Fate, Story
from dispatch.stories.timing import signal_to_order
from kernel.contracts.messages import RejectionCode, Ticket
from services.selector.core.validation import ContractReason

_GOOD_SCORE = 60.0
_TIGHT_SPREAD_PCT = 5.0
_TOO_EXPENSIVE = ContractReason.TOO_EXPENSIVE.value
_FOR_WANT_OF_MONEY = frozenset({RejectionCode.BUYING_POWER_TOO_SMALL, RejectionCode.RISK_BUDGET_TOO_SMALL})


def health_report(stories: Sequence[Story]) -> dict[str, Any]:
    """Return the report: scores, spreads, sizes against the tier, refusals, fills, slippage, time to order."""
    selections = [s.selection for s in stories if s.selection]
    refusals = Counter(s.rejection.code for s in stories if s.fate is Fate.REJECTED and s.rejection)
    return {
        "signals": len(stories),
        "selections": len(selections),
        "score_above_60_pct": _share(sum(s.score.total > _GOOD_SCORE for s in selections), len(selections)),
        "spread_below_5_pct": _share(
            sum(s.spread_pct < _TIGHT_SPREAD_PCT for s in selections), len(selections)
        ),
        "sizes": _sizes([s.ticket for s in stories if s.ticket]),
        "rejections": {code.value: count for code, count in refusals.most_common()},
        "rejected_for_want_of_money": sum(refusals[code] for code in _FOR_WANT_OF_MONEY),
        "contracts_too_expensive": sum(
            s.rejection.rejects.get(_TOO_EXPENSIVE, 0) for s in stories if s.rejection
        ),
        "orders": sum(s.reached_venue for s in stories),
        "fills": sum(s.fate is Fate.FILLED for s in stories),
        "slippage_usd_per_share": _average(_slippages(stories)),
        "signal_to_order_ms": _median_ms(stories),
    }


def _sizes(tickets: Sequence[Ticket]) -> dict[str, Any]:
    by_tier: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in tickets:
        by_tier[ticket.account.tier].append(ticket)
    return {
        tier: {
            "tickets": len(of_tier),
            "contracts_max": max(t.contracts for t in of_tier),
            "contracts_cap": of_tier[0].max_contracts,
            "risk_usd_max": float(max(t.total_risk_usd for t in of_tier)),
            "risk_pct_max": round(max(_risk_pct(t) for t in of_tier), 2),
            "risk_pct_allowed": float(max(t.account.risk_pct for t in of_tier)),
        }
        for tier, of_tier in by_tier.items()
    }


def _risk_pct(ticket: Ticket) -> float:
    return float(ticket.total_risk_usd / ticket.account.options_buying_power_usd * 100)


def _slippages(stories: Sequence[Story]) -> list[Decimal]:
    """What a fill cost above the mid of its decision, USD per share (positive is worse for a buyer)."""
    paid = []
    for story in stories:
        last = story.executions[-1] if story.executions else None
        if last is None or last.average_fill_price is None:
            continue
        # Executions of before say no mid; their tickets do, as long as they are kept.
        mid = last.decision_mid or (None if story.ticket is None else story.ticket.mid)
        if mid is not None:
            paid.append(last.average_fill_price - mid)
    return paid


def _median_ms(stories: Sequence[Story]) -> float | None:
    taken = sorted(span.wall_ms for span in map(signal_to_order, stories) if span is not None)
    return round(taken[len(taken) // 2], 1) if taken else None


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _average(values: Sequence[Decimal]) -> float | None:
    return round(float(sum(values) / len(values)), 4) if values else None
