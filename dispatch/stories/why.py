"""Why a story went as it did: what each decision chose between, and what it would have taken. Pure.

Entry points: `explain_story`, `Why`.
1. What is told of a decision is what was recorded; what is computed again is by the parameters in force, and where
   these are not to be found, or where today's code decides otherwise, the explanation says so.
2. The evidence of an answer is the one that was decided on at the answer's instant; no other is looked at.
"""

from dataclasses import dataclass
from datetime import datetime

from dispatch.candidates import Candidate
from dispatch.stories.sizes import SizeArithmetic
from kernel.domain.params import ScoringParams


@dataclass(frozen=True, slots=True)
class Shortlist:
    """Some candidates under a title; `chosen` is the OCC symbol of the one that was bought, if any."""

    title: str
    candidates: tuple[Candidate, ...]
    chosen: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """One decision explained. `answer_id` is the message it explains; `times` are market time, oldest first.

    `scoring` is what the contract was scored with, None where it is not known.
    """

    stage: str
    answer_id: str
    title: str
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    shortlists: tuple[Shortlist, ...] = ()
    size: SizeArithmetic | None = None
    times: tuple[tuple[str, datetime], ...] = ()
    scoring: ScoringParams | None = None
