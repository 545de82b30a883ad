"""A shadow's report as one HTML file. Pure.

Entry point: `shadow_page`.
"""

from collections.abc import Iterable

from dispatch.html import Html, badge, cards, code, facts, join, note, page, section, tag
from dispatch.replay.report.figures import shown
from dispatch.replay.report.html_filter import STYLE, Filter, filter_bar, filter_style
from dispatch.replay.report.html_row import change_of, html_row
from dispatch.replay.results import Status
from dispatch.shadow.found import Found
from dispatch.shadow.telling import SIDES, percent, remarks, verdict, who
from kernel.domain.params import ScoringParams

#: More buttons than this are no help.
_MOST_CHOICES = 24


def shadow_page(found: Found, scoring: ScoringParams) -> str:
    """Return the whole report; `scoring` is the scale scores are drawn on."""
    filters = _filters(found)
    nothing = found.tally.agreement_pct is None
    tone = badge(verdict(found), "warn" if nothing else "good" if found.holds else "bad")
    return page(
        f"Shadow: {found.names.stage}",
        _who(found),
        _sum(found),
        *_differing(found, filters, scoring),
        lead=tone,
        footer=f"dispatch shadow, {shown(found.until.replace(microsecond=0))}. Nothing was traded.",
        style=STYLE + filter_style(filters),
    )


def _who(found: Found) -> Html:
    return section(
        "Who was compared",
        facts(
            *who(found),
            ("set", ", ".join(found.settings) or None),
            ("from", shown(found.since.replace(microsecond=0))),
            ("to", shown(found.until.replace(microsecond=0))),
            ("written to", join(*map(code, found.topics), between=", ")),
            ("group", code(found.names.group)),
        ),
    )


def _sum(found: Found) -> Html:
    tally = found.tally
    return section(
        "Agreement",
        cards(
            ("agreement", percent(tally.agreement_pct), f"at least {found.minimum_pct:g} % asked for"),
            *(
                (status.value, tally.counts[status], None)
                for status in Status
                if tally.counts[status] or status is Status.SAME
            ),
        ),
        *(tag("p", line) for line in remarks(found)),
        aside=f"{tally.compared} decisions",
    )


def _filters(found: Found) -> list[Filter]:
    rows = found.tally.differing
    each = (
        Filter("change", "what changed", [change_of(row).value for row in rows]),
        Filter("underlying", "underlying", [row.underlying for row in rows]),
    )
    return [one for one in each if 1 < len(one.choices) <= _MOST_CHOICES]


def _differing(found: Found, filters: list[Filter], scoring: ScoringParams) -> Iterable[Html]:
    rows = found.tally.differing
    if not rows:
        return
    left_out = found.tally.disagreed - len(rows)
    told = [
        html_row(row, scoring, SIDES, " ".join(["row", *(each.class_of(each.values[i]) for each in filters)]))
        for i, row in enumerate(rows)
    ]
    yield section(
        f"The {'first ' if left_out else ''}{len(rows)} that differ",
        *map(filter_bar, filters),
        tag("p", "None is both.", class_="nothing"),
        *told,
        note(f"{left_out} more differ and are only counted.", tone="warn") if left_out else None,
    )
