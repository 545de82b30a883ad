"""A replay as one HTML file: what was asked, what differs, in sum and input by input. Pure.

Entry point: `replay_page`.
"""

from collections.abc import Iterable, Sequence

from dispatch.html import Content, Html, badge, cards, code, facts, join, note, page, section, table, tag
from dispatch.replay.report.asked import Asked, range_text
from dispatch.replay.report.figures import shown
from dispatch.replay.report.html_filter import STYLE, Filter, filter_bar, filter_style
from dispatch.replay.report.html_row import change_of, html_row
from dispatch.replay.report.telling import against_lines
from dispatch.replay.results import DIFFERENT, Row, StageResult, Status, effect
from dispatch.replay.signatures import decided_by, others_text

#: More buttons than this are no help.
_MOST_CHOICES = 24


def replay_page(results: Sequence[StageResult], asked: Asked) -> str:
    """Return the whole report."""
    filters = {result.stage: _filters(result) for result in results}
    total, decided = sum(len(result.rows) for result in results), sum(result.decided for result in results)
    differing = sum(row.status in DIFFERENT for result in results for row in result.rows)
    verdict = (
        badge(f"{differing} of {total} inputs differ", "bad")
        if differing
        else badge(f"all {decided} decisions are the same", "good")
        if decided
        else badge("there was nothing to decide", "warn")
    )
    return page(
        f"Replay: {', '.join(asked.stages)}",
        _asked(asked),
        *(_stage(result, asked, filters[result.stage]) for result in results),
        lead=verdict,
        footer=f"dispatch replay, {shown(asked.at.replace(microsecond=0))}. Nothing was traded.",
        style=STYLE + "\n".join(filter_style(each) for each in filters.values()),
    )


def _asked(asked: Asked) -> Html:
    changed = asked.parameters_changed
    rows = [(code(path), shown(then), shown(now)) for path, then, now in changed]
    return section(
        "What was asked",
        facts(
            ("range", range_text(asked.span)),
            ("log", asked.log),
            ("revision now", code(asked.revision)),
            ("parameters now", "each decision its own" if asked.of_then else code(asked.params.config_hash)),
        )
        if asked.against is None
        else facts(("range", range_text(asked.span)), ("log", asked.log), *against_lines(asked.against)),
        table(("parameter changed", "in the file", "here"), rows, right=(1, 2))
        if rows
        else tag("p", "No parameter was changed."),
    )


def _stage(result: StageResult, asked: Asked, filters: Sequence[Filter]) -> Html:
    rate = len(result.rows) / result.seconds if result.seconds else 0
    return section(
        result.stage,
        cards(
            *(
                (name.replace("_", " "), count, None)
                for name, count in result.counts.items()
                if count or name == Status.SAME
            )
        ),
        *_effect(result),
        *_others(result, asked),
        *_remarks(result),
        facts(
            ("revision then", _signed(result.rows, "revision")),
            ("parameters then", _signed(result.rows, "config_hash")),
            ("decided", f"{result.decided} of {len(result.rows)} in {result.seconds:.1f} s, {rate:,.0f}/s"),
        ),
        tag("p", "digest of what was decided now: ", code(result.digest)),
        *_differing(result, asked, filters),
        aside=f"{len(result.rows)} inputs",
    )


def _effect(result: StageResult) -> Iterable[Html]:
    if not result.differs:
        return
    found = effect(result.rows)
    yield tag("h3", "What it means")
    then, now = found.risk_usd_recorded, found.risk_usd_replayed
    move = f"{'+' if now >= then else '-'}${abs(now - then):,.2f}"
    figures: list[tuple[str, Content, Content]] = [
        ("decisions changed", found.decisions_changed, f"of {len(result.rows)}"),
        ("contracts swapped", found.contracts_swapped, None),
        ("refused now", found.now_refused, None),
        ("accepted now", found.now_accepted, None),
    ]
    if found.not_decided:
        figures.append(("not decided", found.not_decided, "their answer is not known"))
    if then or now:
        figures.append(("risk then → now", f"${then:,.0f} → ${now:,.0f}", f"{move}, of those that differ"))
    yield cards(*figures)


def _remarks(result: StageResult) -> Iterable[Html]:
    if result.left:
        yield note(f"Stopped before the end: {result.left} more inputs were not decided.", tone="warn")
    if result.undecodable:
        yield note(f"{result.undecodable} records are no messages and were left out.", tone="warn")
    pending = result.counts[Status.PENDING]
    if pending:
        yield note(f"{pending} inputs had no answer yet when the log was read.")


def _others(result: StageResult, asked: Asked) -> Iterable[Html]:
    others = None if asked.deciding is None else others_text(decided_by(result.rows), asked.deciding)
    if others is not None:
        yield note(f"{others[0].upper()}{others[1:]}.", tone="warn")


def _signed(rows: Iterable[Row], field: str) -> Content:
    """Return who answered then: the revisions or parameters of the recorded messages."""
    signatures = sorted({getattr(e.message.meta, field) for row in rows for e in row.recorded})
    return join(*map(code, signatures), between=", ") if signatures else None


def _filters(result: StageResult) -> list[Filter]:
    rows = _different(result)
    found = (
        Filter(f"{result.stage}-c", "what changed", [change_of(row).value for row in rows]),
        Filter(f"{result.stage}-u", "underlying", [row.underlying for row in rows]),
    )
    return [each for each in found if 1 < len(each.choices) <= _MOST_CHOICES]


def _differing(result: StageResult, asked: Asked, filters: Sequence[Filter]) -> Iterable[Html]:
    rows = _different(result)
    if not rows:
        return
    yield tag("h3", f"The {len(rows)} that differ")
    yield from map(filter_bar, filters)
    yield tag("p", "None is both.", class_="nothing")
    sides = ("then", "now") if asked.against is None else ("this code", asked.against.label)
    for i, row in enumerate(rows):
        classes = ["row", *(each.class_of(each.values[i]) for each in filters)]
        yield html_row(row, asked.params.selector.scoring, sides, " ".join(classes))


def _different(result: StageResult) -> list[Row]:
    return [row for row in result.rows if row.status in DIFFERENT]
