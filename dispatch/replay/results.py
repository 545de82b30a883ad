"""What a replay found, input by input and in sum. Pure."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from dispatch.replay.compare import Difference, differences
from dispatch.replay.deciding import Decided
from dispatch.replay.history import Input
from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Rejection, Selection, Ticket
from kernel.contracts.parts import TradeIdea
from kernel.stream.stage import Emission


class Status(StrEnum):
    """An input's answer then against its answer now."""

    SAME = "same"
    CHANGED = "changed"
    #: Answered then, not now.
    MISSING = "missing"
    #: Answered now, not then.
    EXTRA = "extra"
    #: The decision asks for an answer from outside that was not recorded.
    UNRECORDED = "unrecorded"
    #: The decision cannot be taken now: it raises.
    FAILED = "failed"
    #: Not decided yet when the log was read: no answer, no evidence.
    PENDING = "pending"
    #: No answer then and none now: it is nothing this stage decides, such as an operator's signal.
    PASSED_ON = "passed_on"


#: What makes a replay say no.
DIFFERENT = frozenset({Status.CHANGED, Status.MISSING, Status.EXTRA, Status.UNRECORDED, Status.FAILED})
#: What is not decided now, for whatever reason.
UNDECIDED = frozenset({Status.UNRECORDED, Status.FAILED, Status.PENDING, Status.PASSED_ON})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One input. `note` says in words what the figures cannot."""

    message: Message
    partition: int | None
    offset: int | None
    status: Status
    recorded: Sequence[Emission[Any]]
    replayed: Sequence[Emission[Any]]
    differences: tuple[Difference, ...] = ()
    note: str | None = None

    @property
    def underlying(self) -> str:
        """The underlying the input is about."""
        idea: TradeIdea = getattr(self.message, "idea")  # noqa: B009 - every input of a stage has one
        return idea.underlying


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """All rows of one stage, in the order of its inputs. `seconds` is the time it took, reading included.

    `left` inputs were not decided: somebody stopped the replay.
    """

    stage: str
    #: Left out of the repr: asyncio.run makes that of whatever its coroutine returns, and throws it away.
    rows: Sequence[Row] = field(repr=False)
    undecodable: int
    seconds: float
    left: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many inputs have each status."""
        found = Counter(row.status for row in self.rows)
        return {status.value: found[status] for status in Status}

    @property
    def decided(self) -> int:
        """How many inputs were decided, whatever came of it."""
        return sum(row.status not in UNDECIDED for row in self.rows)

    @property
    def differs(self) -> bool:
        """Whether anything is not as it was."""
        return any(row.status in DIFFERENT for row in self.rows)

    @property
    def digest(self) -> str:
        """SHA-256 of what was decided now, in the order of the inputs, whoever decided it."""
        codec, total = Codec(), hashlib.sha256()
        for row in self.rows:
            for emission in row.replayed:
                total.update(emission.topic.name.encode())
                total.update(codec.encode_fields(emission.topic, _anonymous(emission.message)))
        return total.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the changes mean for a trader. `risk_usd` sums the tickets' total risk.

    `not_decided` could not be decided now, so nobody knows what they would have become.
    """

    decisions_changed: int
    contracts_swapped: int
    now_refused: int
    now_accepted: int
    risk_usd_recorded: Decimal
    risk_usd_replayed: Decimal
    not_decided: int = 0


def row_of(
    given: Input, recorded: Sequence[Emission[Any]], decided: Decided, *, pending: bool = False
) -> Row:
    """Compare an input's answers. `pending` tells that nothing was recorded of it because it is not decided yet."""
    found: tuple[Difference, ...] = ()
    if decided.unrecorded is not None:
        status = Status.PENDING if pending else Status.UNRECORDED
    elif decided.failed is not None:
        status = Status.FAILED
    elif not decided.emissions or not recorded:
        status = _one_sided(recorded, decided.emissions)
    else:
        found = differences(recorded, decided.emissions)
        status = Status.CHANGED if found else Status.SAME
    return Row(
        message=given.message,
        partition=None if given.record is None else given.record.partition,
        offset=None if given.record is None else given.record.offset,
        status=status,
        recorded=recorded,
        replayed=decided.emissions,
        differences=found,
        note=decided.unrecorded or decided.failed,
    )


def effect(rows: Iterable[Row]) -> Effect:
    """Return what changed between then and now over all rows."""
    different = [row for row in rows if row.status in DIFFERENT]
    changed = [row for row in different if row.status not in UNDECIDED]
    pairs = [(_answer(row.recorded), _answer(row.replayed)) for row in changed]
    return Effect(
        decisions_changed=len(changed),
        contracts_swapped=sum(_swapped(one, other) for one, other in pairs),
        now_refused=sum(not _is_no(one) and _is_no(other) for one, other in pairs),
        now_accepted=sum(_is_no(one) and not _is_no(other) for one, other in pairs),
        risk_usd_recorded=sum((_risk_usd(one) for one, _ in pairs), Decimal(0)),
        risk_usd_replayed=sum((_risk_usd(other) for _, other in pairs), Decimal(0)),
        not_decided=len(different) - len(changed),
    )


def _one_sided(recorded: Sequence[Emission[Any]], replayed: Sequence[Emission[Any]]) -> Status:
    if not recorded and not replayed:
        return Status.SAME
    return Status.MISSING if recorded else Status.EXTRA


def _answer(emissions: Sequence[Emission[Any]]) -> Message | None:
    return emissions[0].message if emissions else None


def _is_no(answer: Message | None) -> bool:
    return answer is None or isinstance(answer, Rejection)


def _swapped(one: Message | None, other: Message | None) -> bool:
    if not isinstance(one, (Selection, Ticket)) or not isinstance(other, (Selection, Ticket)):
        return False
    return [leg.occ_symbol for leg in one.legs] != [leg.occ_symbol for leg in other.legs]


def _risk_usd(answer: Message | None) -> Decimal:
    return answer.total_risk_usd if isinstance(answer, Ticket) else Decimal(0)


def _anonymous(message: Message) -> dict[str, Any]:
    fields = message.model_dump()
    fields["meta"] |= {"revision": "", "config_hash": ""}
    return fields
