"""Frames of a data stream, as MessagePack or as JSON. Every frame is an array.

In MessagePack an instant is a Timestamp extension, which clients rely on; in JSON it is RFC 3339.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

import msgpack
import orjson

from simulator.wire_time import rfc3339_nano


class Codec(StrEnum):
    """How a client's frames are written; it says so in the Content-Type of its handshake."""

    MSGPACK = "msgpack"
    JSON = "json"


@dataclass(frozen=True)
class MarketMessage:
    """One message of the market: written once per codec, however many clients hear it."""

    channel: str
    symbol: str
    fields: dict[str, Any]

    @cached_property
    def msgpack(self) -> bytes:
        """The message as MessagePack."""
        return _pack(self.fields)

    @cached_property
    def json(self) -> bytes:
        """The message as JSON."""
        return _json(self.fields)


def frame_of(messages: Sequence[MarketMessage], codec: Codec) -> bytes:
    """Return one frame of market messages."""
    if codec is Codec.JSON:
        return b"[%b]" % b",".join(message.json for message in messages)
    header: bytes = msgpack.Packer().pack_array_header(len(messages))
    return header + b"".join(message.msgpack for message in messages)


def encode(messages: Sequence[dict[str, Any]], codec: Codec) -> bytes:
    """Return one frame of control messages."""
    return _pack(messages) if codec is Codec.MSGPACK else _json(messages)


def decode(frame: bytes | str) -> object:
    """Return what a client said, None when it cannot be read: text is JSON, bytes are MessagePack or JSON."""
    try:
        if isinstance(frame, str):
            return orjson.loads(frame)
        return orjson.loads(frame) if frame[:1] in {b"{", b"["} else msgpack.unpackb(frame)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None


def _pack(value: object) -> bytes:
    packed: bytes = msgpack.packb(value, datetime=True)
    return packed


def _json(value: object) -> bytes:
    return orjson.dumps(value, default=_instant, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _instant(value: object) -> str:
    assert isinstance(value, datetime), f"a message held a {type(value).__name__}"
    return rfc3339_nano(value)
