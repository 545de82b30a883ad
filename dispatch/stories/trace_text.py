"""A trace for a terminal.

Entry point: `show_trace`.
"""

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from dispatch.candidate_view import terminal_table
from dispatch.plain import visible
from dispatch.stories.durations import market_clock, span_text
from dispatch.stories.telling import Step, summary
from dispatch.stories.timing import Timing
from dispatch.stories.trace import Trace
from dispatch.stories.why import Why


def show_trace(trace: Trace, out: Console) -> None:
    """Print a trace: its end first, then where the time went, each step, and why it went so."""
    _say(out, f"{trace.story.signal_id}  {trace.story.fate.value}", style="bold")
    _say(out, summary(trace.story))
    for line in trace.oddities:
        _say(out, f"! {line}", style="yellow")
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
        table.add_row(Text(visible(span.name)), span_text(span.wall_ms), span_text(span.market_ms), seen)
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
        signed = (origin.stage, ", ".join(origin.revisions), ", ".join(origin.config_hashes))
        table.add_row(*(Text(visible(text)) for text in signed), str(origin.messages))
    out.print(table)


def _show_step(step: Step, out: Console) -> None:
    chapter, meta = step.chapter, step.chapter.message.meta
    out.print()
    _say(out, f"{market_clock(meta.occurred_at)} market, +{step.after_ms:.0f} ms wall  ", end="")
    _say(out, step.headline, style="bold")
    for line in step.lines:
        _say(out, f"    {line}")
    where = f"topic {chapter.topic}, partition {chapter.partition}, offset {chapter.offset}"
    _say(
        out, f"    {where}; {meta.stage} revision {meta.revision}, parameters {meta.config_hash}", style="dim"
    )


def _show_why(why: Why, out: Console) -> None:
    if not (why.lines or why.warnings or why.shortlists or why.size or why.times):
        return
    out.print()
    _say(out, f"{why.title} ({why.stage})", style="bold")
    for warning in why.warnings:
        _say(out, f"  ! {warning}", style="yellow")
    for line in why.lines:
        _say(out, f"  {line}")
    for name, at in why.times:
        _say(out, f"  {market_clock(at)} market  {name}")
    if why.size is not None:
        for bound in why.size.bounds:
            mark = "  <- binds" if bound == why.size.binding else ""
            _say(out, f"  {bound.contracts:>6}  {bound.formula}{mark}")
    for shortlist in why.shortlists:
        _say(out, f"  {shortlist.title}:")
        out.print(terminal_table(shortlist.candidates, shortlist.chosen))


def _say(out: Console, text: str, *, style: str = "", end: str = "\n") -> None:
    """Print a line as it is: nothing in it is markup, and a terminal has nothing to obey."""
    out.print(Text(visible(text), style=style), end=end)
