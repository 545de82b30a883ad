"""Keeps the messages of a run in a file, so that its stories can be told when its servers are gone."""

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from kernel.domain.errors import ConfigError
from kernel.stream.reader import StoredRecord


def save(path: Path, records: Iterable[StoredRecord]) -> None:
    """Write `records`, one JSON object a line, values as base64 of their wire bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        for record in records:
            file.write(json.dumps(_to_json(record)) + "\n")


def load(path: Path) -> Iterator[StoredRecord]:
    """Yield the records of a file `save` wrote; raises ConfigError when it is damaged."""
    with path.open() as file:
        for number, line in enumerate(file, start=1):
            try:
                yield _from_json(json.loads(line))
            except (ValueError, KeyError, TypeError) as e:
                raise ConfigError(f"{path} is damaged in line {number}; run `dispatch demo` again") from e


def _to_json(record: StoredRecord) -> dict[str, Any]:
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "written_at": record.written_at.isoformat(),
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }


def _from_json(row: dict[str, Any]) -> StoredRecord:
    return StoredRecord(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        written_at=datetime.fromisoformat(row["written_at"]),
        key=_bytes(row["key"]),
        value=_bytes(row["value"]),
        headers=tuple((name, _bytes(value) or b"") for name, value in row["headers"]),
    )


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
