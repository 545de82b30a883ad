"""What deciding again asks of a stage. The replay shell, the shadow's comparison and the case files drive it.

1. The stage object is the live one; only its ports differ: they answer from the evidence of one recorded decision.
2. An answer that was not recorded raises NotRecorded. Nothing asks the outside instead: what a `Replay` is made of
   knows no venue, no database and no broker, which the import rules hold.
3. Time stands where the recorded decision saw it.
"""

from typing import Any, Protocol, TypeVar

from kernel.contracts.base import Message
from kernel.contracts.messages import Evidence
from kernel.contracts.topics import Topic
from kernel.domain.errors import TradingError
from kernel.stream.stage import Emissions

In_contra = TypeVar("In_contra", bound=Message, contravariant=True)


class NotRecorded(TradingError):
    """A decision asks for an answer that its evidence does not hold; the text says which."""


class Replay(Protocol[In_contra]):
    """A stage that decides on recorded evidence."""

    @property
    def consumes(self) -> Topic[Any]:
        """The topic of its inputs."""
        ...

    @property
    def answers(self) -> tuple[Topic[Any], ...]:
        """The topics its decisions go to; evidence is not among them."""
        ...

    async def decide(self, message: In_contra, evidence: Evidence | None) -> Emissions:
        """Return what the stage answers to `message`, given what was seen then (None: no evidence was found).

        Raises NotRecorded.
        """
        ...

    def decided(self, message: Message) -> bool:
        """Tell whether an answer of the stage, on one of `answers`, was decided on evidence.

        What only passes on another's word, such as a fill, cannot be decided again: a comparison leaves it out.
        """
        ...
