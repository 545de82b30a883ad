"""Values and texts of others, made fit to be printed."""

from typing import Any


def without_bytes(value: Any) -> Any:
    """Return a decoded message with its bytes replaced by their count."""
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, dict):
        return {key: without_bytes(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_bytes(inner) for inner in value]
    return value


def visible(text: str) -> str:
    """Return text with everything escaped that a terminal would obey rather than show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def visible_bytes(data: bytes) -> str:
    """Return bytes as text where they are text, else in hex."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return f"0x{data.hex()}"
    return text if text.isprintable() else f"0x{data.hex()}"


def hex_dump(data: bytes, limit: int) -> list[str]:
    """Return the first `limit` bytes sixteen to a line: where, in hex, and as ASCII."""
    shown = data[:limit]
    lines = []
    for at in range(0, len(shown), 16):
        row = shown[at : at + 16]
        ascii_text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        lines.append(f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{ascii_text}|")
    if len(data) > limit:
        lines.append(f"… {len(data) - limit} more bytes")
    return lines
