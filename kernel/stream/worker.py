"""The live shell: Faust reads, the handler works, Faust commits what is done.

Faust joins the group, assigns partitions and commits offsets; decoding, dead letters, retries and writing are ours
(kernel.stream.handling, kernel.stream.consuming), because Faust drops the record an agent raises on and acknowledges
before the log does.

1. The first broken invariant ends `run`: the process stops, nothing unfinished is acknowledged.
2. A consumer that stays silent while records wait ends `run` too: Faust has been seen alive and not consuming. So does
   an assignment that left the topic out (kernel.stream.assigning).
"""

import asyncio
from typing import Any

from aiokafka.errors import KafkaError
from faust.types import StreamT

from kernel.domain.errors import InvariantBroken
from kernel.runtime.logging import get_logger
from kernel.stream.assigning import StrictApp, StrictAssignor
from kernel.stream.consuming import Consumption
from kernel.stream.handling import Handler, RawRecord

_log = get_logger()
_SESSION_TIMEOUT_S = 10.0
_STOP_DEADLINE_S = 10.0
_WATCH_EVERY_S = 10.0
#: Longer than a rebalance with a slow member; shorter than a trader's patience.
_SILENT_LIMIT_S = 60.0


class Worker:
    """Consumes one topic with one handler until it is stopped or an invariant breaks."""

    def __init__(self, handler: Handler[Any], bootstrap_servers: str) -> None:
        self._handler = handler
        self._app = _faust_app(handler.name, handler.prefix, bootstrap_servers)
        topic = self._app.topic(
            handler.consumes.full_name(handler.prefix),
            value_type=bytes,
            value_serializer="raw",
            key_type=bytes,
            key_serializer="raw",
        )
        # Faust would name the agent after this module; the stage's name is its identity in the group.
        self._agent = self._app.agent(topic, name=handler.name)(self._consume)

    async def run(self) -> None:
        """Consume until cancelled; raises what broke the handler."""
        self._consumption = Consumption(self._handler)
        self._app.on_partitions_assigned.connect(self._joined, weak=False)
        left_out = asyncio.create_task(self._app.until_left_out(), name="consumer assignment")
        await self._app.start()
        watch = asyncio.create_task(self._watch(), name="consumer watch")
        failure = asyncio.create_task(self._consumption.failed(), name="consumer failure")
        try:
            done, _ = await asyncio.wait([watch, failure, left_out], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            watch.cancel()
            failure.cancel()
            left_out.cancel()
            await asyncio.gather(watch, failure, left_out, return_exceptions=True)
            await self._consumption.drain()
            await self._stop()

    async def _joined(self, *_: object, **__: object) -> None:
        self._handler.health.started("consumer")

    async def _consume(self, stream: StreamT[bytes]) -> None:
        async for event in stream.noack().events():  # type: ignore[attr-defined]
            message = event.message
            record = RawRecord(
                topic=message.topic,
                partition=message.partition,
                offset=message.offset,
                key=message.key,
                value=message.value,
            )
            await self._consumption.take(record, event.ack)

    async def _watch(self) -> None:
        """Raise InvariantBroken when records wait and none has arrived or finished for too long."""
        silent_s, seen = 0.0, -1
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            waits = await self._records_wait()
            moved = self._handler.health.progress_count != seen
            seen = self._handler.health.progress_count
            silent_s = 0.0 if moved or not waits else silent_s + _WATCH_EVERY_S
            if silent_s >= _SILENT_LIMIT_S:
                raise InvariantBroken(f"records wait but none was consumed for {silent_s:.0f} s")

    async def _records_wait(self) -> bool:
        consumer = self._app.consumer
        assigned = consumer.assignment()
        if not assigned:
            return False
        try:
            ends = await asyncio.wait_for(consumer.highwaters(*assigned), _WATCH_EVERY_S)
            positions = {tp: await consumer.position(tp) or 0 for tp in assigned}
        except (TimeoutError, KafkaError):
            return False  # the broker is away: that is no stall of ours
        return any(ends[tp] > positions[tp] for tp in assigned)

    async def _stop(self) -> None:
        try:
            await asyncio.wait_for(self._app.stop(), _STOP_DEADLINE_S)
        except TimeoutError:
            _log.warning("the consumer did not stop in time; unfinished records will be read again")


def _faust_app(name: str, prefix: str, bootstrap_servers: str) -> StrictApp:
    brokers = ";".join(f"kafka://{server}" for server in bootstrap_servers.split(","))
    return StrictApp(
        f"{prefix}{name}",
        broker=brokers,
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=_SESSION_TIMEOUT_S,
        broker_heartbeat_interval=_SESSION_TIMEOUT_S / 3,
        broker_commit_interval=0.5,
        broker_max_poll_interval=300.0,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        consumer_max_fetch_size=1_048_576,
        processing_guarantee="at_least_once",
        producer_acks=-1,
        PartitionAssignor=StrictAssignor,
    )
