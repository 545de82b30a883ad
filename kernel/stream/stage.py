"""What a stage is: one message in, messages out. Shells (live, replay, test) drive it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from kernel.contracts.base import Message
from kernel.contracts.topics import Topic

In = TypeVar("In", bound=Message)
M = TypeVar("M", bound=Message)
In_contra = TypeVar("In_contra", bound=Message, contravariant=True)


@dataclass(frozen=True, slots=True)
class Emission(Generic[M]):
    """A message and the topic it goes to; its key follows from the topic.

    `wire` is what it was written as before, if it was: those bytes go out again, with whatever a newer release put in.
    """

    topic: Topic[M]
    message: M
    wire: bytes | None = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> str:
        """The partition key."""
        return self.topic.key(self.message)


Emissions = Sequence[Emission[Any]]


class Stage(Protocol[In_contra]):
    """Gathers from its ports, decides in its core, returns what to emit.

    Raises TransientError when the outside failed (the shell retries), UnprocessableError when the message can never
    be handled (dead letter), anything else as a broken invariant (the process stops, nothing is acknowledged).
    """

    async def handle(self, message: In_contra) -> Emissions:
        """Return the messages `message` leads to, in the order in which they must be written."""
        ...


class Publisher(Protocol):
    """Writes messages outside a stage's input loop (web, scanner, outbox relay)."""

    async def publish(self, emissions: Emissions) -> None:
        """Return once the log has acknowledged all of them; raises TransientError if it could not."""
        ...
