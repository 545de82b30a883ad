"""Values of a message as a person reads them. Pure."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from dispatch.plain import visible
from kernel.domain.money import plain


def shown(value: Any) -> str:
    """Return one value as text: decimals plain, floats with six digits, "-" for none."""
    if value is None:
        return "-"
    for kind, text in _TEXTS:
        if isinstance(value, kind):
            return text(value)
    return visible(str(value))


#: The first that fits.
_TEXTS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (Enum, lambda v: str(v.value)),
    (Decimal, plain),
    (float, lambda v: f"{v:.6g}"),
    (datetime, lambda v: v.isoformat().replace("+00:00", "Z")),
    (bytes, lambda v: f"<{len(v)} bytes>"),
)


def moved(recorded: Any, replayed: Any) -> str | None:
    """Return by how much a figure moved, with its sign; None where one of the two is no figure."""
    if not all(
        isinstance(v, (int, float, Decimal)) and not isinstance(v, bool) for v in (recorded, replayed)
    ):
        return None
    if isinstance(recorded, Decimal) and isinstance(replayed, Decimal):
        change: Any = replayed - recorded
    elif isinstance(recorded, int) and isinstance(replayed, int):
        change = replayed - recorded
    else:
        change = float(replayed) - float(recorded)
    return f"{'+' if change >= 0 else '-'}{shown(abs(change))}"
