"""Writes messages to Kafka: idempotent, acknowledged by all replicas before `publish` returns.

A publisher first announces how it writes: its schemas are on the topic `schemas` before its first message is anywhere
(kernel.stream.schemas says what readers make of that).
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    UnknownProducerId,
    UnknownTopicOrPartitionError,
)

from kernel.contracts.codec import Codec
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import EVIDENCE, SCHEMAS
from kernel.domain.errors import InvariantBroken, TransientError, UnprocessableError
from kernel.runtime.logging import get_logger
from kernel.runtime.metrics import EMITTED
from kernel.stream.stage import Emission, Emissions

Header = tuple[str, bytes]
_log = get_logger()

#: Evidence of a large chain is some 100 KB; ten times that leaves room and still bounds a mistake.
MAX_MESSAGE_BYTES = 1_048_576
#: A dead letter is its message and headers that say why, so its topics and its producer must take more.
MAX_DEAD_LETTER_BYTES = 2 * MAX_MESSAGE_BYTES
#: A producer that has failed for so long may be broken for good; a new process has a new one.
_FAILING_LIMIT_S = 120.0
#: aiokafka counts a batch that it gave up on, the broker does not: after a time-out every later batch of that partition is
#: refused, while those of others pass. Only a producer with a number of its own begins to count anew.
_LOST_COUNT = (OutOfOrderSequenceNumber, UnknownProducerId, InvalidProducerEpoch)
_STOP_S = 10.0


class LogUnavailable(TransientError):
    """Kafka did not acknowledge."""


class KafkaPublisher:
    """One producer per process. Use as an async context manager."""

    def __init__(
        self,
        bootstrap_servers: str,
        prefix: str,
        stage: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._prefix = prefix
        self._stage = stage
        self._codec = Codec()
        self._producer: AIOKafkaProducer | None = None
        self._monotonic = monotonic
        self._failing_since_s: float | None = None
        self._renewing = asyncio.Lock()
        self._stopping: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._producer = self._make()
        try:
            await self._producer.start()
            await self._announce(self._producer)
        except BaseException as e:
            await self._producer.stop()
            if isinstance(e, KafkaError):
                raise LogUnavailable(f"Kafka at {self._bootstrap_servers} did not answer: {e}") from e
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._producer is not None
        for task in self._stopping:
            task.cancel()
        await asyncio.wait_for(self._producer.stop(), _STOP_S)

    async def publish(self, emissions: Emissions) -> None:
        """Write `emissions` in order; returns when all are acknowledged, raises LogUnavailable if one was not,
        UnprocessableError if one is too large ever to be, and InvariantBroken after two minutes without a success.

        Evidence is acknowledged before anything else is sent: no decision is ever seen whose grounds are not kept.
        """
        evidence = [e for e in emissions if e.topic.name == EVIDENCE.name]
        outputs = [e for e in emissions if e.topic.name != EVIDENCE.name]
        for part in (evidence, outputs):
            await self._acknowledged([await self._send(e) for e in part])
        for emission in emissions:
            EMITTED.labels(self._stage, emission.topic.name).inc()

    async def publish_raw(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Iterable[Header] = ()
    ) -> None:
        """Write bytes as they are to a topic given by its full name (dead letters, outbox)."""
        await self._acknowledged([await self._send_raw(topic, key, value, list(headers))])

    async def announce_others(self) -> None:
        """Say how other revisions known here write, too: for who passes on what they wrote in their own bytes."""
        store = load_store()
        for fingerprint, entry in store.export().items():
            if fingerprint not in store.announced():
                value = json.dumps(entry, sort_keys=True).encode()
                await self.publish_raw(self._prefix + SCHEMAS, fingerprint.encode(), value)

    async def _announce(self, producer: AIOKafkaProducer) -> None:
        """Say how this release writes. The same key and value as last time: the topic is compacted."""
        topic = self._prefix + SCHEMAS
        try:
            sent = [
                await producer.send(
                    topic, json.dumps(entry, sort_keys=True).encode(), key=fingerprint.encode()
                )
                for fingerprint, entry in load_store().announced().items()
            ]
            await asyncio.gather(*sent)
        except UnknownTopicOrPartitionError as e:
            msg = f"there is no topic {topic}; make the topics with: dispatch topics create"
            raise LogUnavailable(msg) from e

    def _make(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            client_id=f"dispatch-{self._stage}",
            enable_idempotence=True,  # implies acks=all
            linger_ms=0,
            max_request_size=MAX_DEAD_LETTER_BYTES,
            request_timeout_ms=10_000,
        )

    async def _renew(self, broken: AIOKafkaProducer) -> None:
        """Put another producer in the place of `broken`, unless somebody did; whoever waits for one of its records is told."""
        async with self._renewing:
            if self._producer is not broken:
                return
            producer = self._make()
            try:
                await producer.start()
            except KafkaError:
                await producer.stop()
                return  # the next failure tries again
            self._producer = producer
            _log.warning("the producer lost count and was replaced", stage=self._stage)
            stopping = asyncio.create_task(_stop(broken))
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)

    async def _send(self, emission: Emission[Any]) -> asyncio.Future[Any]:
        value = emission.wire or self._codec.encode(emission.topic, emission.message)
        return await self._send_raw(emission.topic.full_name(self._prefix), emission.key.encode(), value, [])

    async def _send_raw(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[Header]
    ) -> asyncio.Future[Any]:
        assert self._producer is not None, "the publisher was not opened"
        if key is None and value is None:
            value = b""  # another client can write such a record, aiokafka cannot; it must not stop a stage
        try:
            future: asyncio.Future[Any] = await self._producer.send(topic, value, key=key, headers=headers)
        except KafkaError as e:
            raise self._failure(e, topic) from e
        return future

    async def _acknowledged(self, sent: list[asyncio.Future[Any]]) -> None:
        producer = self._producer
        try:
            await asyncio.gather(*sent)
        except KafkaError as e:
            if isinstance(e, _LOST_COUNT):
                await self._renew(producer)
            raise self._failure(e, "its topic") from e
        self._failing_since_s = None

    def _failure(self, error: KafkaError, topic: str) -> Exception:
        """Return what a failed write means: too large for ever, broken for too long, or to be tried again."""
        if isinstance(error, MessageSizeTooLargeError):
            return UnprocessableError(f"a message is too large for {topic}: {error}")
        now_s = self._monotonic()
        if self._failing_since_s is None:
            self._failing_since_s = now_s
        if now_s - self._failing_since_s > _FAILING_LIMIT_S:
            return InvariantBroken(
                f"Kafka has taken nothing for {now_s - self._failing_since_s:.0f} s: {error}"
            )
        return LogUnavailable(f"Kafka did not acknowledge: {type(error).__name__}: {error}")


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop a producer that is of no use any more, whatever it says to that."""
    with suppress(KafkaError, TimeoutError):
        await asyncio.wait_for(producer.stop(), _STOP_S)
