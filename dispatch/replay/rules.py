"""What counts as a difference, in one place.

A path is the names from the message down, joined by dots; list elements carry their number (`legs.0.bid`).
A field that one side's schema does not have yet is no difference either: it could not have said it (see `compare`).
"""

#: Who decided is not what was decided. A replay signs with its own revision and parameters.
IGNORED = frozenset({"meta.revision", "meta.config_hash"})

#: Binary floats may differ in the last digits between machines and library versions; everything else is exact.
#: Path or path prefix → largest absolute difference that is none.
TOLERANCES = {
    "score": 1e-9,
    "spread_pct": 1e-9,
    "distance_pct": 1e-9,
    "delta": 1e-9,
}


def tolerance(path: str) -> float:
    """Return how far two figures at `path` may lie apart and still be the same."""
    return TOLERANCES.get(path) or TOLERANCES.get(path.partition(".")[0]) or 0.0
