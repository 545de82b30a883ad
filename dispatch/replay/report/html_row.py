"""One differing input of a report: folded to a line, unfolded to figures, arithmetic and score parts. Pure."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from dispatch.html import Content, Html, Tone, badge, bar, code, facts, join, note, table, tag
from dispatch.replay.compare import Difference
from dispatch.replay.report.figures import moved, shown
from dispatch.replay.report.step_view import told
from dispatch.replay.report.telling import said
from dispatch.replay.results import Effect, Row, Status, effect
from kernel.contracts.messages import Rejection, Selection, Ticket
from kernel.contracts.parts import QualityScore
from kernel.domain.params import ScoringParams
from kernel.stream.stage import Emission


class Change(StrEnum):
    """What a difference means to a trader."""

    REFUSED = "refused now"
    ACCEPTED = "accepted now"
    SWAPPED = "another contract"
    FIGURES = "other figures"
    MISSING = "no answer now"
    EXTRA = "an answer only now"
    UNRECORDED = "not recorded"
    FAILED = "cannot be decided"


_BY_STATUS = {
    Status.MISSING: Change.MISSING,
    Status.EXTRA: Change.EXTRA,
    Status.UNRECORDED: Change.UNRECORDED,
    Status.FAILED: Change.FAILED,
}
_TONES: dict[Change, Tone] = {
    Change.REFUSED: "bad",
    Change.ACCEPTED: "good",
    Change.UNRECORDED: "warn",
    Change.FAILED: "bad",
}


def change_of(row: Row) -> Change:
    """Return what a differing row means."""
    if row.status in _BY_STATUS:
        return _BY_STATUS[row.status]
    found: Effect = effect([row])
    if found.now_refused:
        return Change.REFUSED
    if found.now_accepted:
        return Change.ACCEPTED
    return Change.SWAPPED if found.contracts_swapped else Change.FIGURES


def html_row(row: Row, scoring: ScoringParams, sides: tuple[str, str], class_: str) -> Html:
    """Return a differing input, folded; `sides` names its two answers, `class_` is what filters know it by."""
    change = change_of(row)
    meta = row.message.meta
    head = join(
        code(meta.correlation_id[:8]),
        tag("b", row.underlying),
        badge(change.value, _TONES.get(change, "plain")),
        tag("span", _answers(row), class_="answers"),
    )
    place = None if row.offset is None else f"partition {row.partition}, offset {row.offset}"
    body = join(
        None if row.note is None else note(row.note, tone="warn"),
        _figures(row.differences, sides),
        _scores(row, scoring, sides),
        _arithmetic(row, sides),
        facts(("signal", code(meta.correlation_id)), ("input", code(meta.id)), ("in the log", place)),
    )
    return tag("details", tag("summary", head), body, class_=class_)


def _answers(row: Row) -> Content:
    then, now = said(row.recorded) or "nothing", said(row.replayed) or "nothing"
    return f"{then}, in other figures" if then == now else join(then, " → ", now)


def _figures(differences: Sequence[Difference], sides: tuple[str, str]) -> Html | None:
    rows = [
        (code(d.path), shown(d.recorded), shown(d.replayed), moved(d.recorded, d.replayed))
        for d in differences
        if d.path != "answer"
    ]
    return table(("figure", *sides, "moved"), rows, right=(1, 2, 3)) if rows else None


def _scores(row: Row, scoring: ScoringParams, sides: tuple[str, str]) -> Html | None:
    """Return the parts of the scores then and now, side by side; None where neither answer has one."""
    then, now = _score(row.recorded), _score(row.replayed)
    if then == now:
        return None
    points = {
        "spread": scoring.spread_points,
        "volume": scoring.volume_points,
        "delta": scoring.delta_points,
        "distance": scoring.distance_points,
        "total": sum(
            (scoring.spread_points, scoring.volume_points, scoring.delta_points, scoring.distance_points)
        ),
    }
    rows = [
        (name, *_part(then, name, scale), *_part(now, name, scale))
        for name, most in points.items()
        for scale in [max(most, *(getattr(score, name) for score in (then, now) if score is not None))]
    ]
    head = ("score", sides[0], "", sides[1], "")
    return table(head, rows, right=(1, 3), marked=(len(rows) - 1,))


def _part(score: QualityScore | None, name: str, scale: float) -> tuple[Content, Content]:
    if score is None:
        return "-", None
    value: float = getattr(score, name)
    return f"{value:.1f}", bar(value, scale)


def _score(emissions: Sequence[Emission[Any]]) -> QualityScore | None:
    """Return the score an answer was given on; a refusal for its score has it among its figures."""
    answer = emissions[0].message if emissions else None
    if isinstance(answer, (Selection, Ticket)):
        return answer.score
    if not isinstance(answer, Rejection):
        return None
    told = {name: answer.figures.get(f"score_{name}") for name in QualityScore.model_fields}
    try:
        return QualityScore.model_validate(told)
    except ValidationError:  # a refusal for another reason
        return None


def _arithmetic(row: Row, sides: tuple[str, str]) -> Html:
    """Return both answers as a story tells them; folded where the figures say it already."""
    answers = zip(sides, (row.recorded, row.replayed), strict=True)
    figures = any(d.path != "answer" for d in row.differences)
    return tag(
        "details",
        tag("summary", "the arithmetic of both"),
        tag("div", *(_side(name, emissions) for name, emissions in answers), class_="sides"),
        open=None if figures else "",
    )


def _side(name: str, emissions: Sequence[Emission[Any]]) -> Html:
    answers = [told(emission.message) for emission in emissions]
    paragraphs = [
        tag("p", tag("b", headline), *(join(tag("br"), line) for line in lines))
        for headline, lines in answers
    ]
    return tag("div", tag("h3", name), *(paragraphs or [tag("p", "nothing")]))
