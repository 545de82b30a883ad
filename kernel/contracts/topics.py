"""The topic table: what travels where, under which key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kernel.contracts.base import Message
from kernel.contracts.messages import Control, Evidence, Execution, Rejection, Selection, Signal, Ticket

M = TypeVar("M", bound=Message)
M_co = TypeVar("M_co", bound=Message, covariant=True)

DEFAULT_PREFIX = "dispatch."
DEAD_SUFFIX = ".dead"
#: Not a topic of messages: the schemas they are written with, by fingerprint, compacted (kernel.stream.schemas).
SCHEMAS = "schemas"


@dataclass(frozen=True, slots=True)
class Topic(Generic[M]):
    """A topic without its prefix. `key` gives the partition key: equal keys keep their order."""

    name: str
    model: type[M]
    schema_name: str
    key: Callable[[M], str]

    def full_name(self, prefix: str = DEFAULT_PREFIX) -> str:
        """Return the broker's name of the topic."""
        return prefix + self.name

    def dead_name(self, prefix: str = DEFAULT_PREFIX) -> str:
        """Return the broker's name of its dead letters."""
        return prefix + self.name + DEAD_SUFFIX


SIGNALS: Topic[Signal] = Topic("signals", Signal, "signal", lambda m: m.idea.underlying)
SELECTIONS: Topic[Selection] = Topic("selections", Selection, "selection", lambda m: m.idea.underlying)
TICKETS: Topic[Ticket] = Topic("tickets", Ticket, "ticket", lambda m: m.idea.underlying)
EXECUTIONS: Topic[Execution] = Topic("executions", Execution, "execution", lambda m: m.idea.underlying)
REJECTIONS: Topic[Rejection] = Topic("rejections", Rejection, "rejection", lambda m: m.idea.underlying)
EVIDENCE: Topic[Evidence] = Topic("evidence", Evidence, "evidence", lambda m: m.input_id)
CONTROL: Topic[Control] = Topic("control", Control, "control", lambda m: m.scope)

ALL_TOPICS: tuple[Topic[Any], ...] = (
    SIGNALS,
    SELECTIONS,
    TICKETS,
    EXECUTIONS,
    REJECTIONS,
    EVIDENCE,
    CONTROL,
)
#: Topics a stage reads, and which therefore can have dead letters.
CONSUMED_TOPICS: tuple[Topic[Any], ...] = (SIGNALS, SELECTIONS, TICKETS)
