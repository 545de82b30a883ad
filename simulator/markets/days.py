"""A day, or several in a row, as they are written: 2014-06-06, or 2014-06-06..2014-06-09."""

from dataclasses import dataclass
from datetime import date

_UNTIL = ".."


@dataclass(frozen=True, slots=True)
class Days:
    """Every day from `first` to `last`, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}{_UNTIL}{self.last}"


def read_days(text: str) -> Days:
    """Read a day or a span; raises ValueError that shows how it is written."""
    first, _, last = text.partition(_UNTIL)
    try:
        found = Days(date.fromisoformat(first), date.fromisoformat(last or first))
    except ValueError as e:
        msg = f"{text!r} is neither a day (2014-06-06) nor days in a row (2014-06-06..2014-06-09)"
        raise ValueError(msg) from e
    if found.last < found.first:
        msg = f"{text!r} ends before it begins"
        raise ValueError(msg)
    return found
