"""What a shadow has to say: where it stands, and its report. Pure."""

from dataclasses import dataclass
from datetime import datetime

from dispatch.replay.elsewhere.remote import Introduction
from dispatch.shadow.naming import Names
from dispatch.shadow.tally import Tally


@dataclass(slots=True)
class Standing:
    """Where it stands: `lag` records of the input topic not done, `waiting` inputs not complete, what is wrong."""

    lag: int = 0
    waiting: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A shadow's report. `label` is the revision as a person named it; times are the wall clock's.

    `failure` is what ended it before its time.
    """

    names: Names
    label: str
    introduction: Introduction
    settings: tuple[str, ...]
    topics: tuple[str, ...]
    minimum_pct: float
    since: datetime
    until: datetime
    tally: Tally
    standing: Standing
    failure: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the revision agrees well enough, and decides at all."""
        return self.failure is None and self.tally.holds(self.minimum_pct)
