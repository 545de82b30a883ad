"""What a shadow has found so far: counts for as long as it runs, and the first of the decisions that differ. Pure."""

from collections import Counter
from dataclasses import dataclass, field, fields
from decimal import Decimal

from dispatch.replay.results import DIFFERENT, Effect, Row, Status, effect

#: Differing decisions kept for the report. A revision that differs in more has been found out long before.
KEPT = 500
#: No word for or against a revision: the live stage has not answered, or neither of the two has anything to say.
_NO_WORD = frozenset({Status.PENDING, Status.PASSED_ON})
_NOTHING_MOVED = Effect(
    decisions_changed=0,
    contracts_swapped=0,
    now_refused=0,
    now_accepted=0,
    risk_usd_recorded=Decimal(0),
    risk_usd_replayed=Decimal(0),
)


@dataclass(slots=True)
class Tally:
    """Counts rows."""

    counts: Counter[Status] = field(default_factory=Counter)
    differing: list[Row] = field(default_factory=list)
    effect: Effect = _NOTHING_MOVED
    undecodable: int = 0
    #: Who the live stage said it was: revisions and hashes of parameters.
    revisions: set[str] = field(default_factory=set)
    config_hashes: set[str] = field(default_factory=set)

    def add(self, row: Row) -> None:
        """Count a row."""
        self.counts[row.status] += 1
        self.revisions |= {e.message.meta.revision for e in row.recorded}
        self.config_hashes |= {e.message.meta.config_hash for e in row.recorded}
        if row.status in DIFFERENT:
            self.effect = _sum(self.effect, effect([row]))
            if len(self.differing) < KEPT:
                self.differing.append(row)

    @property
    def compared(self) -> int:
        """How many decisions were compared."""
        return sum(count for status, count in self.counts.items() if status not in _NO_WORD)

    @property
    def disagreed(self) -> int:
        """How many of them differ."""
        return self.compared - self.counts[Status.SAME]

    @property
    def agreement_pct(self) -> float | None:
        """The share of compared decisions that are the same, in percent; None before the first."""
        return 100 * self.counts[Status.SAME] / self.compared if self.compared else None

    def holds(self, minimum_pct: float) -> bool:
        """Tell whether the revision agrees well enough. Where nothing was compared, nothing is known."""
        agreed = self.agreement_pct
        return agreed is not None and agreed >= minimum_pct


def _sum(one: Effect, other: Effect) -> Effect:
    return Effect(**{f.name: getattr(one, f.name) + getattr(other, f.name) for f in fields(Effect)})
