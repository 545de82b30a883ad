"""Work that meets an unknown schema: the log is asked, and the work runs again."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from kernel.contracts.codec import Codec
from kernel.contracts.schema_store import schema_fingerprint
from kernel.contracts.topics import SIGNALS
from kernel.domain.errors import TransientError, UnknownSchema
from kernel.runtime.health import Health
from kernel.stream.schemas import LogSchemas
from kernel.testing.builders import a_signal
from tests.fakes.revisions import changed, exported, own_store, values, with_field, written

NEXT = changed("signal", with_field("note", ["null", "string"], default=None))
DATA = written(NEXT, values(a_signal()) | {"note": "later"})


class Log:
    """The topic of schemas; first raises what the test put into `errors`."""

    def __init__(self, announced: dict[str, Any], errors: Sequence[Exception] = ()) -> None:
        self.store = own_store()
        self.codec = Codec(self.store)
        self.asked = 0
        self._announced = announced
        self._errors = list(errors)
        self.schemas = LogSchemas(self._learn, stage="selector", health=Health(), store=self.store)

    async def _learn(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self._errors:
            raise self._errors.pop(0)
        self.store.learn(self._announced)

    async def work(self) -> object:
        return self.codec.decode(SIGNALS, DATA)


async def test_what_the_log_knows_is_read_at_the_second_try() -> None:
    log = Log(exported("signal", NEXT))
    assert await log.schemas.knowing(log.work) == a_signal()
    assert await log.schemas.knowing(log.work) == a_signal()
    assert log.asked == 1


async def test_what_nobody_announced_is_asked_for_once() -> None:
    log = Log({})
    for _ in range(2):
        with pytest.raises(UnknownSchema):
            await log.schemas.knowing(log.work)
    assert log.asked == 1


async def test_many_that_meet_the_same_schema_ask_together() -> None:
    log = Log(exported("signal", NEXT))
    assert await asyncio.gather(*[log.schemas.knowing(log.work) for _ in range(8)]) == [a_signal()] * 8
    assert log.asked == 1


async def test_a_log_that_is_away_is_asked_again(naps: list[float]) -> None:
    log = Log(exported("signal", NEXT), [TransientError("away"), TransientError("away")])
    assert await log.schemas.knowing(log.work) == a_signal()
    assert log.asked == 3


async def test_it_is_found_among_what_a_group_of_tasks_raised() -> None:
    log = Log(exported("signal", NEXT))
    runs = []

    async def work() -> None:
        runs.append(1)
        async with asyncio.TaskGroup() as group:
            group.create_task(log.work())

    await log.schemas.knowing(work)
    assert len(runs) == 2


async def test_work_that_fails_for_another_reason_is_not_run_again() -> None:
    log = Log(exported("signal", NEXT))
    runs = []

    async def work() -> None:
        runs.append(1)
        raise ExceptionGroup("tasks", [ValueError("a bug")])

    with pytest.raises(ExceptionGroup):
        await log.schemas.knowing(work)
    assert (len(runs), log.asked) == (1, 0)


async def test_work_that_cannot_use_what_was_learnt_ends() -> None:
    log = Log(exported("signal", NEXT))

    async def work() -> None:
        raise UnknownSchema("by another store", schema_fingerprint(NEXT))

    with pytest.raises(UnknownSchema):
        await log.schemas.knowing(work)
    assert log.asked == 1


async def test_of_what_nobody_announced_only_the_last_are_remembered() -> None:
    log = Log({})
    prints = [number.to_bytes(8, "big") for number in range(1_001)]
    for fingerprint in prints:
        assert not await log.schemas.find(fingerprint)
    await log.schemas.find(prints[-1])
    assert log.asked == 1_001
    await log.schemas.find(prints[0])
    assert log.asked == 1_002
