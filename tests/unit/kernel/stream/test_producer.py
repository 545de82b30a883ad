"""What a failed write means, without a broker."""

import asyncio
import json
from typing import Any

import pytest
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaConnectionError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    UnknownProducerId,
)

from kernel.contracts.codec import Codec
from kernel.contracts.topics import EVIDENCE, SIGNALS
from kernel.domain.errors import InvariantBroken, UnprocessableError
from kernel.stream import producer as producing
from kernel.stream.producer import KafkaPublisher, LogUnavailable
from kernel.stream.stage import Emission
from kernel.testing.builders import a_signal
from tests.contracts.samples import an_evidence
from tests.fakes.revisions import changed, exported, own_store, values, with_field, written
from tests.fakes.waiting import eventually


class FailingProducer:
    """Raises `error` for every record, or takes it."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.start_error: Exception | None = None
        self.stopped = False
        self.values: list[bytes] = []
        self.topics: list[str] = []

    async def start(self) -> None:
        if self.start_error is not None:
            raise self.start_error

    async def stop(self) -> None:
        self.stopped = True

    async def send(self, topic: str, value: bytes, **__: Any) -> Any:
        self.topics.append(topic)
        self.values.append(value)

        async def answer() -> None:
            if self.error is not None:
                raise self.error

        return answer()


def a_publisher() -> tuple[KafkaPublisher, FailingProducer, list[float]]:
    now = [0.0]
    publisher = KafkaPublisher("nowhere:9", "test.", "test", monotonic=lambda: now[0])
    producer = FailingProducer()
    publisher._producer = producer  # type: ignore[assignment]
    return publisher, producer, now


async def write(publisher: KafkaPublisher) -> None:
    await publisher.publish_raw("test.signals", b"SPY", b"value")


async def test_a_broker_that_is_away_is_tried_again() -> None:
    publisher, producer, _ = a_publisher()
    producer.error = KafkaConnectionError("away")
    with pytest.raises(LogUnavailable):
        await write(publisher)


async def test_nothing_is_sent_before_its_evidence_is_acknowledged() -> None:
    publisher, producer, _ = a_publisher()
    emissions: list[Emission] = [Emission(SIGNALS, a_signal()), Emission(EVIDENCE, an_evidence())]
    producer.error = KafkaConnectionError("away")
    with pytest.raises(LogUnavailable):
        await publisher.publish(emissions)
    assert producer.topics == ["test.evidence"]

    producer.error = None
    await publisher.publish(emissions)
    assert producer.topics[1:] == ["test.evidence", "test.signals"]


async def test_a_record_the_broker_calls_too_large_is_never_tried_again() -> None:
    publisher, producer, _ = a_publisher()
    producer.error = MessageSizeTooLargeError("too large")
    with pytest.raises(UnprocessableError):
        await write(publisher)


async def test_a_producer_that_fails_for_two_minutes_stops_the_process() -> None:
    publisher, producer, now = a_publisher()
    producer.error = KafkaConnectionError("away")
    for at in (0.0, 60.0, 120.0):
        now[0] = at
        with pytest.raises(LogUnavailable):
            await write(publisher)
    now[0] = 120.1
    with pytest.raises(InvariantBroken, match="taken nothing for 120 s"):
        await write(publisher)


async def test_a_success_in_between_begins_the_count_anew() -> None:
    publisher, producer, now = a_publisher()
    producer.error = KafkaConnectionError("away")
    with pytest.raises(LogUnavailable):
        await write(publisher)
    now[0], producer.error = 100.0, None
    await write(publisher)
    now[0], producer.error = 200.0, KafkaConnectionError("away again")
    with pytest.raises(LogUnavailable):
        await write(publisher)


@pytest.mark.parametrize("error", [OutOfOrderSequenceNumber, UnknownProducerId, InvalidProducerEpoch])
async def test_a_producer_that_lost_count_is_replaced_for_the_next_try(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one partition it can never write again, while others succeed: no count of failures would tell."""
    publisher, broken, _ = a_publisher()
    fresh = FailingProducer()
    monkeypatch.setattr(publisher, "_make", lambda: fresh)
    broken.error = error()

    with pytest.raises(LogUnavailable):
        await write(publisher)
    await write(publisher)

    assert fresh.values == [b"value"]
    assert broken.values == [b"value"]
    await eventually(lambda: broken.stopped)


async def test_lanes_that_fail_together_make_one_new_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher, broken, _ = a_publisher()
    made: list[FailingProducer] = []

    def make() -> FailingProducer:
        made.append(FailingProducer())
        return made[-1]

    monkeypatch.setattr(publisher, "_make", make)
    broken.error = OutOfOrderSequenceNumber()

    await asyncio.gather(*(write(publisher) for _ in range(8)), return_exceptions=True)

    assert len(made) == 1


async def test_a_broker_that_is_away_while_the_producer_is_replaced_leaves_that_to_the_next_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher, broken, _ = a_publisher()
    unborn, fresh = FailingProducer(), FailingProducer()
    unborn.start_error = KafkaConnectionError("away")
    makes = iter([unborn, fresh])
    monkeypatch.setattr(publisher, "_make", lambda: next(makes))
    broken.error = OutOfOrderSequenceNumber()

    for _ in range(2):
        with pytest.raises(LogUnavailable):
            await write(publisher)
    await write(publisher)

    assert unborn.stopped
    assert fresh.values == [b"value"]


async def test_what_was_written_before_goes_out_in_the_bytes_it_was_written_in() -> None:
    publisher, producer, _ = a_publisher()
    newer = changed("signal", with_field("note", ["null", "string"], default=None))
    wire = written(newer, values(a_signal()) | {"note": "what this release knows nothing of"})
    await publisher.publish([Emission(SIGNALS, a_signal(), wire=wire), Emission(SIGNALS, a_signal())])
    assert producer.values == [wire, Codec().encode(SIGNALS, a_signal())]


async def test_how_other_revisions_write_is_announced_for_who_passes_their_bytes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, theirs = (
        own_store(),
        exported("signal", changed("signal", with_field("note", "string", default=""))),
    )
    store.learn(theirs)
    monkeypatch.setattr(producing, "load_store", lambda: store)
    publisher, producer, _ = a_publisher()
    await publisher.announce_others()
    assert [json.loads(value) for value in producer.values if json.loads(value) in theirs.values()]
    assert not [value for value in producer.values if json.loads(value) in store.announced().values()]
