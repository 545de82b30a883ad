"""A process from start to stop, with a log that needs no Kafka; its web is real."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any, Self

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from kernel.contracts.schema_store import load_store
from kernel.domain.errors import (
    ConfigError,
    DatabaseUnavailable,
    InvariantBroken,
    TransientError,
    UnknownSchema,
)
from kernel.runtime.settings import ServiceSettings
from kernel.stream.process import Process, run, run_until
from tests.fakes.log import FakeLog
from tests.fakes.waiting import eventually

DEADLINE_S = 10.0


class Resource:
    """Notes when it is opened and closed."""

    def __init__(self, name: str, notes: list[str], *errors: Exception) -> None:
        self._name = name
        self._notes = notes
        self._errors = list(errors)

    async def __aenter__(self) -> Self:
        if self._errors:
            raise self._errors.pop(0)
        self._notes.append(f"{self._name} opened")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._notes.append(f"{self._name} closed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def a_process(port: int = 0, **parts: Any) -> Process:
    settings = ServiceSettings.from_env({"DISPATCH_HTTP_PORT": str(port), "DISPATCH_REVISION": "test"})
    return Process(**({"name": "test", "settings": settings, "publisher": FakeLog()} | parts))


async def for_ever() -> None:
    await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def running(process: Process) -> AsyncIterator[httpx.AsyncClient]:
    """Run `process` until the block ends; yield a client of its web."""
    stop = asyncio.Event()
    url = f"http://127.0.0.1:{process.settings.http_port}"
    async with asyncio.TaskGroup() as group, httpx.AsyncClient(base_url=url) as client:
        group.create_task(run_until(process, stop))
        try:
            yield client
        finally:
            stop.set()


async def status(client: httpx.AsyncClient, path: str) -> int:
    try:
        return (await client.get(path)).status_code
    except httpx.TransportError:
        return 0


async def is_ready(client: httpx.AsyncClient) -> bool:
    return await status(client, "/readyz") == 200


async def test_what_a_process_needs_is_opened_in_order_and_closed_in_reverse() -> None:
    notes: list[str] = []

    async def start() -> None:
        notes.append("started")

    process = a_process(
        free_port(), resources=[Resource("database", notes), Resource("venue", notes)], start=start
    )
    async with running(process) as client:
        await eventually(lambda: is_ready(client))
    assert notes == ["database opened", "venue opened", "started", "venue closed", "database closed"]
    assert (process.publisher.opened, process.publisher.closed) == (1, 1)  # type: ignore[attr-defined]


async def test_a_process_waits_for_what_is_away_and_says_so_meanwhile(naps: list[float]) -> None:
    back = asyncio.Event()

    async def start() -> None:
        if not back.is_set():
            raise DatabaseUnavailable("connection refused")

    process = a_process(free_port(), start=start)
    async with running(process) as client:

        async def says_why() -> bool:
            with contextlib.suppress(httpx.TransportError):
                answer = await client.get("/readyz")
                return answer.status_code == 503 and "connection refused" in answer.text
            return False

        await eventually(says_why)
        assert await status(client, "/livez") == 200
        back.set()
        await eventually(lambda: is_ready(client))


async def test_a_resource_that_is_away_is_tried_again(naps: list[float]) -> None:
    notes: list[str] = []
    away = Resource("kafka", notes, TransientError("no broker"), TransientError("no broker"))
    process = a_process(free_port(), resources=[away])
    async with running(process) as client:
        await eventually(lambda: is_ready(client))
    assert notes == ["kafka opened", "kafka closed"]


async def test_a_task_that_fails_ends_the_process_and_everything_is_closed() -> None:
    notes: list[str] = []

    async def breaks() -> None:
        raise InvariantBroken("a second order")

    process = a_process(resources=[Resource("database", notes)], tasks={"other": for_ever, "relay": breaks})
    with pytest.raises(InvariantBroken, match="a second order"):
        await asyncio.wait_for(run_until(process, asyncio.Event()), DEADLINE_S)
    assert notes == ["database opened", "database closed"]


async def test_a_task_that_meets_another_revisions_message_runs_again_once_the_log_told_its_schema() -> None:
    runs: list[int] = []

    async def relay() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise UnknownSchema("another revision's", next(iter(load_store().fingerprints.values())))
        await for_ever()

    process = a_process(free_port(), tasks={"relay": relay})

    async def runs_again() -> bool:
        return len(runs) == 2

    async with running(process) as client:
        await eventually(runs_again)
        await eventually(lambda: is_ready(client))


async def test_a_request_that_meets_another_revisions_message_is_to_be_sent_again() -> None:
    def routes(app: FastAPI) -> None:
        async def post() -> None:
            raise UnknownSchema("another revision's", next(iter(load_store().fingerprints.values())))

        app.add_api_route("/signals", post, methods=["POST"])

    async with running(a_process(free_port(), routes=routes)) as client:
        await eventually(lambda: is_ready(client))
        answer = await client.post("/signals")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


async def test_a_task_that_just_ends_ends_the_process_too() -> None:
    async def ends() -> None:
        return

    with pytest.raises(RuntimeError, match="'relay' of this process ended"):
        await asyncio.wait_for(run_until(a_process(tasks={"relay": ends}), asyncio.Event()), DEADLINE_S)


async def test_tasks_are_cancelled_when_the_process_is_asked_to_stop() -> None:
    cancelled = []

    async def task() -> None:
        try:
            await for_ever()
        except asyncio.CancelledError:
            cancelled.append("relay")
            raise

    process = a_process(free_port(), tasks={"relay": task})
    async with running(process) as client:
        await eventually(lambda: is_ready(client))
    assert cancelled == ["relay"]


async def test_no_task_is_left_when_stop_is_asked_for_in_the_moment_of_being_up() -> None:
    stop = asyncio.Event()

    async def start() -> None:
        stop.set()

    await asyncio.wait_for(run_until(a_process(start=start, tasks={"relay": for_ever}), stop), DEADLINE_S)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_a_request_that_is_being_answered_gets_its_answer_while_the_process_stops() -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()
    notes: list[str] = []

    def routes(app: FastAPI) -> None:
        async def slow() -> dict[str, list[str]]:
            asked.set()
            await may_answer.wait()
            return {"closed": [note for note in notes if "closed" in note]}

        app.add_api_route("/slow", slow)

    process = a_process(free_port(), routes=routes, resources=[Resource("database", notes)])
    stop = asyncio.Event()
    ending = asyncio.create_task(run_until(process, stop))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.settings.http_port}") as client:
        await eventually(lambda: is_ready(client))
        asking = asyncio.create_task(client.get("/slow"))
        await asked.wait()
        stop.set()
        await asyncio.sleep(0)
        may_answer.set()
        assert (await asking).json() == {"closed": []}
    await asyncio.wait_for(ending, DEADLINE_S)
    assert "database closed" in notes


async def test_after_the_end_the_port_is_free_again() -> None:
    process = a_process(free_port())
    for _ in range(2):
        async with running(process) as client:
            await eventually(lambda: is_ready(client))


async def test_a_port_in_use_is_told_by_its_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="DISPATCH_HTTP_PORT: cannot listen on 127"):
            await run_until(a_process(taken.getsockname()[1]), asyncio.Event())


def test_a_wrong_setting_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def build() -> Process:
        raise ConfigError("DISPATCH_HTTP_PORT: must be a number; see .env.example")

    with pytest.raises(SystemExit) as ended:
        run(build)
    assert ended.value.code == 2
    assert capsys.readouterr().err == "DISPATCH_HTTP_PORT: must be a number; see .env.example\n"


def test_a_crash_is_exit_code_1() -> None:
    def build() -> Process:
        raise InvariantBroken("a second order")

    with pytest.raises(SystemExit) as ended, capture_logs() as lines:
        run(build)
    assert ended.value.code == 1
    assert [line["log_level"] for line in lines] == ["critical"]
