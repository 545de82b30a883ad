"""A trace as JSON for other programs. Pure.

Entry point: `trace_json`. Keys are added, never renamed or taken away: others read them.
"""

from typing import Any

from dispatch.candidate_view import candidate_json
from dispatch.stories.sizes import SizeArithmetic
from dispatch.stories.telling import Step, summary
from dispatch.stories.timing import Span, Timing
from dispatch.stories.trace import Trace
from dispatch.stories.why import Why
from kernel.contracts.messages import Evidence


def trace_json(trace: Trace) -> dict[str, Any]:
    """Return everything of a trace but the bodies of evidence. `*_wall_ms` and `*_market_ms` are two clocks."""
    return {
        "signal_id": trace.story.signal_id,
        "fate": trace.story.fate.value,
        "summary": summary(trace.story),
        "oddities": list(trace.oddities),
        "timing": _timing(trace.timing),
        "origins": [
            {
                "stage": origin.stage,
                "revisions": list(origin.revisions),
                "config_hashes": list(origin.config_hashes),
                "messages": origin.messages,
            }
            for origin in trace.origins
        ],
        "steps": [step_json(step) for step in trace.steps],
        "why": [_why(why) for why in trace.whys],
    }


def step_json(step: Step) -> dict[str, Any]:
    """Return one message with where it lies; `after_ms` is wall clock time since the one before."""
    message = step.chapter.message
    document = message.model_dump(
        mode="json", exclude={"items": {"__all__": {"body"}}} if isinstance(message, Evidence) else None
    )
    return {
        "topic": step.chapter.topic,
        "partition": step.chapter.partition,
        "offset": step.chapter.offset,
        "written_at": step.chapter.written_at.isoformat(),
        "after_ms": step.after_ms,
        "headline": step.headline,
        "lines": list(step.lines),
        "message": document,
    }


def _timing(timing: Timing) -> dict[str, Any]:
    return {
        "signal_to_order": _span(timing.to_order),
        "whole": _span(timing.whole),
        "stages": [
            {"name": span.name, **(_span(span) or {}), "evidence_wall_ms": span.evidence_ms}
            for span in timing.spans
        ],
    }


def _span(span: Span | None) -> dict[str, float] | None:
    return None if span is None else {"wall_ms": span.wall_ms, "market_ms": span.market_ms}


def _why(why: Why) -> dict[str, Any]:
    return {
        "stage": why.stage,
        "message_id": why.answer_id,
        "title": why.title,
        "lines": list(why.lines),
        "warnings": list(why.warnings),
        "shortlists": [
            {
                "title": shortlist.title,
                "chosen": shortlist.chosen,
                "candidates": [candidate_json(c) for c in shortlist.candidates],
            }
            for shortlist in why.shortlists
        ],
        "size": None if why.size is None else _size(why.size),
        "times": [{"name": name, "market_time": at.isoformat()} for name, at in why.times],
    }


def _size(size: SizeArithmetic) -> dict[str, Any]:
    return {
        "tier": size.tier,
        "risk_pct": size.risk_pct,
        "risk_budget_usd": size.risk_budget_usd,
        "available_usd": size.available_usd,
        "in_flight_usd": size.in_flight_usd,
        "max_loss_per_contract_usd": size.max_loss_per_contract_usd,
        "cost_per_contract_usd": size.cost_per_contract_usd,
        "bounds": {bound.by.value: bound.contracts for bound in size.bounds},
        "contracts": size.binding.contracts,
        "bound_by": size.binding.by.value,
    }
