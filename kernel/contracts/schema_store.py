"""Schemas by message name and by fingerprint: today's to write with, every other that ever wrote to read with.

Entry points: `load_store`, `SchemaStore`.
1. A schema is known by the fingerprint its messages carry: from `schemas/history`, or learnt from whoever wrote with it.
2. Nothing is learnt that is not what it claims to be, or that today's readers would misread.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

from kernel.contracts.resolution import Schema, obstacles

#: Schemas by fingerprint (16 hex digits), as JSON holds them: {"name": the message's name, "schema": its Avro schema}.
Exported = Mapping[str, Any]


def schema_fingerprint(raw: Schema) -> bytes:
    """Return the 8-byte CRC-64-AVRO of a schema's canonical form, little endian, as single-object encoding asks."""
    # fastavro prints the checksum with its least significant byte first already.
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(raw), "CRC-64-AVRO"))


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """A schema some release wrote with: `version` 1, 2, … of message `name`, None when it was learnt from the log."""

    name: str
    version: int | None
    raw: Schema
    parsed: Schema

    def __str__(self) -> str:
        if self.version is not None:
            return f"{self.name} version {self.version}"
        return f"{self.name} as another release writes it ({schema_fingerprint(self.raw).hex()})"


class SchemaStore:
    """Holds the contracts of record, and what was learnt of other releases' since the process began."""

    def __init__(self, current: Mapping[str, Schema], history: Mapping[str, Mapping[int, Schema]]) -> None:
        self.current_raw = dict(current)
        self.history_raw = {name: dict(versions) for name, versions in history.items()}
        self.current = {name: _parse(raw) for name, raw in current.items()}
        self.fingerprints = {name: schema_fingerprint(raw) for name, raw in current.items()}
        self._refused: dict[bytes, str] = {}
        self._writers: dict[bytes, WriterSchema] = {}
        for name, versions in self.history_raw.items():
            for version, raw in sorted(versions.items()):
                self._writers[schema_fingerprint(raw)] = WriterSchema(name, version, raw, _parse(raw))

    def writer(self, fingerprint_bytes: bytes) -> WriterSchema | None:
        """Return the schema of that fingerprint, or None when neither the history nor the log has told of it."""
        return self._writers.get(fingerprint_bytes)

    def refusal(self, fingerprint_bytes: bytes) -> str | None:
        """Return why the schema of that fingerprint was not learnt, or None when nobody offered it."""
        return self._refused.get(fingerprint_bytes)

    def export(self) -> dict[str, Any]:
        """Return every schema known here, in the form `learn` takes: what other readers need to read what we can."""
        return {
            key.hex(): {"name": writer.name, "schema": writer.raw} for key, writer in self._writers.items()
        }

    def announced(self) -> dict[str, Any]:
        """Return the schemas this release writes with, in the form `learn` takes."""
        return {
            key.hex(): {"name": name, "schema": self.current_raw[name]}
            for name, key in self.fingerprints.items()
        }

    def learn(self, exported: Exported) -> dict[str, str]:
        """Take in schemas of other releases; returns those refused, by fingerprint, with the reason.

        One is taken only if its fingerprint is the one it goes by, its message is one of ours, and every record of it
        can be read with our schema of that message. What is known already stays as it is.
        """
        refused = {}
        for key, entry in exported.items():
            if (reason := self._learn_one(key, entry)) is not None:
                refused[key] = reason
        return refused

    def _learn_one(self, key: str, entry: Any) -> str | None:
        try:
            fingerprint_bytes = bytes.fromhex(key)
        except ValueError:
            return "not a fingerprint"
        if fingerprint_bytes in self._writers:
            return None
        reason = self._objection(fingerprint_bytes, entry)
        if reason is not None:
            self._refused[fingerprint_bytes] = reason
            return reason
        name, raw = entry["name"], entry["schema"]
        self._writers[fingerprint_bytes] = WriterSchema(name, None, raw, _parse(raw))
        self._refused.pop(fingerprint_bytes, None)
        return None

    def _objection(self, fingerprint_bytes: bytes, entry: Any) -> str | None:
        """Return why the schema must not be learnt; it comes from outside and may be anything."""
        try:
            name, raw = str(entry["name"]), entry["schema"]
            actual = schema_fingerprint(raw)
            if actual != fingerprint_bytes:
                return f"what was announced under it has another fingerprint, {actual.hex()}"
            if name not in self.current_raw:
                return f"it writes {name!r} messages, which this release does not know"
            found = obstacles(self.current_raw[name], raw)
        except Exception as e:  # noqa: BLE001 - whatever a schema that is none makes the parser stumble on
            return f"what was announced under it is no schema: {type(e).__name__}: {e}"
        return f"this release cannot read it: {'; '.join(str(each) for each in found)}" if found else None


def _parse(raw: Schema) -> Schema:
    # The hint parse_schema leaves in it spares fastavro parsing it again with every message.
    parsed: Schema = parse_schema(raw)  # type: ignore[assignment]
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
