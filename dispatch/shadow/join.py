"""Puts together what belongs to one decision: the input, the evidence, the live stage's answer, each from its own topic. Pure.

Entry points: `Join`, `Joined`.
1. The three come in any order. What is ripe depends on the log alone, and not on the order in which it was read: an
   input is ripe when its answer and that answer's evidence are there and nothing more came of it for `settle` (an answer
   may be two messages), or when nothing came of it for `patience`. Both are counted by the watermark.
2. Evidence or an answer whose input does not come within `patience` is a stray: its input was before our time.
3. Of several answers and pieces of evidence the first decision counts, as in `dispatch.replay.history`.
4. A decision that is no news is left out: an input that is written again brings the recorded answer again, with the
   instant it was decided at, and evidence of it or none. `Join.knows` tells of those of before.
5. No more than `bytes_max` of evidence is held: beyond it the oldest is judged as it stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from dispatch.replay.history import Input
from kernel.contracts.messages import Evidence
from kernel.stream.dead_letter import Place
from kernel.stream.reader import StoredRecord
from kernel.stream.stage import Emission

T = TypeVar("T")
#: Inputs and decisions that went out already, so that a repeat is known for one: an hour's at 25 a second.
REMEMBERED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How long to wait, by the time of the log, and how much to hold."""

    settle: timedelta = timedelta(seconds=3)
    patience: timedelta = timedelta(minutes=2)
    bytes_max: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """All there is of one decision. `parts` are where its answers, its evidence and repeats of its input lie.

    `timely`: it was judged in its time, and not because too much was held.
    """

    given: Input
    recorded: tuple[Emission[Any], ...]
    evidence: Evidence | None
    parts: tuple[Place, ...]
    timely: bool = True


class Join:
    """Holds what is not complete yet."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._held: dict[str, _Held] = {}
        self._gone: dict[str, None] = {}
        self._old: dict[tuple[str, datetime], None] = {}
        self._strays: list[Place] = []
        self._bytes = 0

    @property
    def waiting(self) -> int:
        """How many inputs are not complete."""
        return sum(held.given is not None for held in self._held.values())

    def knows(self, input_id: str, decided_at: datetime) -> None:
        """Take note of a decision of before: should it come again, it is no news."""
        _remember(self._old, (input_id, decided_at))

    def given(self, given: Input, record: StoredRecord) -> None:
        """Take an input; a repeat is a part of the first."""
        held = self._of(given.id, record)
        if held is not None and held.given is None:
            held.given = given
        else:
            self._part(held, record)

    def answered(self, input_id: str, answer: Emission[Any], record: StoredRecord) -> None:
        """Take an answer of the live stage; what was decided a second time is told apart by when."""
        held = self._of(input_id, record)
        if held is not None and self._is_news(held, answer.message.meta.occurred_at):
            held.answers.setdefault(answer.message.meta.id, answer)
        self._part(held, record)

    def saw(self, evidence: Evidence, record: StoredRecord) -> None:
        """Take what the live stage saw."""
        held = self._of(evidence.input_id, record)
        new = held is not None and self._is_news(held, evidence.decided_at)
        if held is not None and new and evidence.decided_at not in held.evidence:
            held.evidence[evidence.decided_at] = evidence
            held.bytes += len(record.value or b"")
            self._bytes += len(record.value or b"")
        self._part(held, record)

    def ripe(self, watermark: datetime) -> list[Joined]:
        """Return, oldest first, what needs to be held no longer, now that all up to `watermark` was seen."""
        found = [(held, held.given) for held in list(self._held.values()) if self._is_ripe(held, watermark)]
        joined = [each for held, given in found if (each := self._let_go(held, given, timely=True))]
        return sorted([*joined, *self._too_much()], key=_order)

    def strays(self) -> list[Place]:
        """Return, once, where records lie that belong to no decision of ours."""
        found, self._strays = self._strays, []
        return found

    def _of(self, input_id: str, record: StoredRecord) -> "_Held | None":
        """Return what is held of an input; None where it went out already."""
        if input_id in self._gone:
            return None
        held = self._held.setdefault(input_id, _Held(input_id))
        held.last_at = max(held.last_at or record.written_at, record.written_at)
        return held

    def _is_news(self, held: "_Held", decided_at: datetime) -> bool:
        old = (held.input_id, decided_at) in self._old
        held.repeated |= old
        return not old

    def _part(self, held: "_Held | None", record: StoredRecord) -> None:
        parts = self._strays if held is None else held.parts
        parts.append(_place(record))

    def _is_ripe(self, held: "_Held", watermark: datetime) -> bool:
        assert held.last_at is not None
        wait = self._rules.settle if held.complete or held.is_no_news else self._rules.patience
        return watermark >= held.last_at + wait

    def _too_much(self) -> Iterator[Joined]:
        for held in list(self._held.values()):
            if self._bytes <= self._rules.bytes_max:
                return
            if held.evidence and (each := self._let_go(held, held.given, timely=False)):
                yield each

    def _let_go(self, held: "_Held", given: Input | None, *, timely: bool) -> Joined | None:
        del self._held[held.input_id]
        self._bytes -= held.bytes
        for answer in held.answers.values():
            self.knows(held.input_id, answer.message.meta.occurred_at)
        if given is None or held.is_no_news:
            self._strays += held.parts
            if given is not None and given.record is not None:
                self._strays.append(_place(given.record))
            return None
        _remember(self._gone, held.input_id)
        return Joined(
            given=given,
            recorded=held.first_answers,
            evidence=held.first_evidence,
            parts=tuple(held.parts),
            timely=timely,
        )


@dataclass(slots=True)
class _Held:
    """What is there of one input."""

    input_id: str
    given: Input | None = None
    answers: dict[str, Emission[Any]] = field(default_factory=dict)
    #: By the instant of the decision: two decisions on one input have evidence of one id.
    evidence: dict[datetime, Evidence] = field(default_factory=dict)
    parts: list[Place] = field(default_factory=list)
    last_at: datetime | None = None
    bytes: int = 0
    #: Whether a decision of before came again.
    repeated: bool = False

    @property
    def is_no_news(self) -> bool:
        return self.repeated and self.given is not None and not self.answers and not self.evidence

    @property
    def decided_at(self) -> datetime | None:
        return min((e.message.meta.occurred_at for e in self.answers.values()), default=None)

    @property
    def first_answers(self) -> tuple[Emission[Any], ...]:
        at = self.decided_at
        found = [e for e in self.answers.values() if e.message.meta.occurred_at == at]
        return tuple(sorted(found, key=lambda e: e.topic.name))

    @property
    def first_evidence(self) -> Evidence | None:
        """The evidence of the answers, or without any that of the last decision nobody told of."""
        decided_at = self.decided_at or max(self.evidence, default=None)
        return None if decided_at is None else self.evidence.get(decided_at)

    @property
    def complete(self) -> bool:
        return self.given is not None and bool(self.answers) and self.first_evidence is not None


def _remember(known: dict[T, None], one: T) -> None:
    known[one] = None
    if len(known) > REMEMBERED:
        del known[next(iter(known))]


def _place(record: StoredRecord) -> Place:
    return Place(record.topic, record.partition, record.offset)


def _order(joined: Joined) -> tuple[datetime, int, int]:
    record = joined.given.record
    assert record is not None
    return record.written_at, record.partition, record.offset
