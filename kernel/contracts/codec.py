"""Messages to bytes and back: Avro single-object encoding, no registry server.

Bytes on the wire: C3 01, the 8-byte fingerprint of the writer's schema, the Avro body.
A fingerprint the store does not know raises UnknownSchema: whoever can ask the log for it (kernel.stream.schemas) lets the
store learn it, then decodes again.
"""

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import TypeVar, cast

import fastavro
import fastavro.read
from pydantic import ValidationError

from kernel.contracts.base import Message
from kernel.contracts.resolution import Schema, unwritten
from kernel.contracts.schema_store import SchemaStore, WriterSchema, load_store
from kernel.contracts.topics import Topic
from kernel.domain.errors import UndecodableMessage, UnknownSchema

MARKER = b"\xc3\x01"
_HEADER_BYTES = 10
#: How much of a wrong value an error quotes.
_QUOTED_CHARS = 100

M = TypeVar("M", bound=Message)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def _unit(scale: int) -> Decimal:
    return Decimal(1).scaleb(-scale)


def _read_decimal(data: bytes, writer: Schema | None = None, _: Schema | None = None) -> Decimal:
    assert writer is not None, "a decimal has the scale of its writer"
    return int.from_bytes(data, "big", signed=True) * _unit(writer["scale"])


def _read_micros(micros: int, *_: Schema | None) -> datetime:
    return _EPOCH + timedelta(0, 0, micros)


# What fastavro reads them with gives the same and takes twice the time; a message has up to twenty of the one.
fastavro.read.LOGICAL_READERS["bytes-decimal"] = _read_decimal
fastavro.read.LOGICAL_READERS["long-timestamp-micros"] = _read_micros


class Codec:
    """Encodes with today's schema, decodes with whatever schema the writer had."""

    def __init__(self, store: SchemaStore | None = None) -> None:
        self._store = store or load_store()

    def encode(self, topic: Topic[M], message: M) -> bytes:
        """Return the wire bytes of `message` by today's schema of its topic."""
        return self.encode_fields(topic, message.model_dump())

    def encode_fields(self, topic: Topic[M], fields: Mapping[str, object]) -> bytes:
        """Return the wire bytes of a message whose fields are given, as `model_dump` gives them."""
        buffer = io.BytesIO()
        buffer.write(MARKER)
        buffer.write(self._store.fingerprints[topic.schema_name])
        fastavro.schemaless_writer(buffer, self._store.current[topic.schema_name], fields)
        return buffer.getvalue()

    def decode(self, topic: Topic[M], data: bytes) -> M:
        """Return the message in `data`; raises UndecodableMessage with a reason a person understands.

        It is an UnknownSchema where the bytes may be sound and only the writer's schema is missing here.
        """
        if len(data) < _HEADER_BYTES or data[:2] != MARKER:
            msg = (
                f"not a single-object Avro message: starts with {data[:_HEADER_BYTES].hex(' ') or 'nothing'}"
            )
            raise UndecodableMessage(msg)
        writer = self._store.writer(data[2:_HEADER_BYTES])
        if writer is None:
            raise self._unknown(data[2:_HEADER_BYTES])
        if writer.name != topic.schema_name:
            msg = f"a {writer.name} message on the topic of {topic.schema_name} messages"
            raise UndecodableMessage(msg)
        try:
            body = io.BytesIO(data[_HEADER_BYTES:])
            record = fastavro.schemaless_reader(body, *self._schemas(topic.schema_name, data, writer))
        except Exception as e:  # fastavro raises whatever the broken bytes make it stumble on
            msg = f"the body does not fit {writer}: {type(e).__name__}: {e}"
            raise UndecodableMessage(msg) from e
        if body.read(1):
            msg = f"bytes follow the end of a {writer.name} message"
            raise UndecodableMessage(msg)
        try:
            return topic.model.model_validate(cast("dict[str, object]", record))
        except ValidationError as e:
            whose = "" if writer.version is not None else "written by another release, "
            raise UndecodableMessage(whose + _first_problem(writer.name, e)) from e

    def unwritten(self, topic: Topic[M], data: bytes) -> frozenset[str]:
        """Return the dotted names of fields that today's schema has and the writer of `data`, a message, did not know."""
        writer, today = self._store.writer(data[2:_HEADER_BYTES]), self._store.current_raw[topic.schema_name]
        if writer is None or data[2:_HEADER_BYTES] == self._store.fingerprints[topic.schema_name]:
            return frozenset()
        return unwritten(today, writer.raw)

    def _schemas(self, name: str, data: bytes, writer: WriterSchema) -> tuple[Schema, Schema | None]:
        """Return the schemas to read with: the writer's and today's, or today's alone where that lays out the same bytes."""
        today = self._store.current[name]
        if data[2:_HEADER_BYTES] == self._store.fingerprints[name]:
            return today, None  # there is nothing to resolve, which takes a third of the time
        return writer.parsed, today

    def _unknown(self, fingerprint: bytes) -> UnknownSchema:
        said = (
            self._store.refusal(fingerprint) or "no version in schemas/history has it, no writer announced it"
        )
        return UnknownSchema(f"unknown schema fingerprint {fingerprint.hex()}: {said}", fingerprint)


def _first_problem(name: str, error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    was = repr(problem["input"])
    shown = was if len(was) <= _QUOTED_CHARS else f"{was[:_QUOTED_CHARS]}… {len(was)} characters"
    return f"{name}.{where}: {problem['msg']} (was {shown})"
