"""A replay's results as JSON and for a terminal. Pure, but for the console it is given."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from dispatch.plain import visible
from dispatch.replay.compare import Difference, headline
from dispatch.replay.elsewhere.versus import Against
from dispatch.replay.report.figures import moved, shown
from dispatch.replay.results import DIFFERENT, UNDECIDED, Effect, Row, StageResult, Status, effect
from dispatch.replay.signatures import Deciding, decided_by, others_text
from kernel.stream.stage import Emission

#: Differences of one input shown on a terminal; the JSON has all.
_SHOWN = 4
#: A text longer than this is cut there on a terminal, in characters.
_LONGEST = 60
#: Paths a trader looks at first.
_FIRST = ("code", "message", "legs.0.occ_symbol", "contracts", "total_risk_usd", "limit_price", "score.total")


def to_document(
    results: Sequence[StageResult],
    settings: Sequence[str],
    against: Against | None = None,
    deciding: Deciding | None = None,
) -> dict[str, Any]:
    """Return the whole replay as one JSON document. With `against`, what was recorded is what this code decides.

    `deciding` is who decides now, where that is to be told from who decided then.
    """
    return {
        "set": list(settings),
        "deciding": None if deciding is None else asdict(deciding),
        "revision": None if against is None else asdict(against),
        "differences": sum(row.status in DIFFERENT for result in results for row in result.rows),
        "stages": [_stage_document(result, deciding) for result in results],
    }


def _stage_document(result: StageResult, deciding: Deciding | None) -> dict[str, Any]:
    then = decided_by(result.rows)
    others = deciding and {
        "parameters": sum(then.other_parameters(deciding).values()),
        "revision": sum(then.other_revisions(deciding).values()),
    }
    return {
        "stage": result.stage,
        "inputs": len(result.rows),
        "decided": result.decided,
        "left": result.left,
        **result.counts,
        "undecodable": result.undecodable,
        "digest": result.digest,
        "seconds": round(result.seconds, 3),
        "effect": asdict(effect(result.rows)),
        "decided_then": asdict(then),
        "decided_by_others": others,
        "rows": [row_document(row) for row in result.rows],
    }


def row_document(row: Row) -> dict[str, Any]:
    """Return an input with both answers and every difference."""
    meta = row.message.meta
    return {
        "input_id": meta.id,
        "signal_id": meta.correlation_id,
        "underlying": row.underlying,
        "partition": row.partition,
        "offset": row.offset,
        "status": row.status.value,
        "recorded": said(row.recorded),
        "replayed": said(row.replayed),
        "note": row.note,
        "differences": [asdict(d) for d in row.differences],
    }


def against_lines(against: Against) -> list[tuple[str, str]]:
    """Return who "then" is and who "now", where two revisions are compared."""
    here, there = against.here, against.there
    return [
        ("then", f"this code ({here.revision}, parameters {here.config_hash})"),
        ("now", f"{against.label} ({there.revision}, parameters {there.config_hash})"),
    ]


def said(emissions: Sequence[Emission[Any]]) -> str | None:
    """Return answers in one line, or None for none."""
    return "; ".join(headline(e.message) for e in emissions) or None


def show(
    results: Sequence[StageResult],
    console: Console,
    limit: int,
    against: Against | None = None,
    deciding: Deciding | None = None,
) -> None:
    """Print each stage's sum, its inputs that differ (at most `limit`), and what others decided then than `deciding`."""
    if against is not None:
        console.print("; ".join(f"{name}: {who}" for name, who in against_lines(against)), markup=False)
    for result in results:
        _show_rows(result, console, limit)
        _show_sum(result, console)
        others = None if deciding is None else others_text(decided_by(result.rows), deciding)
        if others is not None:
            console.print(f"  {visible(others)}", style="yellow", markup=False)


