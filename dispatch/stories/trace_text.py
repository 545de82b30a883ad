"""A trace for a terminal.

Entry point: `show_trace`.
"""

from rich.console import Console
from rich.table import Column, Table

from dispatch.candidate_view import terminal_table
from dispatch.stories.durations import market_clock, span_text
from dispatch.stories.telling import Step, summary
from dispatch.stories.timing import Timing
from dispatch.stories.trace import Trace
from dispatch.stories.why import Why


def show_trace(trace: Trace, out: Console) -> None:
    """Print a trace: its end first, then where the time went, each step, and why it went so."""
    out.print(f"[bold]{trace.story.signal_id}[/bold]  {trace.story.fate.value}")
    out.print(summary(trace.story), markup=False)
    for line in trace.oddities:
        out.print(f"! {line}", style="yellow", markup=False)
    _show_timing(trace.timing, out)
    _show_origins(trace, out)
    for step in trace.steps:
        _show_step(step, out)
    for why in trace.whys:
        _show_why(why, out)


def _show_timing(timing: Timing, out: Console) -> None:
    if not timing.spans or timing.whole is None:
        return
    right = [
        Column(name, justify="right") for name in ("wall clock", "market time", "to its evidence (wall)")
    ]
    table = Table("time", *right, box=None, padding=(0, 2))
    for span in timing.spans:
        seen = "" if span.evidence_ms is None else span_text(span.evidence_ms)
        table.add_row(span.name, span_text(span.wall_ms), span_text(span.market_ms), seen)
    for name, total in (("signal to order", timing.to_order), ("first message to last", timing.whole)):
        if total is not None:
            table.add_row(name, span_text(total.wall_ms), span_text(total.market_ms), "", style="bold")
    out.print()
    out.print(table)


def _show_origins(trace: Trace, out: Console) -> None:
    out.print()
    table = Table(
        "stage", "code revision", "parameters", Column("messages", justify="right"), box=None, padding=(0, 2)
    )
    for origin in trace.origins:
        table.add_row(
            origin.stage, ", ".join(origin.revisions), ", ".join(origin.config_hashes), str(origin.messages)
        )
    out.print(table)


def _show_step(step: Step, out: Console) -> None:
    chapter, meta = step.chapter, step.chapter.message.meta
    out.print(
        f"\n{market_clock(meta.occurred_at)} market, +{step.after_ms:.0f} ms wall  ", end="", markup=False
    )
    out.print(step.headline, style="bold", markup=False)
    for line in step.lines:
        out.print(f"    {line}", markup=False)
    out.print(
        f"    topic {chapter.topic}, partition {chapter.partition}, offset {chapter.offset};"
        f" {meta.stage} revision {meta.revision}, parameters {meta.config_hash}",
        style="dim",
        markup=False,
    )


def _show_why(why: Why, out: Console) -> None:
    if not (why.lines or why.warnings or why.shortlists or why.size or why.times):
        return
    out.print(f"\n{why.title} ({why.stage})", style="bold", markup=False)
    for warning in why.warnings:
        out.print(f"  ! {warning}", style="yellow", markup=False)
    for line in why.lines:
        out.print(f"  {line}", markup=False)
    for name, at in why.times:
        out.print(f"  {market_clock(at)} market  {name}", markup=False)
    if why.size is not None:
        for bound in why.size.bounds:
            mark = "<- binds" if bound == why.size.binding else ""
            out.print(f"  {bound.contracts:>6}  {bound.formula}  {mark}", markup=False)
    for shortlist in why.shortlists:
        out.print(f"  {shortlist.title}:", markup=False)
        out.print(terminal_table(shortlist.candidates, shortlist.chosen))
