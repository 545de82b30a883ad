"""Records of a dead topic, as stages and operators leave them there."""

from datetime import timedelta

from kernel.contracts.codec import Codec
from kernel.contracts.topics import SIGNALS
from kernel.stream.dead_letter import DeadLetter, Place, RequeueMark
from kernel.stream.reader import StoredRecord
from kernel.testing.builders import NOW, a_signal

PREFIX = "p."
DEAD = SIGNALS.dead_name(PREFIX)
TOPICS = {DEAD: SIGNALS}
SIGNAL = Codec().encode(SIGNALS, a_signal())


def a_letter(
    offset: int,
    *,
    died_at: int,
    value: bytes | None = SIGNAL,
    key: bytes | None = b"SPY",
    reason: str = "unknown schema fingerprint 00",
) -> StoredRecord:
    """The letter at `offset` of partition 0, written `offset` minutes after NOW, of the record at offset `died_at`."""
    why = DeadLetter(
        topic="p.signals",
        partition=0,
        offset=died_at,
        stage="selector",
        error="UndecodableMessage",
        reason=reason,
    )
    return _record(offset, key, value, why.headers())


def a_mark(offset: int, *, letter: int, went_to: int) -> StoredRecord:
    """The mark that letter `letter` was sent back and became the record at offset `went_to`."""
    mark = RequeueMark(Place(DEAD, 0, letter), Place("p.signals", 0, went_to))
    return _record(offset, b"SPY", b"", mark.headers())


def _record(offset, key, value, headers) -> StoredRecord:
    return StoredRecord(
        topic=DEAD,
        partition=0,
        offset=offset,
        key=key,
        value=value,
        written_at=NOW + timedelta(minutes=offset),
        headers=tuple(headers),
    )
