"""Two replays of the same inputs, one against the other: what this code decides, what another revision decides. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dispatch.replay.compare import differences
from dispatch.replay.elsewhere.remote import Introduction
from dispatch.replay.results import DIFFERENT, Row, StageResult, Status

_NOT_COMPARED = frozenset({Status.UNRECORDED, Status.FAILED, Status.PENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """Who was compared: this code, and the other that `label` names, each as it says of itself."""

    label: str
    here: Introduction
    there: Introduction


def versus(here: Sequence[StageResult], there: Sequence[StageResult]) -> list[StageResult]:
    """Return, stage by stage, rows that hold this code's answer as `recorded` and the other's as `replayed`."""
    return [_stage(one, other) for one, other in zip(here, there, strict=True)]


def _stage(here: StageResult, there: StageResult) -> StageResult:
    ours = {row.message.meta.id: row for row in here.rows}
    theirs = {row.message.meta.id: row for row in there.rows}
    compared = theirs if there.left else ours | theirs  # one that was halted says nothing of the rest
    rows = [_row(ours.get(input_id), theirs.get(input_id)) for input_id in compared]
    return replace(there, rows=rows, seconds=here.seconds + there.seconds)


def _row(here: Row | None, there: Row | None) -> Row:
    """In a chain one revision may be given what the other is not."""
    given = there or here
    assert given is not None
    recorded, replayed = here.replayed if here else (), there.replayed if there else ()
    found = differences(recorded, replayed) if recorded and replayed else ()
    undecided = [row.status for row in (there, here) if row is not None and row.status in _NOT_COMPARED]
    if undecided:
        status = next((each for each in undecided if each in DIFFERENT), undecided[0])
    elif recorded and replayed:
        status = Status.CHANGED if found else Status.SAME
    elif recorded or replayed:
        status = Status.MISSING if recorded else Status.EXTRA
    else:
        status = Status.PASSED_ON
    notes = [row.note for row in (there, here) if row is not None and row.note is not None]
    return replace(
        given,
        recorded=recorded,
        replayed=replayed,
        status=status,
        differences=found,
        note=notes[0] if notes else None,
    )
