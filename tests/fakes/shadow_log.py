"""Records of one stage's decisions as a shadow meets them: in any order, from several partitions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dispatch.replay.history import Input
from dispatch.shadow.join import Join, Joined
from dispatch.shadow.watermark import Watermark
from kernel.contracts.messages import Evidence, Signal
from kernel.contracts.origin import Origin
from kernel.contracts.topics import SELECTIONS
from kernel.stream.dead_letter import Place
from kernel.stream.reader import StoredRecord
from kernel.stream.stage import Emission
from kernel.testing.builders import NOW, a_selection, a_signal

ORIGIN = Origin("selector", "live", "parameters")
PARTITIONS = (("signals", 0), ("signals", 1), ("evidence", 0), ("evidence", 1), ("selections", 0))


@dataclass(frozen=True)
class Written:
    """A record, and the message in it."""

    record: StoredRecord
    message: Any

    @property
    def partition(self) -> tuple[str, int]:
        return self.record.topic, self.record.partition

    @property
    def place(self) -> Place:
        return Place(self.record.topic, self.record.partition, self.record.offset)


def at(seconds: float) -> datetime:
    """Return an instant of the log."""
    return NOW + timedelta(seconds=seconds)


def signal(number: int) -> Signal:
    return a_signal(f"signal {number}")


def evidence_of(given: Signal, decided_at: datetime) -> Evidence:
    meta = ORIGIN.meta(given.meta, "evidence", decided_at)
    return Evidence(meta=meta, input_id=given.meta.id, decided_at=decided_at, items=())


def answer_of(given: Signal, decided_at: datetime) -> Any:
    return a_selection().model_copy(update={"meta": ORIGIN.meta(given.meta, "selection", decided_at)})


class ShadowLog:
    """Partitions in which records are written one after the other."""

    def __init__(self) -> None:
        self.written: dict[tuple[str, int], list[Written]] = {part: [] for part in PARTITIONS}

    def write(self, partition: tuple[str, int], seconds: float, message: Any, size: int = 10) -> Written:
        """Append a message, written `seconds` after the beginning."""
        here = self.written[partition]
        record = StoredRecord(
            topic=partition[0],
            partition=partition[1],
            offset=len(here),
            key=None,
            value=b"x" * size,
            written_at=at(seconds),
            headers=(),
        )
        here.append(Written(record, message))
        return here[-1]


def enter(join: Join, written: Written) -> None:
    """Give a join a record, as a session does."""
    message, record = written.message, written.record
    if isinstance(message, Evidence):
        join.saw(message, record)
    elif isinstance(message, Signal):
        join.given(Input(message, record), record)
    else:
        join.answered(message.meta.causation_id, Emission(SELECTIONS, message), record)


def followed(
    join: Join, log: ShadowLog, turns: Iterable[Sequence[tuple[str, int]]]
) -> tuple[list[Joined], list[Place]]:
    """Read the log in `turns`, each naming the partitions whose next record comes, and then to its end; returns what was
    joined and what was left over, once nothing more comes.
    """
    watermark, joined, left_over = Watermark(log.written), list[Joined](), list[Place]()
    positions = dict.fromkeys(log.written, 0)
    ends = {part: len(each) for part, each in log.written.items()}
    rest = [[part] * end for part, end in ends.items()]
    for turn in [*turns, *rest]:
        for part in turn:
            if positions[part] < ends[part]:
                written = log.written[part][positions[part]]
                positions[part] += 1
                watermark.read(part, written.record.written_at)
                enter(join, written)
        watermark.at(positions, ends, at(10_000))
        joined += join.ripe(watermark.now)
        left_over += join.strays()
    return joined, left_over
