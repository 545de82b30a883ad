"""StageDriver: messages in, messages out, no broker.

Everything passes through the wire format, as it would live: what a stage emits is encoded with today's schemas and
decoded again before you see it, so a message that could not travel fails the test.

    driver = StageDriver(stage, SIGNALS)
    await driver.send(a_signal())
    (selection,) = driver.of(SELECTIONS)
"""

from typing import Any, Generic, TypeVar

from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.topics import Topic
from kernel.stream.stage import Emission, Emissions, Stage

In = TypeVar("In", bound=Message)
M = TypeVar("M", bound=Message)


class StageDriver(Generic[In]):
    """Drives one stage and keeps what it emitted, in order."""

    def __init__(self, stage: Stage[In], consumes: Topic[In]) -> None:
        self._stage = stage
        self._consumes = consumes
        self._codec = Codec()
        self.emitted: list[Emission[Any]] = []

    async def send(self, message: In) -> list[Emission[Any]]:
        """Hand `message` to the stage; returns (and keeps) what came out. Errors of the stage are raised as they are."""
        arrived = self._codec.decode(self._consumes, self._codec.encode(self._consumes, message))
        out = [self._travelled(e) for e in await self._stage.handle(arrived)]
        self.emitted += out
        return out

    def of(self, topic: Topic[M]) -> list[M]:
        """Return the messages emitted to `topic` so far, oldest first."""
        return [e.message for e in self.emitted if e.topic.name == topic.name]

    def _travelled(self, emission: Emission[M]) -> Emission[M]:
        data = self._codec.encode(emission.topic, emission.message)
        return Emission(emission.topic, self._codec.decode(emission.topic, data))


class RecordingPublisher:
    """A Publisher that keeps what it was given; set `fails_with` to make the next call raise."""

    def __init__(self) -> None:
        self.published: list[Emission[Any]] = []
        self.fails_with: Exception | None = None

    async def publish(self, emissions: Emissions) -> None:
        """Keep `emissions`, or raise once what the test asked for."""
        if self.fails_with is not None:
            error, self.fails_with = self.fails_with, None
            raise error
        self.published += emissions
