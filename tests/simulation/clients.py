"""A process's side of the log: the project's own publisher over a model producer, and a consumer for `Consumption`."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from aiokafka.errors import KafkaTimeoutError

from kernel.contracts.topics import DEFAULT_PREFIX
from kernel.stream.consuming import Consumption
from kernel.stream.handling import RawRecord
from kernel.stream.producer import Header, KafkaPublisher
from tests.simulation.link import Link, Lost
from tests.simulation.log import Fenced, LogRecord, ModelLog, Partition, Seat
from tests.simulation.loop import SimulatedLoop

_HEARTBEAT_S = 3.3
_COMMIT_S = 0.5
_AGAIN_S = 0.3


class ModelProducer:
    """What KafkaPublisher needs of aiokafka's producer. Records of one producer are appended in the order of `send`."""

    def __init__(self, loop: SimulatedLoop, link: Link, log: ModelLog) -> None:
        self._loop = loop
        self._link = link
        self._log = log
        self._next_s = 0.0
        self._broken_until_s = 0.0

    async def send(
        self, topic: str, value: bytes | None, *, key: bytes | None, headers: Sequence[Header] = ()
    ) -> "asyncio.Future[LogRecord]":
        """Return what will be the record once the log has acknowledged it, or a KafkaError."""
        loop, link = self._loop, self._link
        answer: asyncio.Future[LogRecord] = loop.create_future()
        now_s = loop.time()
        if link.is_lost_there():
            # An idempotent producer lets nothing overtake what it could not write: all of it fails.
            self._broken_until_s = max(self._broken_until_s, now_s + link.silence_s())
        if now_s < self._broken_until_s:
            loop.at(self._broken_until_s - now_s, _fail, answer)
        else:
            self._next_s = max(self._next_s + 1e-6, now_s + link.way_s())
            loop.at(self._next_s - now_s, self._append, answer, topic, key, value, headers)
        return answer

    def _append(
        self,
        answer: "asyncio.Future[LogRecord]",
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header],
    ) -> None:
        if self._link.weather.down:
            self._loop.at(self._link.silence_s(), _fail, answer)
            return
        record = self._log.append(topic, key, value, headers)
        if self._link.is_lost_back():
            self._loop.at(self._link.silence_s(), _fail, answer)
        else:
            self._loop.at(self._link.way_s(), _acknowledge, answer, record)


class ModelPublisher(KafkaPublisher):
    """The project's publisher, as it is; only what carries its bytes is a model."""

    def __init__(self, loop: SimulatedLoop, producer: ModelProducer, stage: str) -> None:
        super().__init__("a model", DEFAULT_PREFIX, stage, monotonic=loop.time)
        self._producer = producer


class ModelConsumer:
    """A member of a group: reads its partitions for a Consumption, commits what that acknowledges."""

    def __init__(self, link: Link, log: ModelLog, group: str, topic: str, member: str) -> None:
        self._link = link
        self._log = log
        self._group = group
        self._topic = topic
        self._member = member
        self._seat: Seat | None = None
        self._done: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._commits = 0
        self._news = asyncio.Event()

    async def run(self, consumption: Consumption) -> None:
        """Read for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._live())
            group.create_task(self._commit_for_ever())
            while True:
                await self._read(await self._join(), consumption)

    async def leave(self) -> None:
        """Commit what is done and go."""
        seat, self._seat = self._seat, None
        try:
            if seat is not None:
                await self._commit(seat)
                await self._link.ask(lambda: self._log.leave(self._group, self._member))
        except (Lost, Fenced):
            return

    async def _join(self) -> Seat:
        while True:
            try:
                seat: Seat = await self._link.ask(
                    lambda: self._log.join(self._group, self._topic, self._member)
                )
            except Lost:
                await asyncio.sleep(_AGAIN_S)
            else:
                self._done, self._committed, self._seat = {}, dict(seat.offsets), seat
                return seat

    async def _read(self, seat: Seat, consumption: Consumption) -> None:
        positions = dict(seat.offsets)
        while self._seat is seat:
            try:
                records = await self._link.ask(lambda: self._log.fetch(positions))
            except Lost:
                await asyncio.sleep(_AGAIN_S)
                continue
            for record in records:
                if self._seat is not seat:
                    return
                place = (record.topic, record.partition)
                positions[place] = record.offset + 1
                await consumption.take(_raw(record), partial(self._acknowledge, place, record.offset))

    def _acknowledge(self, place: Partition, offset: int) -> None:
        if offset + 1 > self._committed.get(place, offset + 1):
            self._done[place] = max(offset + 1, self._done.get(place, 0))
            self._news.set()

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            seat = self._seat
            if seat is not None:
                await self._unless_fenced(seat, lambda g: self._log.heartbeat(self._group, self._member, g))

    async def _commit_for_ever(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(_COMMIT_S)
            self._news.clear()
            seat = self._seat
            if seat is not None:
                await self._commit(seat)

    async def _commit(self, seat: Seat) -> None:
        offsets = {p: o for p, o in self._done.items() if p in seat.offsets and o > self._committed[p]}
        self._commits += 1
        number = self._commits

        def carry_out(generation: int) -> None:
            if number == self._commits:  # one given up before was cut off with its connection
                self._log.commit(self._group, self._member, generation, offsets)

        if offsets and await self._unless_fenced(seat, carry_out):
            self._committed |= offsets
        elif offsets:
            self._news.set()

    async def _unless_fenced(self, seat: Seat, work: Callable[[int], None]) -> bool:
        try:
            await self._link.ask(lambda: work(seat.generation))
        except Lost:
            return False
        except Fenced:
            if self._seat is seat:
                self._seat = None
            return False
        return True


def _raw(record: LogRecord) -> RawRecord:
    return RawRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
    )


def _acknowledge(answer: "asyncio.Future[LogRecord]", record: LogRecord) -> None:
    if not answer.done():
        answer.set_result(record)


def _fail(answer: "asyncio.Future[LogRecord]") -> None:
    if not answer.done():
        answer.set_exception(KafkaTimeoutError())
