"""Dead letters as lines for a person and rows for a program."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dispatch.dead_letters.decoding import Reading
from dispatch.dead_letters.letters import Letter
from dispatch.plain import hex_dump, visible, visible_bytes, without_bytes
from kernel.stream.dead_letter import header_texts

#: A list shows how the bytes begin; one letter shown shows more, and its JSON all.
_HEX_LISTED_BYTES = 64
_DUMPED_BYTES = 1024
#: Errors that a newer release, or one that knows more schemas, may not make of the same bytes.
_UNDECODABLE = frozenset({"UndecodableMessage", "UnknownSchema"})


def summary_lines(letter: Letter, reading: Reading) -> list[str]:
    """Return one letter of a list: what it is, why it is here, what became of it."""
    figures, key = letter.figures, letter.record.key
    head = [
        letter.address,
        f"{letter.record.written_at:%Y-%m-%d %H:%M:%S} UTC",
        f"{figures.get('stage', '?')}: {figures.get('exception', '?')}",
        "no key" if key is None else f"key {visible_bytes(key)}",
        *([] if reading.signal_id is None else [f"signal {reading.signal_id}"]),
    ]
    lines = [visible("  ".join(head)), f"    {visible(figures.get('message', 'no reason is given'))}"]
    return lines + [f"    {line}" for line in _fate(letter, reading)]


def headers_lines(letter: Letter) -> list[str]:
    """Return every header of a letter."""
    texts = header_texts(list(letter.record.headers))
    return [f"    {visible(name)} = {visible(text)}" for name, text in texts.items()]


def unreadable_lines(letter: Letter, reading: Reading) -> list[str]:
    """Return why a letter's bytes are no message, and the bytes."""
    value = letter.record.value
    if value is None:
        return ["    it has no value"]
    said = f"{len(value)} bytes that cannot be decoded: {visible(reading.problem or '')}"
    return [f"    {line}" for line in (said, *hex_dump(value, _DUMPED_BYTES))]


def row(letter: Letter, reading: Reading, *, whole: bool) -> dict[str, Any]:
    """Return a letter for a program; `topic`, `partition` and `offset` are those of the record that died."""
    record, value = letter.record, letter.record.value or b""
    document: dict[str, Any] = {
        **letter.figures,
        "topic": letter.topic.name,
        "address": letter.address,
        "written_at": record.written_at.isoformat(),
        "key": None if record.key is None else visible_bytes(record.key),
        "signal_id": reading.signal_id,
        "decodes": reading.problem is None,
        "problem": reading.problem,
        "deaths": letter.deaths,
        "requeued": [_sent(s.at.isoformat(), s.to.partition, s.to.offset) for s in letter.sent],
        "died_again_as": letter.died_again_as,
        "copy_of": letter.copy_of,
        "bytes": len(value),
        "hex": (value if whole else value[:_HEX_LISTED_BYTES]).hex(),
    }
    if whole:
        document["headers"] = header_texts(list(record.headers))
        document["message_name"] = reading.name
        document["decoded"] = without_bytes(reading.fields)
    return document


def count_of(letters: Sequence[Letter]) -> str:
    """Return how many letters go where: `3 letters (2 to signals, 1 to tickets)`."""
    by_topic = Counter(letter.topic.name for letter in letters)
    where = ", ".join(f"{count} to {topic}" for topic, count in by_topic.items())
    return f"{len(letters)} letter{'' if len(letters) == 1 else 's'} ({where})"


def _fate(letter: Letter, reading: Reading) -> list[str]:
    """Return what became of a letter, and whether sending it back would help now."""
    lines = []
    if letter.copy_of is not None:
        lines.append(f"the same death as {letter.copy_of}, written twice")
    if letter.deaths > 1:
        lines.append(f"died {letter.deaths} times")
    if letter.sent:
        last = letter.sent[-1]
        again = f" and died again as {letter.died_again_as}" if letter.died_again_as else ""
        lines.append(
            f"sent back {last.at:%Y-%m-%d %H:%M:%S} UTC to {letter.topic.name},"
            f" partition {last.to.partition}, offset {last.to.offset}{again}"
        )
    elif reading.problem is None and letter.figures.get("exception") in _UNDECODABLE:
        lines.append("it decodes today")
    return lines


def _sent(at: str, partition: int, offset: int) -> dict[str, Any]:
    return {"at": at, "partition": partition, "offset": offset}
