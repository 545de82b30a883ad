"""When a difference is believed: figures read while orders trade, or before the venue's parts agree, cry no drift.

Entry points: `confirmed`, `is_apart`.
1. A difference becomes drift when it stands, with the same figure, in two consecutive passes and nothing moved what it
   is about in between; or in `STUBBORN` consecutive ones whatever moved.
2. Two readings less than `APART` after each other count as one: the venue may need a moment to agree with itself.
3. What is drift stays drift until the difference is gone, even if its figure changes: there is no quiet way out.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from services.executor.core.reconciling.books import Difference, Suspect

STUBBORN = 4
APART = timedelta(seconds=1)


def confirmed(
    before: Sequence[Suspect], differences: Sequence[Difference], touched: Collection[str], at: datetime
) -> list[Suspect]:
    """Return today's suspects: `touched` are the keys that something moved since the last pass, `at` machine time."""
    known = {suspect.difference.key: suspect for suspect in before}
    return [_suspect(known, difference, difference.key in touched, at) for difference in differences]


def is_apart(suspect: Suspect, at: datetime) -> bool:
    """Tell whether a reading at `at` (machine time) is another than the one the suspect was last seen in."""
    return at - suspect.counted_at >= APART


def _suspect(known: Mapping[str, Suspect], difference: Difference, touched: bool, at: datetime) -> Suspect:
    old = known.get(difference.key)
    if old is None or (old.difference.amount != difference.amount and not old.is_drift):
        return Suspect(difference=difference, passes=1, quiet=1, is_drift=False, first_at=at, counted_at=at)
    counts = is_apart(old, at)
    passes = old.passes + counts
    quiet = 1 if touched else old.quiet + counts
    return Suspect(
        difference=difference,
        passes=passes,
        quiet=quiet,
        is_drift=old.is_drift or quiet > 1 or passes >= STUBBORN,
        first_at=old.first_at,
        counted_at=at if counts else old.counted_at,
    )
