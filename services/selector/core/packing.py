"""Columns of figures as bytes: small, and quick to read back.

Entry points: `pack`, `unpack`.
1. `unpack(pack(h, s, c))` is (h, s, c), bit for bit; a column comes back as int64, float64 or bool, whatever it weighed.
2. Bytes: a JSON object on one line (it says where everything lies), the symbols one a line, the columns one after
   another, little endian.
3. A column of whole numbers is written as its least value and the distances from it, in the fewest bytes that hold the
   largest: prices of one chain take two bytes each, times of a minute four.
4. Real numbers of at most four decimals, as venues send deltas, are written as whole ten-thousandths; where one of a
   column is not, all of it is written as it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

Kind = Literal["whole", "real", "flag"]
Column = NDArray[Any]

_PARTS_PER_UNIT = 10_000.0
#: Stands for NaN among ten-thousandths, of which only those from -1 to 1 are written so.
_NO_PARTS = -20_000
_WIDTHS = (1, 2, 4, 8)
_64_BITS = 1 << 64


def pack(
    head: Mapping[str, Any], symbols: Sequence[str], columns: Mapping[str, tuple[Kind, Column]]
) -> bytes:
    """Return the bytes. `head` is anything JSON holds; no symbol may contain a line break."""
    text = "\n".join(symbols).encode()
    laid = {name: _laid(kind, column) for name, (kind, column) in columns.items()}
    layout = {
        "head": head,
        "rows": len(symbols),
        "text_bytes": len(text),
        "columns": [[name, kind, least, width] for name, (kind, least, width, _) in laid.items()],
    }
    return b"".join((orjson.dumps(layout), b"\n", text, *(body for *_, body in laid.values())))


def unpack(data: bytes) -> tuple[dict[str, Any], tuple[str, ...], dict[str, Column]]:
    """Return head, symbols and columns; raises ValueError or KeyError on bytes that `pack` did not make."""
    line_ends = data.index(b"\n")
    layout = orjson.loads(data[:line_ends])
    rows, at = layout["rows"], line_ends + 1 + layout["text_bytes"]
    text = data[line_ends + 1 : at].decode()
    columns: dict[str, Column] = {}
    for name, kind, least, width in layout["columns"]:
        columns[name] = _read(kind, least, np.frombuffer(data, f"<{width}", rows, at))
        at += rows * int(width[1:])
    return layout["head"], tuple(text.split("\n")) if rows else (), columns


def _laid(kind: Kind, column: Column) -> tuple[str, int, str, bytes]:
    """Return how a column is written: its kind, its least value, its type, its bytes."""
    match kind:
        case "flag":
            return kind, 0, "u1", column.astype(np.uint8).tobytes()
        case "whole":
            return kind, *_whole(column)
        case "real":
            parts = _parts(column)
            if parts is None:
                return kind, 0, "f8", column.astype("<f8").tobytes()
            return "parts", *_whole(parts)


def _whole(column: Column) -> tuple[int, str, bytes]:
    least = int(column.min()) if len(column) else 0
    # Unsigned and modulo 2^64, so that even the distance from the least to the greatest int64 is exact.
    distances = column.astype(np.int64).view(np.uint64) - np.uint64(least % _64_BITS)
    greatest = int(distances.max()) if len(column) else 0
    width = next(f"u{size}" for size in _WIDTHS if greatest < 1 << (8 * size))
    return least, width, distances.astype(f"<{width}").tobytes()


def _parts(column: Column) -> Column | None:
    """Return real numbers as ten-thousandths, or None where that would lose a bit."""
    unknown = np.isnan(column)
    known = np.where(unknown, 0.0, column)
    if (np.abs(known) > 1).any():
        return None
    parts: Column = np.where(unknown, _NO_PARTS, np.rint(known * _PARTS_PER_UNIT).astype(np.int64))
    return parts if _real(parts).tobytes() == column.tobytes() else None


def _real(parts: Column) -> Column:
    return np.where(parts == _NO_PARTS, np.nan, parts / _PARTS_PER_UNIT)


def _read(kind: str, least: int, written: Column) -> Column:
    match kind:
        case "flag":
            return written.astype(np.bool_)
        case "whole":
            return _from_distances(least, written)
        case "parts":
            return _real(_from_distances(least, written))
        case "real":
            return written.astype(np.float64)
        case _:
            raise ValueError(f"a column of {kind} figures cannot be read")


def _from_distances(least: int, distances: Column) -> Column:
    return (distances.astype(np.uint64) + np.uint64(least % _64_BITS)).view(np.int64)
