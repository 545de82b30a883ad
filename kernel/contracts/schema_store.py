"""Schemas by message name and by fingerprint: today's to write with, every past one to read with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

Schema = dict[str, Any]


def schema_fingerprint(raw: Schema) -> bytes:
    """Return the 8-byte CRC-64-AVRO of a schema's canonical form, little endian, as single-object encoding asks."""
    # fastavro prints the checksum with its least significant byte first already.
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(raw), "CRC-64-AVRO"))


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """A schema some release wrote with: `version` 1, 2, … of message `name`."""

    name: str
    version: int
    raw: Schema
    parsed: Schema


class SchemaStore:
    """Holds the contracts of record."""

    def __init__(self, current: Mapping[str, Schema], history: Mapping[str, Mapping[int, Schema]]) -> None:
        self.current_raw = dict(current)
        self.history_raw = {name: dict(versions) for name, versions in history.items()}
        self.current = {name: _parse(raw) for name, raw in current.items()}
        self.fingerprints = {name: schema_fingerprint(raw) for name, raw in current.items()}
        self._writers: dict[bytes, WriterSchema] = {}
        for name, versions in self.history_raw.items():
            for version, raw in sorted(versions.items()):
                self._writers[schema_fingerprint(raw)] = WriterSchema(name, version, raw, _parse(raw))

    def writer(self, fingerprint_bytes: bytes) -> WriterSchema | None:
        """Return the schema of that fingerprint, or None when it never was in the history."""
        return self._writers.get(fingerprint_bytes)


def _parse(raw: Schema) -> Schema:
    parsed: Schema = parse_schema(raw, _write_hint=False)  # type: ignore[assignment]
    return parsed


@cache
def load_store() -> SchemaStore:
    """Read `schemas/` once per process."""
    root = resources.files("schemas")
    current = {f.name.removesuffix(".avsc"): _read(f) for f in root.iterdir() if f.name.endswith(".avsc")}
    history = {
        folder.name: {int(f.name.removesuffix(".avsc")): _read(f) for f in folder.iterdir()}
        for folder in (root / "history").iterdir()
        if folder.is_dir()
    }
    return SchemaStore(current, history)


def _read(file: Traversable) -> Schema:
    raw: Schema = json.loads(file.read_text("utf-8"))
    return raw
