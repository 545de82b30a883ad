"""What a Kafka that fails while it is read means, without a broker."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from kernel.domain.errors import TransientError
from kernel.stream.reader import LogReader

T = TypeVar("T")
PARTITION = TopicPartition("test.signals", 0)


class FailingConsumer:
    """A consumer of one record per partition, whose `failing` method fails."""

    def __init__(self, failing: str) -> None:
        self._failing = failing

    def assignment(self) -> set[TopicPartition]:
        return {PARTITION}

    async def offsets_for_times(self, _: Any) -> dict[TopicPartition, None]:
        return self._answer("offsets_for_times", {PARTITION: None})

    async def end_offsets(self, _: Any) -> dict[TopicPartition, int]:
        return self._answer("end_offsets", {PARTITION: 1})

    async def position(self, _: TopicPartition) -> int:
        return self._answer("position", 0)

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        return self._answer("getmany", {PARTITION: []})

    async def seek_to_end(self) -> bool:
        return self._answer("seek_to_end", value=True)

    def _answer(self, method: str, value: T) -> T:
        if method == self._failing:
            raise KafkaConnectionError("away")
        return value


async def since(reader: LogReader) -> None:
    await reader.since(datetime(2026, 6, 5, tzinfo=UTC))


async def to_the_end(reader: LogReader) -> None:
    async for _ in reader.to_the_end():
        pass


async def follow(reader: LogReader) -> None:
    async for _ in reader.follow():
        pass


async def to_now(reader: LogReader) -> None:
    await reader.to_now()


@pytest.mark.parametrize(
    ("read", "failing"),
    [
        (since, "offsets_for_times"),
        (since, "end_offsets"),
        (to_the_end, "end_offsets"),
        (to_the_end, "position"),
        (to_the_end, "getmany"),
        (follow, "getmany"),
        (to_now, "seek_to_end"),
    ],
)
async def test_a_broker_that_goes_away_while_it_is_read_is_a_transient_failure_that_names_it(
    read: Callable[[LogReader], Awaitable[None]], failing: str
) -> None:
    reader = LogReader("nowhere:9", ["test.signals"])
    reader._consumer = FailingConsumer(failing)
    with pytest.raises(
        TransientError, match=r"Kafka at nowhere:9 did not answer: KafkaConnectionError: .*away"
    ):
        await read(reader)
