"""What two processes of a replay say to each other, over a pipe: frames of msgpack behind their length.

A frame is four bytes, the length of what follows (big endian), and one msgpack map. Both sides of a pipe may be of
different revisions, so a map may hold keys the other does not know, and it ignores them.
1. Parent: `hello` (protocol, stage, params, set, schemas). Worker: protocol, revision, config_hash, code, schemas; or
   error, one line, and it ends.
2. Parent: `decide`, triples: the wire bytes of an input, those of its evidence (nil: none), and the revision and
   config_hash to sign the answer with (nil: the worker's own), so that an answer that is what was recorded is so byte by
   byte. Worker: `answers`, as many maps, in order, with emissions (pairs of topic name and wire bytes), unrecorded or
   failed.
3. The parent closes the pipe; the worker ends.
"""

import asyncio
import struct
from typing import Any, BinaryIO

import msgpack

#: Raised when the meaning of a key changes; a new key does not need it.
PROTOCOL = 1
_LENGTH = struct.Struct(">I")
#: A batch of questions with evidence of large chains is some 10 MB.
_BYTES_MAX = 1 << 28


class BrokenFrame(ValueError):
    """Bytes that are no frame."""


def to_frame(message: dict[str, Any]) -> bytes:
    """Return the bytes of a frame."""
    body: bytes = msgpack.packb(message)
    return _LENGTH.pack(len(body)) + body


def read_frame(stream: BinaryIO) -> dict[str, Any] | None:
    """Read one frame; None where the stream ends before it. Raises BrokenFrame."""
    head = stream.read(_LENGTH.size)
    if not head:
        return None
    length = _length(head)
    return _message(stream.read(length), length)


async def receive_frame(stream: asyncio.StreamReader) -> dict[str, Any] | None:
    """Await one frame; None where the stream ends before it. Raises BrokenFrame."""
    try:
        head = await stream.readexactly(_LENGTH.size)
        length = _length(head)
        return _message(await stream.readexactly(length), length)
    except asyncio.IncompleteReadError as e:
        if not e.partial and e.expected == _LENGTH.size:
            return None
        raise BrokenFrame(f"a frame ends after {len(e.partial)} of {e.expected} bytes") from e


def _length(head: bytes) -> int:
    if len(head) < _LENGTH.size:
        raise BrokenFrame(f"a frame ends after {len(head)} of {_LENGTH.size} bytes")
    length: int = _LENGTH.unpack(head)[0]
    if length > _BYTES_MAX:
        raise BrokenFrame(f"a frame of {length} bytes: something else writes to this pipe ({head!r})")
    return length


def _message(body: bytes, length: int) -> dict[str, Any]:
    if len(body) < length:
        raise BrokenFrame(f"a frame ends after {len(body)} of {length} bytes")
    try:
        message = msgpack.unpackb(body)
    except ValueError as e:
        raise BrokenFrame(f"a frame that is no msgpack: {e}") from e
    if not isinstance(message, dict):
        raise BrokenFrame(f"a frame is a map, this is {type(message).__name__}")
    return message
