"""A trace as one HTML file: what became of a signal, why, and how long it took. Pure.

Entry point: `trace_page`. The parts about decisions are in trace_decisions.py.
"""

from decimal import Decimal

from dispatch.console import to_json
from dispatch.html import (
    Content,
    Html,
    Tone,
    badge,
    bar,
    cards,
    code,
    details,
    facts,
    join,
    note,
    page,
    section,
    table,
    tag,
)
from dispatch.stories.durations import market_clock, span_text, wall_clock
from dispatch.stories.story import Fate, Story
from dispatch.stories.telling import Step, in_order, summary
from dispatch.stories.timing import Timing
from dispatch.stories.trace import Trace
from dispatch.stories.trace_decisions import decision_sections
from dispatch.stories.trace_json import step_json
from kernel.contracts.messages import Execution, Signal

_TONES: dict[Fate, Tone] = {
    Fate.FILLED: "good",
    Fate.REJECTED: "bad",
    Fate.ENDED_UNFILLED: "warn",
    Fate.WORKING: "plain",
    Fate.PENDING: "plain",
}
_Card = tuple[str, Content, Content]
_CLOCKS = (
    "Two clocks: wall clock is when a message was written to its topic, as its writer's machine tells; market time is"
    " the venue's, which a simulated market may run faster. Differences are of one clock, never across the two."
)


def trace_page(trace: Trace) -> str:
    """Return the document."""
    story = trace.story
    idea = next((c.message.idea for c in in_order(story) if isinstance(c.message, Signal)), None)
    rejected = story.fate is Fate.REJECTED  # then one asks why first
    title = f"{idea.underlying} {idea.direction} {idea.strategy}" if idea else "A signal"
    return page(
        f"{title}: {_fate(story)}",
        _cards(trace),
        *(note(line, tone="warn") for line in trace.oddities),
        *(() if rejected else (_timing(trace.timing), _signal(story))),
        *decision_sections(trace),
        _order(story),
        *((_signal(story), _timing(trace.timing)) if rejected else ()),
        _origins(trace),
        _messages(trace),
        lead=join(
            tag("p", badge(_fate(story), _TONES[story.fate]), " ", _end(story)),
            tag("p", "signal ", code(story.signal_id)),
        ),
        footer=_CLOCKS,
    )


def _end(story: Story) -> str:
    """The no itself stands right below, with its reasons."""
    no = story.rejection
    if story.fate is Fate.REJECTED and no is not None:
        return f"No order: the {no.meta.stage} said {no.code.value}"
    return summary(story)


def _fate(story: Story) -> str:
    return story.fate.value.replace("_", " ")


def _cards(trace: Trace) -> Html:
    story = trace.story
    figures = [*_speed(trace.timing), *_looked_at(story)]
    selection, ticket = story.selection, story.ticket
    if selection is not None:
        best_of = f"best of {selection.qualified} that qualify"
        figures.append(("quality score", f"{selection.score.total:.1f}", best_of))
        figures.append(("spread", f"{selection.spread_pct:.2f}%", f"mid ${selection.mid:.3f}"))
    if ticket is not None:
        figures.append(("contracts", str(ticket.contracts), f"bound by {_words(ticket.bound_by)}"))
        figures.append(("at risk", f"${ticket.total_risk_usd:,.2f}", f"tier {ticket.account.tier}"))
    return cards(*figures, *_slippage(story))


def _speed(timing: Timing) -> list[_Card]:
    span, end = (timing.to_order, "order") if timing.to_order else (timing.whole, "answer")
    if span is None:
        return []
    market = f"{span_text(span.market_ms)} of market time"
    return [(f"signal to {end}, wall clock", span_text(span.wall_ms), market)]


def _looked_at(story: Story) -> list[_Card]:
    figures = story.rejection.figures if story.rejection else {}
    if "candidates" not in figures:
        return []
    return [("contracts looked at", figures["candidates"], f"{figures.get('qualified', '?')} qualify")]


def _slippage(story: Story) -> list[_Card]:
    ticket, steps = story.ticket, story.executions
    if ticket is None or not steps or steps[-1].average_fill_price is None:
        return []
    paid = steps[-1].average_fill_price
    return [("fill against the mid", _signed(paid - ticket.mid), f"${paid:.2f} paid per share")]


