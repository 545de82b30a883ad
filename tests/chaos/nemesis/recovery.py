"""How long a stage, the broker or the database kept signals waiting: pure."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.chaos.nemesis.facts import Written
from tests.chaos.nemesis.faults import Struck
from tests.chaos.nemesis.feed import Sent
from tests.chaos.nemesis.schedule import RECOVERED_FROM, Kind

#: By kind of fault, the seconds within which the next signal is to flow.
BOUND_S = {kind: 15.0 if kind is Kind.STAGE_KILL else 30.0 for kind in RECOVERED_FROM}
#: Signals due within so many seconds of a fault are those it may have held up.
_AFTER_S = 10.0
_TOPICS = {
    "signals": ("signals",),
    "selector": ("selections", "rejections"),
    "sizer": ("tickets", "rejections"),
    "executor": ("executions", "rejections"),
}


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from a fault until the first signal due after it was through the stage, and until the last of those due
    within ten seconds of it was; None: that never came. `alone`: no other fault stood within them.
    """

    kind: Kind
    target: str
    at_s: float
    next_s: float | None
    last_s: float | None
    alone: bool

    @property
    def in_time(self) -> bool:
        """Whether the next signal flowed within the bound."""
        return self.next_s is not None and self.next_s <= BOUND_S[self.kind]


def recoveries(struck: Sequence[Struck], log: Sequence[Written], sent: Sequence[Sent]) -> list[Recovery]:
    """Return how each fault that has a bound was got over."""
    through = {stage: _first_through(stage, log) for stage in _TOPICS}
    by_due = sorted((each.due_at, each.signal_id) for each in sent if each.signal_id)
    found = []
    for each in struck:
        if each.fault.kind in BOUND_S:
            # All stages need broker and database: the signal has to come through the last of them.
            stage = each.fault.target.partition("-")[0]
            waits = _waits(each.began_at, through.get(stage, through["executor"]), by_due)
            found.append(
                Recovery(
                    kind=each.fault.kind,
                    target=each.fault.target,
                    at_s=each.fault.at_s,
                    next_s=min(waits, default=None),
                    last_s=max(waits, default=None),
                    alone=_is_alone(each, struck, max(waits, default=_AFTER_S)),
                )
            )
    return found


def _first_through(stage: str, log: Sequence[Written]) -> dict[str, datetime]:
    """Return by signal when a stage had first written of it; a no of an earlier stage is none of its own."""
    first: dict[str, datetime] = {}
    for written in log:
        meta = written.message.meta
        if written.topic in _TOPICS[stage] and meta.stage == stage:
            before = first.get(meta.correlation_id)
            if before is None or written.written_at < before:
                first[meta.correlation_id] = written.written_at
    return first


def _waits(
    began_at: datetime, through: dict[str, datetime], by_due: list[tuple[datetime, str]]
) -> list[float]:
    start = bisect_left(by_due, (began_at, ""))
    waits = []
    for due_at, signal_id in by_due[start:]:
        if due_at > began_at + timedelta(seconds=_AFTER_S):
            break
        if signal_id in through:
            waits.append(round((through[signal_id] - began_at).total_seconds(), 2))
    return waits


def _is_alone(one: Struck, struck: Sequence[Struck], within_s: float) -> bool:
    until = one.began_at + timedelta(seconds=max(within_s, 0.0))
    others = (each for each in struck if each is not one)
    return not any(each.began_at <= until and each.ended_at >= one.began_at for each in others)
