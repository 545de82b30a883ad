"""A group that is formed anew under its reader: always one kind of error, wherever it happens."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError

from kernel.domain.errors import TransientError
from kernel.stream import group
from kernel.stream.group import GroupReader

BOTH = {TopicPartition("signals", 0), TopicPartition("signals", 1)}
OFFSETS = {("signals", 0): 7, ("signals", 1): 7}


class Consumer:
    """An AIOKafkaConsumer of a topic of two partitions, in which `moves` takes one of them away."""

    def __init__(self) -> None:
        self.listener: Any = None
        self.mine = set(BOTH)
        self.during: Callable[[], Awaitable[None]] | None = None

    def __call__(self, **_: object) -> "Consumer":
        return self

    async def moves(self) -> None:
        """Another member comes."""
        self.mine = {TopicPartition("signals", 0)}
        await self.listener.on_partitions_assigned(self.mine)

    def subscribe(self, _: list[str], *, listener: Any) -> None:
        self.listener = listener

    async def start(self) -> None:
        await self.listener.on_partitions_assigned(self.mine)

    async def stop(self) -> None:
        """Nothing to let go."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {tp.partition for tp in BOTH if tp.topic == topic}

    def assignment(self) -> set[TopicPartition]:
        return self.mine

    def paused(self) -> set[TopicPartition]:
        return set()

    async def getmany(self, **_: object) -> dict[TopicPartition, list[Any]]:
        if self.during is not None:
            await self.during()
        return {}

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 7)

    async def offsets_for_times(self, times: Iterable[TopicPartition]) -> dict[TopicPartition, None]:
        return dict.fromkeys(times)

    async def position(self, tp: TopicPartition) -> int:
        self._check(tp)
        return 7

    def seek(self, tp: TopicPartition, _: int) -> None:
        self._check(tp)

    def pause(self, *partitions: TopicPartition) -> None:
        for tp in partitions:
            self._check(tp)

    def resume(self, *partitions: TopicPartition) -> None:
        self.pause(*partitions)

    def _check(self, tp: TopicPartition) -> None:
        if tp not in self.mine:
            raise IllegalStateError(f"{tp} is not assigned")


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Consumer:
    made = Consumer()
    monkeypatch.setattr(group, "AIOKafkaConsumer", made)
    return made


async def _positions(reader: GroupReader) -> None:
    await reader.positions()


async def _seek(reader: GroupReader) -> None:
    reader.seek(OFFSETS)


async def _hold(reader: GroupReader) -> None:
    reader.hold(OFFSETS)


async def _poll(reader: GroupReader) -> None:
    await reader.poll()


@pytest.mark.parametrize("call", [_positions, _seek, _hold, _poll])
async def test_partitions_that_were_taken_away_are_told_as_a_group_formed_anew(
    consumer: Consumer, call: Callable[[GroupReader], Awaitable[None]]
) -> None:
    async with GroupReader("kafka", "next", ["signals"]) as reader:
        await call(reader)
        await consumer.moves()
        with pytest.raises(TransientError, match="the group next was formed anew"):
            await call(reader)


async def test_what_a_poll_brings_from_a_group_formed_meanwhile_is_not_taken(consumer: Consumer) -> None:
    async with GroupReader("kafka", "next", ["signals"]) as reader:
        consumer.during = consumer.moves
        with pytest.raises(TransientError, match="formed anew"):
            await reader.poll()


async def test_ends_tell_of_the_partitions_it_was_opened_with(consumer: Consumer) -> None:
    async with GroupReader("kafka", "next", ["signals"]) as reader:
        await consumer.moves()
        assert await reader.ends() == OFFSETS
        assert reader.partitions == set(OFFSETS)
        assert await reader.since(datetime(2026, 6, 5, tzinfo=UTC)) == OFFSETS
