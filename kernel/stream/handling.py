"""What happens to one record, in every live shell: decode, handle, write the outputs, or write a dead letter.

1. When `handle_record` returns, the record may be acknowledged: its outputs or its dead letter are in the log.
2. When it raises, nothing may be acknowledged and the process must stop.
3. A record another revision wrote is a dead letter only if its schema is neither in the history nor in the log.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.topics import Topic
from kernel.domain.errors import UnprocessableError
from kernel.runtime.health import Health
from kernel.runtime.logging import get_logger, story
from kernel.runtime.metrics import HANDLE_SECONDS, HANDLED, IN_FLIGHT
from kernel.stream.dead_letter import DeadLetter
from kernel.stream.producer import KafkaPublisher
from kernel.stream.retry import retry_in_place
from kernel.stream.stage import Emissions, Stage

In = TypeVar("In", bound=Message)
_log = get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """A record as Kafka gave it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Writers(Protocol):
    """Knows how to find the schemas of other revisions (kernel.stream.schemas.LogSchemas)."""

    async def knowing(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work`; where it meets a schema unknown here, find it and run it again, or raise UnknownSchema."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler(Generic[In]):
    """Drives a stage for the records of its topic."""

    name: str
    consumes: Topic[In]
    stage: Stage[In]
    publisher: KafkaPublisher
    health: Health
    prefix: str
    codec: Codec
    writers: Writers

    async def handle_record(self, record: RawRecord) -> None:
        """Handle one record to the end."""
        self.health.arrived()
        started = time.perf_counter()
        try:
            with IN_FLIGHT.labels(self.name).track_inprogress():
                await self._decode_and_handle(record)
        finally:
            self.health.finished()
            HANDLE_SECONDS.labels(self.name).observe(time.perf_counter() - started)

    async def _decode_and_handle(self, record: RawRecord) -> None:
        try:
            # Besides the record itself, what the stage kept of its input may be another revision's.
            await self.writers.knowing(lambda: self._once(record))
        except UnprocessableError as e:
            HANDLED.labels(self.name, "dead").inc()
            await self._bury(record, e)
        else:
            HANDLED.labels(self.name, "ok").inc()

    async def _once(self, record: RawRecord) -> None:
        message = self.codec.decode(self.consumes, record.value or b"")
        with story(message.meta.correlation_id):
            await self._decide_and_publish(message)

    async def _decide_and_publish(self, message: In) -> None:
        async def decide() -> Emissions:
            return await self.stage.handle(message)

        emissions = await retry_in_place(decide, stage=self.name, health=self.health)
        await self._write(lambda: self.publisher.publish(emissions))

    async def _write(self, work: Callable[[], Awaitable[None]]) -> None:
        await retry_in_place(work, stage=self.name, health=self.health)

    async def _bury(self, record: RawRecord, error: UnprocessableError) -> None:
        letter = DeadLetter(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            stage=self.name,
            error=type(error).__name__,
            reason=str(error),
        )
        _log.error(
            "dead letter",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=str(error),
        )
        dead = self.consumes.dead_name(self.prefix)
        await self._write(
            lambda: self.publisher.publish_raw(dead, record.key, record.value, letter.headers())
        )
