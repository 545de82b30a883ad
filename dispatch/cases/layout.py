"""JSON laid out to be reviewed: short values on one line, of the others each part on a line of its own. Pure."""

import json
from typing import Any

_WIDTH = 110
_STEP = 2
#: Long and never looked at: one line whatever the length.
_ON_ONE_LINE = "schema"


def lay_out(document: Any) -> str:
    """Return the JSON text of `document`; equal documents give equal texts."""
    return f"{_laid_out(document, 0, 0)}\n"


def _laid_out(value: Any, indent: int, before: int) -> str:
    """Return `value` at `indent`, with `before` characters in front of it on its first line."""
    flat = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, (dict, list)) or before + len(flat) < _WIDTH:
        return flat
    inner, pad = indent + _STEP, " " * (indent + _STEP)
    if isinstance(value, dict):
        lines = [f"{pad}{json.dumps(k)}: {_member(k, v, inner)}" for k, v in value.items()]
        return f"{{\n{_joined(lines)}\n{' ' * indent}}}"
    lines = [pad + _laid_out(each, inner, inner) for each in value]
    return f"[\n{_joined(lines)}\n{' ' * indent}]"


def _member(name: str, value: Any, indent: int) -> str:
    if name == _ON_ONE_LINE:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _laid_out(value, indent, indent + len(name) + len('"": '))


def _joined(lines: list[str]) -> str:
    return ",\n".join(lines)
