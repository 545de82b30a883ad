"""Messages as they lie on a topic, written as JSON values that a person can read and that give the same bytes again.

Entry points: `to_plain`, `to_wire`.
1. `to_wire(*to_plain(wire))` is `wire`, byte for byte; what cannot be told so exactly is refused.
2. A message is read and written by its writer's schema, so nothing a newer release put in is lost.
3. Decimals and times are text; bytes are text behind `text:` where they are printable, else behind `base64:`.
"""

import base64
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import fastavro

from kernel.contracts.codec import MARKER
from kernel.contracts.schema_store import SchemaStore, WriterSchema
from kernel.domain.errors import ConfigError

_HEADER_BYTES = len(MARKER) + 8
_TEXT, _BASE64 = "text:", "base64:"
#: Named types of a schema, by name.
_Types = Mapping[str, Any]


def to_plain(wire: bytes, store: SchemaStore) -> tuple[str, dict[str, Any]]:
    """Return the fingerprint of the writer's schema, in hex, and the message as JSON values.

    `wire` must be a message that `store` can read; raises ConfigError where its bytes would not come out again.
    """
    key = wire[len(MARKER) : _HEADER_BYTES]
    writer = _writer(key, store)
    message: Any = fastavro.schemaless_reader(io.BytesIO(wire[_HEADER_BYTES:]), writer.parsed, None)
    plain: dict[str, Any] = _plain(message)
    if to_wire(key.hex(), plain, store) != wire:
        raise ConfigError(f"a {writer.name} message cannot be kept as text: it would not be the same again")
    return key.hex(), plain


def to_wire(fingerprint: str, plain: dict[str, Any], store: SchemaStore) -> bytes:
    """Return the bytes of a message; raises ConfigError where it does not fit the schema it names."""
    try:
        key = bytes.fromhex(fingerprint)
        writer = _writer(key, store)
        buffer = io.BytesIO()
        message = _value(plain, writer.parsed, dict(_named(writer.parsed)))
        fastavro.schemaless_writer(buffer, writer.parsed, message)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as e:
        raise ConfigError(f"it does not fit schema {fingerprint}: {type(e).__name__}: {e}") from e
    return MARKER + key + buffer.getvalue()


def _writer(key: bytes, store: SchemaStore) -> WriterSchema:
    writer = store.writer(key)
    if writer is None:
        raise ConfigError(f"no schema with fingerprint {key.hex()} is known")
    return writer


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Decimal():
            return str(value)
        case bytes():
            return _bytes_as_text(value)
        case _:
            return value


def _value(plain: Any, schema: Any, types: _Types) -> Any:
    """Return what fastavro writes for `plain`, which stands where `schema` says."""
    if isinstance(schema, list):
        (branch,) = (each for each in schema if each != "null")  # more would be ambiguous in plain text
        return None if plain is None else _value(plain, branch, types)
    value = plain
    match types.get(schema, {"type": schema}) if isinstance(schema, str) else schema:
        case {"type": "record", "fields": fields}:
            _no_others(plain, fields)
            value = {field["name"]: _value(plain[field["name"]], field["type"], types) for field in fields}
        case {"type": "array", "items": items}:
            value = [_value(each, items, types) for each in plain]
        case {"type": "map", "values": values}:
            value = {name: _value(each, values, types) for name, each in plain.items()}
        case {"logicalType": "decimal"}:
            value = Decimal(plain)
        case {"logicalType": "timestamp-micros"}:
            value = datetime.fromisoformat(plain)
        case {"type": "bytes"}:
            value = _bytes_of(plain)
    return value


def _no_others(plain: Mapping[str, Any], fields: list[Any]) -> None:
    unknown = plain.keys() - {field["name"] for field in fields}
    if unknown:
        raise ValueError(f"there is no {', '.join(sorted(unknown))} in it")


def _named(schema: Any) -> Iterator[tuple[str, Any]]:
    """Yield the types a schema defines, so that a later mention of their name finds them."""
    if isinstance(schema, list):
        for each in schema:
            yield from _named(each)
    elif isinstance(schema, dict):
        if "name" in schema:
            yield schema["name"], schema
        for field in schema.get("fields", ()):
            yield from _named(field["type"])
        for inner in ("items", "values"):
            yield from _named(schema.get(inner))


def _bytes_as_text(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    return _TEXT + text if text.isprintable() else _BASE64 + base64.b64encode(data).decode()


def _bytes_of(text: str) -> bytes:
    if text.startswith(_TEXT):
        return text.removeprefix(_TEXT).encode()
    if text.startswith(_BASE64):
        return base64.b64decode(text.removeprefix(_BASE64), validate=True)
    raise ValueError(f"bytes stand behind {_TEXT} or {_BASE64}")