def row_lines(row: Row) -> list[str]:
    """Return what an input was answered then and now, and below it the first of the figures that differ."""
    then, now = said(row.recorded) or "nothing", said(row.replayed) or "nothing"
    answers = f"{then}, then and now" if then == now else f"{then} → {now}"
    if row.note is not None:
        return [then if row.recorded else answers, f"    {visible(row.note)}"]
    return [answers, *(f"    {line}" for line in difference_lines(row.differences, _SHOWN))]


def difference_lines(found: Sequence[Difference], limit: int | None = None) -> list[str]:
    """Return a line for each difference, what matters most first, under one another; at most `limit` of them."""
    figures = sorted((d for d in found if d.path != "answer"), key=_rank)
    lines = figures if limit is None or len(figures) <= limit else figures[:limit]
    width = max((len(d.path) for d in lines), default=0)
    told = [f"{d.path:<{width}}  {_brief(d.recorded)} → {_brief(d.replayed)}{_move(d)}" for d in lines]
    more = len(figures) - len(lines)
    return [*told, *([f"and {more} more"] if more else [])]


def effect_text(found: Effect) -> str:
    """Return what became of the changed decisions, in a trader's words."""
    parts = {
        "contracts swapped": found.contracts_swapped,
        "refused now": found.now_refused,
        "accepted now": found.now_accepted,
    }
    told = ", ".join(f"{count} {name}" for name, count in parts.items() if count) or "in figures only"
    text = f"{found.decisions_changed} decisions changed" + (f": {told}" if found.decisions_changed else "")
    return text + (f"; {found.not_decided} could not be decided" if found.not_decided else "")


def _show_rows(result: StageResult, console: Console, limit: int) -> None:
    different = [row for row in result.rows if row.status in DIFFERENT]
    wide = max((len(row.underlying) for row in different[:limit]), default=0)
    for row in different[:limit]:
        first, *others = row_lines(row)
        signal = row.message.meta.correlation_id[:8]
        console.print(f"{signal}  {row.underlying:<{wide}}  {row.status.value:<10}  {first}", markup=False)
        for line in others:
            console.print(line, style="dim", markup=False)
    if len(different) > limit:
        console.print(f"and {len(different) - limit} more; --json or --html shows all", markup=False)


def _show_sum(result: StageResult, console: Console) -> None:
    rate = len(result.rows) / result.seconds if result.seconds else 0
    console.print(
        f"[bold]{result.stage}[/bold]: {_decided(result)} in {result.seconds:.1f} s ({rate:,.0f}/s){_outcomes(result)}"
    )
    if result.left:
        console.print(f"  stopped before the end: {result.left} more inputs were not decided")
    if result.undecodable:
        console.print(f"  {result.undecodable} records are no messages and were left out")
    if result.differs:
        found = effect(result.rows)
        console.print(f"  {effect_text(found)}")
        if found.risk_usd_replayed or found.risk_usd_recorded:
            console.print(f"  {risk_text(found)}")
    console.print(f"  digest {result.digest[:16]}", style="dim", markup=False)


def _decided(result: StageResult) -> str:
    counts = {status: result.counts[status] for status in Status if status in UNDECIDED}
    others = [f"{count} {status.value.replace('_', ' ')}" for status, count in counts.items() if count]
    return ", ".join([f"{result.decided} decided", *others])


def _outcomes(result: StageResult) -> str:
    counts = {status: result.counts[status] for status in Status if status not in UNDECIDED}
    told = [f"{count} {status.value}" for status, count in counts.items() if count or status is Status.SAME]
    return f": {', '.join(told)}" if result.decided else ""


def risk_text(found: Effect) -> str:
    """Return how the total risk of the changed decisions' tickets moved."""
    then, now = found.risk_usd_recorded, found.risk_usd_replayed
    return f"risk of those: ${then:,.2f} then, ${now:,.2f} now ({'+' if now >= then else '-'}${abs(now - then):,.2f})"


def _rank(difference: Difference) -> int:
    return _FIRST.index(difference.path) if difference.path in _FIRST else len(_FIRST)


def _brief(value: Any) -> str:
    text = shown(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _move(difference: Difference) -> str:
    change = moved(difference.recorded, difference.replayed)
    return "" if change is None else f" ({change})"
