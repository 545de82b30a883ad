"""The crash matrix as data: where the executor can be struck, what strikes it, and which pairs there cannot be.

1. `way_of` answers for every pair of a Boundary and an Outcome: how the cell is run, or why there is no such cell.
2. An outcome of the process, its group or its database strikes at the boundary itself.
3. An outcome of the venue strikes the request of the order. At a boundary after that, the cell is the pair: the request
   met the outcome, and the process is killed when the ticket first passes the boundary.
"""

from dataclasses import dataclass
from enum import StrEnum


class Boundary(StrEnum):
    """What the executor has just done, or is about to do, with one ticket; in the order it happens."""

    AFTER_POLL = "after poll"
    INBOX = "inbox"
    BEFORE_INTENT_COMMIT = "before intent commit"
    AFTER_INTENT_COMMIT = "after intent commit"
    BEFORE_POST = "before POST"
    AFTER_POST = "after POST"
    RESPONSE_READ = "response read"
    BEFORE_LEDGER_COMMIT = "before ledger commit"
    AFTER_LEDGER_COMMIT = "after ledger commit"
    BEFORE_PUBLISH = "before outbox publish"
    AFTER_PUBLISH = "after outbox ack, before mark"
    BEFORE_OFFSET_COMMIT = "before offset commit"


class Outcome(StrEnum):
    """What goes wrong."""

    KILL = "kill -9"
    REBALANCE = "rebalance"
    DATABASE_LOST = "Postgres connection lost"
    TIMEOUT_BEFORE = "time-out, never accepted"
    TIMEOUT_LATE = "time-out, accepted late"
    TIMEOUT_AFTER = "time-out after acceptance"
    ERROR_BEFORE = "5xx before acceptance"
    ERROR_AFTER = "5xx after acceptance"
    RATE_LIMIT = "429"
    DUPLICATE = "duplicate-id answer"
    RESET_BEFORE = "reset before acceptance"
    RESET_AFTER = "reset after acceptance"
    CUT_BODY = "cut body"


class Way(StrEnum):
    """How a cell is run."""

    STRIKE = "struck there, the process lives on"
    KILL = "killed there, then started again"
    PAUSE = "paused there beyond the session time-out; another worker takes over, then the first wakes"


@dataclass(frozen=True, slots=True)
class Impossible:
    """Why there is no such cell."""

    reason: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A pair that can happen."""

    boundary: Boundary
    outcome: Outcome
    way: Way

    def __str__(self) -> str:
        return f"{self.boundary} - {self.outcome}"


B, X = Boundary, Outcome
OF_THE_VENUE = tuple(o for o in X if o not in (X.KILL, X.REBALANCE, X.DATABASE_LOST))
AFTER_THE_ANSWER = (
    B.RESPONSE_READ,
    B.BEFORE_LEDGER_COMMIT,
    B.AFTER_LEDGER_COMMIT,
    B.BEFORE_PUBLISH,
    B.AFTER_PUBLISH,
    B.BEFORE_OFFSET_COMMIT,
)
#: What can befall a question as well as an order: the stage asks the venue before its intent.
_OF_QUESTIONS = frozenset({X.TIMEOUT_BEFORE, X.ERROR_BEFORE, X.RATE_LIMIT, X.RESET_BEFORE, X.CUT_BODY})
#: What needs nothing to be sent.
_OF_CONNECTIONS = frozenset({X.TIMEOUT_BEFORE, X.RESET_BEFORE})
_NOT_ASKED = {
    B.AFTER_POLL: "the record is not decoded yet: nothing is asked of the venue here",
    B.BEFORE_INTENT_COMMIT: "the venue was asked before; until the commit only Postgres is",
    B.AFTER_INTENT_COMMIT: "the venue is asked again only by the POST, which is the next boundary",
}


def way_of(boundary: Boundary, outcome: Outcome) -> Way | Impossible:
    """Return how a cell is run, or why it cannot be."""
    if outcome is X.KILL:
        return Way.KILL
    if outcome is X.REBALANCE:
        return Way.PAUSE
    if outcome is X.DATABASE_LOST:
        return Way.STRIKE
    return _way_of_the_venue(boundary, outcome)


def _way_of_the_venue(boundary: Boundary, outcome: Outcome) -> Way | Impossible:
    if boundary in _NOT_ASKED:
        return Impossible(_NOT_ASKED[boundary])
    if boundary is B.INBOX:
        if outcome in _OF_QUESTIONS:
            return Way.STRIKE
        return Impossible(
            "only questions are asked here, and a question is not accepted: nothing can come of it"
        )
    if boundary is B.BEFORE_POST:
        if outcome in _OF_CONNECTIONS:
            return Way.STRIKE
        return Impossible("takes a request that was sent: the next boundary")
    return Way.STRIKE if boundary is B.AFTER_POST else Way.KILL


def possible_cells() -> list[Cell]:
    """Return every cell that can happen."""
    return [
        Cell(boundary, outcome, way)
        for boundary in Boundary
        for outcome in Outcome
        if isinstance(way := way_of(boundary, outcome), Way)
    ]
