"""What a dead letter's bytes say today: the message, else its fields without the model's checks, else nothing."""

import io
from dataclasses import dataclass
from typing import Any

import fastavro

from kernel.contracts.codec import MARKER, Codec
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import Topic
from kernel.domain.errors import UndecodableMessage

_FINGERPRINT_ENDS = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """`fields` as they were written (None: unreadable) of message `name`; `problem` is why a stage would refuse them."""

    fields: dict[str, Any] | None
    name: str | None
    problem: str | None

    @property
    def signal_id(self) -> str | None:
        """The signal whose story the message belongs to."""
        meta = (self.fields or {}).get("meta")
        return meta.get("correlation_id") if isinstance(meta, dict) else None


def read_bytes(topic: Topic[Any], value: bytes | None, codec: Codec) -> Reading:
    """Read a letter's bytes as a stage that reads `topic` would today, and as far as anybody can."""
    try:
        message = codec.decode(topic, value or b"")
    except UndecodableMessage as e:
        return _unchecked(value or b"", str(e))
    return Reading(message.model_dump(), topic.schema_name, None)


def _unchecked(value: bytes, problem: str) -> Reading:
    writer = load_store().writer(value[len(MARKER) : _FINGERPRINT_ENDS]) if value.startswith(MARKER) else None
    if writer is None:
        return Reading(None, None, problem)
    try:
        fields = fastavro.schemaless_reader(io.BytesIO(value[_FINGERPRINT_ENDS:]), writer.parsed, None)
    except Exception:  # noqa: BLE001 - fastavro raises whatever the broken bytes make it stumble on; `problem` says it
        return Reading(None, writer.name, problem)
    return Reading(fields if isinstance(fields, dict) else None, writer.name, problem)
