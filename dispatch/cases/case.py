"""A case: a range of the log in one file, with all that is needed to decide it again.

Entry points: `Case`, `load_case`, `save_case`.
1. What a person reviews is plain text: inputs, answers, parameters. What was seen is kept byte for byte.
2. The same case is the same file. Nothing in it says when or where it was written.
3. Records stand in the order of a story: what the stage was given, what it saw, what it answered, then the next stage.
4. A case knows the schemas it is written with, so it can be read when schemas have moved on.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dispatch.cases.layout import lay_out
from dispatch.cases.plain import to_plain, to_wire
from kernel.contracts.base import UtcTime
from kernel.contracts.schema_store import SchemaStore
from kernel.contracts.topics import ALL_TOPICS, Topic
from kernel.domain.errors import ConfigError
from kernel.domain.params import TradingParams
from kernel.runtime.params import parse_params
from kernel.stream.reader import StoredRecord

FORMAT = 1
TOPICS: dict[str, Topic[Any]] = {topic.name: topic for topic in ALL_TOPICS}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeptRecord(_Part):
    """A record of the log. `fingerprint` names the schema `message` is written by; see `plain`."""

    topic: str
    partition: int
    offset: int
    written_at: UtcTime
    fingerprint: str
    message: dict[str, Any]

    @classmethod
    def of(cls, topic: Topic[Any], record: StoredRecord, store: SchemaStore) -> Self:
        """Keep a record that `store` can read; raises ConfigError where it cannot be kept exactly."""
        fingerprint, message = to_plain(record.value or b"", store)
        return cls(
            topic=topic.name,
            partition=record.partition,
            offset=record.offset,
            written_at=record.written_at,
            fingerprint=fingerprint,
            message=message,
        )

    def wire(self, store: SchemaStore) -> bytes:
        """Return the record's value; raises ConfigError."""
        return to_wire(self.fingerprint, self.message, store)


class KeptRange(_Part):
    """Where the inputs lay: the outermost of them. `trace` is the signal that was asked for, if one was."""

    topic: str
    offsets: tuple[str, ...]
    first_written_at: UtcTime
    last_written_at: UtcTime
    trace: str | None = None


class Case(_Part):
    """`revision` is the code whose answers are the truth; `parameters` those it decided with, all of them."""

    format: Literal[1]
    note: str
    stages: tuple[str, ...] = Field(min_length=1)
    revision: str
    range: KeptRange
    parameters: dict[str, Any]
    schemas: dict[str, dict[str, Any]]
    records: tuple[KeptRecord, ...] = Field(min_length=1)

    def params(self, name: str) -> TradingParams:
        """Return the parameters; raises ConfigError that names the case `name`."""
        try:
            return parse_params(json.dumps(self.parameters), name)
        except ConfigError as e:
            raise ConfigError(
                f"{e}: the code's parameters have changed; --bless brings the case's up to them"
            ) from None


def load_case(path: Path) -> Case:
    """Read a case; raises ConfigError that says what to do where it cannot be read."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}; `dispatch case record` makes a case") from e
    except ValueError as e:
        raise ConfigError(f"{path} is no JSON ({e}); {_ANEW}") from e
    written = document.get("format") if isinstance(document, dict) else None
    if written != FORMAT:
        was = "has no format, so it is no case" if written is None else f"is a case of format {written!r}"
        raise ConfigError(f"{path} {was}; this release reads format {FORMAT}: {_ANEW}")
    try:
        return Case.model_validate(document)
    except ValidationError as e:
        problem = e.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise ConfigError(f"{path} is damaged: {where}: {problem['msg']}; {_ANEW}") from None


def save_case(path: Path, case: Case) -> int:
    """Write a case in one step and return its size in bytes; raises ConfigError where it cannot be written."""
    text = lay_out(case.model_dump(mode="json")).encode()
    scratch = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(text)
        scratch.replace(path)
    except OSError as e:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {e.strerror}") from e
    return len(text)


def schemas_of(records: Sequence[KeptRecord], store: SchemaStore) -> dict[str, dict[str, Any]]:
    """Return the schemas the records are written by, in the form SchemaStore.learn takes."""
    known = store.export()
    return {key: _undocumented(known[key]) for key in sorted({record.fingerprint for record in records})}


def _undocumented(schema: Any) -> Any:
    """Leave out what no reader needs, half of a schema."""
    if isinstance(schema, dict):
        return {key: _undocumented(inner) for key, inner in schema.items() if key != "doc"}
    return [_undocumented(each) for each in schema] if isinstance(schema, list) else schema


_ANEW = "record it anew with `dispatch case record`, or take the file from version control"