def _timing(timing: Timing) -> Html | None:
    if not timing.spans or timing.whole is None:
        return None
    whole, begin = timing.whole.wall_ms, timing.whole.begin.written_at
    rows: list[tuple[Content, ...]] = [
        (
            span.name,
            bar(span.wall_ms, whole, start=(span.begin.written_at - begin).total_seconds() * 1000),
            span_text(span.wall_ms),
            span_text(span.market_ms),
            "" if span.evidence_ms is None else span_text(span.evidence_ms),
        )
        for span in timing.spans
    ]
    rows.append(("together", None, span_text(whole), span_text(timing.whole.market_ms), None))
    head = ("who", "when", "wall clock", "market time", "to its evidence (wall)")
    return section("Where the time went", table(head, rows, right=(2, 3, 4), marked=(len(rows) - 1,)))


def _signal(story: Story) -> Html | None:
    signal = story.signal
    if signal is None:
        return None
    idea = signal.idea
    prices = (
        ("reference", idea.reference_price),
        ("stop", idea.stop_price),
        ("target", idea.target_price),
        ("ATR", idea.atr),
    )
    return section(
        "The signal",
        facts(
            ("underlying", idea.underlying),
            ("direction", idea.direction.value),
            ("strategy", idea.strategy.value),
            ("from", signal.source.value),
            ("setup", signal.setup),
            ("sender's id", signal.external_id),
            ("arose, market time", market_clock(signal.meta.occurred_at)),
            ("good until, market time", market_clock(idea.expires_at)),
            *((name, None if price is None else f"${price:.2f}") for name, price in prices),
        ),
    )


def _order(story: Story) -> Html | None:
    steps = [c for c in in_order(story) if isinstance(c.message, Execution)]
    if not steps:
        return None
    begin = steps[0].written_at
    rows: list[tuple[Content, ...]] = []
    for chapter in steps:
        m = chapter.message
        assert isinstance(m, Execution)
        price = "" if m.average_fill_price is None else f"${m.average_fill_price:.2f}"
        slippage = "" if m.slippage_usd is None else f"${m.slippage_usd:.2f}"
        since = f"+{span_text((chapter.written_at - begin).total_seconds() * 1000)}"
        venue = "" if m.venue_at is None else market_clock(m.venue_at)
        rows.append(
            (
                m.status.value,
                since,
                market_clock(m.meta.occurred_at),
                venue,
                m.attempt or 1,
                f"${m.limit_price:.2f}",
                f"{m.filled_contracts} of {m.contracts}",
                price,
                slippage,
                m.reason,
            )
        )
    last = story.executions[-1]
    return section(
        "The order's life",
        facts(
            ("limit, per share", f"${last.limit_price:.2f}"),
            ("notional", f"${last.notional_usd:,.2f}"),
            ("our order id", code(last.client_order_id)),
            ("venue's order id", None if last.venue_order_id is None else code(last.venue_order_id)),
        ),
        table(
            (
                "status",
                "wall clock",
                "our time (market)",
                "venue says (market)",
                "attempt",
                "limit",
                "filled",
                "price",
                "slippage",
                "reason",
            ),
            rows,
            right=(1, 4, 5, 6, 7, 8),
        ),
    )


def _origins(trace: Trace) -> Html:
    rows = [
        (o.stage, code(", ".join(o.revisions)), code(", ".join(o.config_hashes)), o.messages)
        for o in trace.origins
    ]
    return section(
        "Who decided, with what",
        table(("stage", "code revision", "parameters", "messages"), rows, right=(3,)),
    )


def _messages(trace: Trace) -> Html:
    rows = [
        (
            i,
            wall_clock(step.chapter.written_at),
            f"+{span_text(step.after_ms)}",
            market_clock(step.chapter.message.meta.occurred_at),
            step.headline,
            _place(step),
        )
        for i, step in enumerate(trace.steps, start=1)
    ]
    head = ("#", "written (wall clock)", "after", "market time", "message", "where")
    return section("Every message", table(head, rows, right=(0, 2)), *map(_message, trace.steps))


def _message(step: Step) -> Html:
    lines = tag("ul", *(tag("li", line) for line in step.lines)) if step.lines else None
    return details(
        f"{step.chapter.message.meta.stage}: {step.headline}",
        lines,
        code(to_json(step_json(step)).decode(), block=True),
    )


def _place(step: Step) -> str:
    chapter = step.chapter
    return f"{chapter.topic}/{chapter.partition}@{chapter.offset}"


def _signed(amount: Decimal) -> str:
    return f"{'−' if amount < 0 else '+'}${abs(amount):.3f}"


def _words(name: str) -> str:
    return name.replace("_", " ")
