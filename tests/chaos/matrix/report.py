"""The page of the crash matrix: every cell with its result, the stories behind them, and why the others cannot be."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from tests.chaos.matrix.cells import Boundary, Cell, Impossible, Outcome, Way, way_of
from tests.chaos.matrix.referee import Verdict

_MARKS = {Way.STRIKE: "struck", Way.KILL: "killed", Way.PAUSE: "paused"}


def page(verdicts: Sequence[Verdict], took_s: float) -> str:
    """Return the page in Markdown."""
    found = {(v.cell.boundary, v.cell.outcome): v for v in verdicts}
    held = sum(not v.wrong for v in verdicts)
    return "\n".join(
        [
            "# Crash matrix",
            "",
            "Written by `make chaos-matrix`; do not edit. What each row and column means, and how a cell is run, is in",
            "[tests/chaos/matrix](../../tests/chaos/matrix/README.md).",
            "",
            f"{held} of {len(verdicts)} possible cells held, in {took_s:.0f} s: one order at the venue, a settled ledger,",
            "whole executions on the topic, the reservation released, the offset committed, no dead letter, no hand.",
            "",
            *_table(found),
            "",
            "**struck**: the process lives on. **killed**: `kill -9` there, then started again; in a column of the venue,",
            "after the request met that answer. **paused**: stopped there beyond the session time-out; another worker",
            "finishes, then the first wakes. A number is a reason below.",
            "",
            "## Cells that cannot be",
            "",
            *(f"{number}. {reason}" for number, reason in enumerate(_reasons(), start=1)),
            "",
            "## What became of each order",
            "",
            "The ledger's steps of this run, and how many requests the venue saw. Which worker comes first is chance, so",
            "another run may take another way to the same end.",
            "",
            *_stories(verdicts),
            "",
        ]
    )


def _table(found: Mapping[tuple[Boundary, Outcome], Verdict]) -> list[str]:
    reasons = _reasons()
    rows = [
        f"| {boundary} | "
        + " | ".join(_mark(boundary, outcome, found, reasons) for outcome in Outcome)
        + " |"
        for boundary in Boundary
    ]
    return ["| | " + " | ".join(Outcome) + " |", "| --- |" + " --- |" * len(Outcome), *rows]


def _mark(
    boundary: Boundary,
    outcome: Outcome,
    found: Mapping[tuple[Boundary, Outcome], Verdict],
    reasons: Sequence[str],
) -> str:
    way = way_of(boundary, outcome)
    if isinstance(way, Impossible):
        return str(reasons.index(way.reason) + 1)
    verdict = found.get((boundary, outcome))
    if verdict is None:
        return "not run"
    return f"**FAILED** ({_MARKS[way]})" if verdict.wrong else _MARKS[way]


def _reasons() -> list[str]:
    ways = (way_of(boundary, outcome) for boundary in Boundary for outcome in Outcome)
    return list(dict.fromkeys(way.reason for way in ways if isinstance(way, Impossible)))


def _stories(verdicts: Sequence[Verdict]) -> list[str]:
    def story(verdict: Verdict) -> str:
        steps = " → ".join(step.lower() for step in verdict.steps) or "no step"
        requests = "1 request" if verdict.requests == 1 else f"{verdict.requests} requests"
        return f"{steps}; {requests} seen by the venue" + "".join(f"; **{wrong}**" for wrong in verdict.wrong)

    lines = ["| steps | cells |", "| --- | --- |"]
    for told, group in groupby(sorted(verdicts, key=story), key=story):
        lines.append(f"| {told} | {', '.join(_name(v.cell) for v in group)} |")
    return lines


def _name(cell: Cell) -> str:
    return f"{cell.boundary} × {cell.outcome}"
