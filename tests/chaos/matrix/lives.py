"""Cells gathered into lives of a process: what ends a life strikes all of its tickets, each at its own boundary.

1. A life ends in one way; a relay is held at one boundary at a time, so each of its boundaries has lives of its own.
2. What holds a connection of the pool while it is held comes in small groups.
3. A ticket held inside its intent's transaction comes last: it may hold what the others' intents need.
"""

from dataclasses import dataclass
from itertools import groupby

from tests.chaos.matrix.cells import OF_THE_VENUE, Boundary, Cell, Outcome, Way, possible_cells

OF_THE_RELAY = (Boundary.BEFORE_PUBLISH, Boundary.AFTER_PUBLISH)
_HOLDS_A_CONNECTION = (Boundary.RESPONSE_READ, Boundary.BEFORE_LEDGER_COMMIT)
_SMALL = 5


@dataclass(frozen=True, slots=True)
class Life:
    """Cells that share one process, and how it ends."""

    name: str
    way: Way
    cells: tuple[Cell, ...]

    @property
    def meets_the_venue(self) -> bool:
        """Whether requests go wrong in it, so that waits for answers must be short."""
        return any(cell.outcome in OF_THE_VENUE for cell in self.cells)


def all_lives() -> list[Life]:
    """Return the lives that run every possible cell once."""
    cells = sorted(possible_cells(), key=_kind)
    return [
        Life(f"{name}-{number}" if number else name, way, tuple(sorted(part, key=_turn)))
        for (name, way), group in groupby(cells, key=_kind)
        for number, part in enumerate(_parts(list(group)))
    ]


def _kind(cell: Cell) -> tuple[str, Way]:
    """Return the life a cell belongs to."""
    venue = cell.outcome in OF_THE_VENUE
    match cell.way:
        case Way.STRIKE:
            return ("venue" if venue else "database"), cell.way
        case Way.PAUSE:
            return ("pause-relay" if cell.boundary is Boundary.AFTER_PUBLISH else "pause"), cell.way
        case Way.KILL if venue or cell.boundary in OF_THE_RELAY:
            return f"kill-{cell.boundary.name.lower().replace('_', '-')}", cell.way
        case _:
            return "kill", cell.way


def _parts(cells: list[Cell]) -> list[list[Cell]]:
    if all(cell.boundary in _HOLDS_A_CONNECTION for cell in cells):
        return [cells[n : n + _SMALL] for n in range(0, len(cells), _SMALL)]
    return [cells]


def _turn(cell: Cell) -> bool:
    return cell.boundary is Boundary.BEFORE_INTENT_COMMIT


__all__ = ["OF_THE_RELAY", "Life", "Outcome", "all_lives"]
