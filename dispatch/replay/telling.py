"""A replay's results as JSON and as a table. Pure, but for the console it is given."""

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from dispatch.replay.compare import Difference, headline
from dispatch.replay.results import DIFFERENT, Row, StageResult, Status, effect
from kernel.domain.money import plain
from kernel.stream.stage import Emission

#: Differences of one input shown on a terminal; the JSON has all.
_SHOWN = 4


def to_document(results: Sequence[StageResult], settings: Sequence[str]) -> dict[str, Any]:
    """Return the whole replay as one JSON document."""
    return {
        "set": list(settings),
        "differences": sum(row.status in DIFFERENT for result in results for row in result.rows),
        "stages": [_stage_document(result) for result in results],
    }


def _stage_document(result: StageResult) -> dict[str, Any]:
    return {
        "stage": result.stage,
        "inputs": len(result.rows),
        **result.counts,
        "undecodable": result.undecodable,
        "digest": result.digest,
        "seconds": round(result.seconds, 3),
        "effect": asdict(effect(result.rows)),
        "rows": [_row_document(row) for row in result.rows],
    }


def _row_document(row: Row) -> dict[str, Any]:
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


def said(emissions: Sequence[Emission[Any]]) -> str | None:
    """Return answers in one line, or None for none."""
    return "; ".join(headline(e.message) for e in emissions) or None


def show(results: Sequence[StageResult], console: Console, limit: int) -> None:
    """Print each stage's sum, and its inputs that differ, at most `limit` of them."""
    for result in results:
        _show_rows(result, console, limit)
        _show_sum(result, console)


def _show_rows(result: StageResult, console: Console, limit: int) -> None:
    different = [row for row in result.rows if row.status in DIFFERENT]
    if not different:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("signal", "underlying", "", "then", "now", "what differs"):
        table.add_column(column, overflow="fold")
    for row in different[:limit]:
        table.add_row(
            row.message.meta.correlation_id[:8],
            row.underlying,
            row.status.value,
            said(row.recorded) or "-",
            said(row.replayed) or "-",
            row.note or _differences(row.differences),
        )
    console.print(table)
    if len(different) > limit:
        console.print(f"and {len(different) - limit} more; --json or --html shows all", markup=False)


def _show_sum(result: StageResult, console: Console) -> None:
    counts = ", ".join(
        f"{count} {name}" for name, count in result.counts.items() if count or name == Status.SAME
    )
    rate = len(result.rows) / result.seconds if result.seconds else 0
    console.print(
        f"[bold]{result.stage}[/bold]: {len(result.rows)} decisions in {result.seconds:.1f} s ({rate:,.0f}/s): {counts}"
    )
    if result.undecodable:
        console.print(f"  {result.undecodable} records are no messages and were left out")
    if result.differs:
        found = effect(result.rows)
        console.print(
            f"  {found.decisions_changed} decisions changed: {found.contracts_swapped} contracts swapped,"
            f" {found.now_refused} refused now, {found.now_accepted} accepted now"
        )
        moved = found.risk_usd_replayed - found.risk_usd_recorded
        if moved or found.risk_usd_recorded:
            console.print(
                f"  risk of those: ${found.risk_usd_recorded:,.2f} then, ${found.risk_usd_replayed:,.2f} now"
                f" ({'+' if moved >= 0 else '-'}${abs(moved):,.2f})"
            )
    console.print(f"  digest {result.digest[:16]}", style="dim", markup=False)


def _differences(found: Sequence[Difference]) -> str:
    shown = [f"{d.path}: {_plain(d.recorded)} → {_plain(d.replayed)}" for d in found[:_SHOWN]]
    more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "\n".join(shown + more)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
