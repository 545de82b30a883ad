"""`--step`, `--until`, `--break`: a replay that halts, shows a decision and asks what next.

1. It halts after a decision: where `--until` is reached, where `--break` is true, and with `--step` alone at the first.
2. Halted before a terminal it waits for Enter (the next decision), `c` (on to where `--break` is true, or to the end)
   or `q` (stop). Without a terminal the place it halts at is where it ends.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.replay.debug.conditions import Condition
from dispatch.replay.debug.shapes import Shape, shape_of
from dispatch.replay.history import Input
from dispatch.replay.observing import Taken
from dispatch.replay.results import Status
from dispatch.replay.span import parse_moment
from kernel.contracts.messages import Evidence
from kernel.domain.errors import ConfigError
from kernel.stream.replaying import Replay

_TIME = re.compile(r"^(\d+[smhd]|\d{4}-\d\d-\d\d.*|.*:.*)$")


@dataclass(frozen=True, slots=True)
class Place:
    """The first input of a signal (by the beginning of its id), or the first written at or after an instant."""

    signal_id: str | None = None
    moment: datetime | None = None

    def is_at(self, given: Input) -> bool:
        """Tell whether an input is there."""
        if self.moment is not None:
            return given.record is not None and given.record.written_at >= self.moment
        return self.signal_id is not None and given.message.meta.correlation_id.startswith(self.signal_id)

    def __str__(self) -> str:
        if self.moment is not None:
            return f"written at {self.moment.isoformat()} or after"
        return f"of signal {self.signal_id!r}"


def parse_place(text: str, now: datetime) -> Place:
    """Read a signal's id, an instant with a zone, or a time back from `now`; raises ConfigError."""
    if _TIME.match(text):
        return Place(moment=parse_moment(text, now, "--until"))
    if not text:
        raise ConfigError("--until: name a signal's id or an instant")
    return Place(signal_id=text)


class Stepper:
    """An Observer that halts. `ask` returns what a person typed, None: there is nobody to ask."""

    at_once = 1

    def __init__(
        self,
        *,
        show: Callable[[Taken, int, int], None],
        ask: Callable[[], str] | None,
        input_name: str,
        until: Place | None = None,
        condition: Condition | None = None,
    ) -> None:
        self._show = show
        self._ask = ask
        self._input_name = input_name
        self._until = until
        self._condition = condition
        self._halts = until is None and condition is None
        self._done = self._total = 0
        #: Whether it ever halted.
        self.halted = False

    @property
    def waited_in_vain(self) -> bool:
        """Whether it was to halt where a condition is true, and never did."""
        return self._condition is not None and not self.halted

    def begin(self, stage: str, inputs: Sequence[Input]) -> None:
        """See Observer."""
        self._done, self._total = 0, len(inputs)
        if self._until is not None and not any(map(self._until.is_at, inputs)):
            raise ConfigError(
                f"--until: none of the {len(inputs)} inputs of the {stage} in this range is {self._until}"
            )

    async def before(self, given: Input) -> None:
        """See Observer."""
        if self._until is not None and self._until.is_at(given):
            self._until, self._halts = None, True

    async def after(self, taken: Sequence[Taken]) -> bool:
        """See Observer."""
        return all(self._goes_on(each) for each in taken)

    def _goes_on(self, taken: Taken) -> bool:
        self._done += 1
        if not self._halts and not self._is_true(taken):
            return True
        self.halted = True
        self._show(taken, self._done, self._total)
        if self._ask is None:
            return False
        return self._done == self._total or self._answered(self._ask)

    def _is_true(self, taken: Taken) -> bool:
        return self._condition is not None and self._condition.holds(names_of(taken, self._input_name))

    def _answered(self, ask: Callable[[], str]) -> bool:
        """Ask until the answer is one; returns whether the stage goes on."""
        while (word := ask().strip().lower()) not in ("", "c", "q"):
            pass
        self._halts = word == ""
        return word != "q"


def shapes_of(replay: Replay[Any]) -> Mapping[str, Shape]:
    """Return what a condition over a stage's decisions may name.

    The input is named after its message (`signal`, `selection`, …); `answer` is what is decided now, `then` what was;
    `status` is same, changed, …; `differing` lists the paths that differ.
    """
    answers = shape_of(*(topic.model for topic in replay.answers))
    return {
        replay.consumes.schema_name: shape_of(replay.consumes.model),
        "answer": answers,
        "then": answers,
        "evidence": shape_of(Evidence),
        "status": shape_of(Status),
        "differing": shape_of(tuple[str, ...]),
    }


def names_of(taken: Taken, input_name: str) -> Mapping[str, Any]:
    """Return the values of those names for one decision."""
    row = taken.row
    return {
        input_name: row.message,
        "answer": row.replayed[0].message if row.replayed else None,
        "then": row.recorded[0].message if row.recorded else None,
        "evidence": taken.evidence,
        "status": row.status,
        "differing": tuple(d.path for d in row.differences),
    }
