"""Runs one stage as a process: opens what it needs, consumes, serves health, stops cleanly on SIGTERM.

There is one path for start and for recovery: after a crash the process is simply started again.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from kernel.contracts.codec import Codec
from kernel.contracts.topics import Topic
from kernel.domain.errors import ConfigError, UnknownSchema
from kernel.runtime.health import Health
from kernel.runtime.logging import get_logger, setup_logging
from kernel.runtime.settings import ServiceSettings
from kernel.runtime.web import WebServer, health_app
from kernel.stream.handling import Handler
from kernel.stream.producer import KafkaPublisher
from kernel.stream.retry import retry_in_place
from kernel.stream.schemas import LogSchemas, log_schemas
from kernel.stream.stage import Stage
from kernel.stream.worker import Worker

_log = get_logger()
#: Longer than the web server's own deadline for answers that are under way.
_WEB_STOP_DEADLINE_S = 5.0
Task = Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Process:
    """A stage wired to its adapters; the composition root of each service returns one.

    `resources` are opened in order before anything runs and closed in reverse. `start` runs once after that, retried
    while the outside is down. `tasks` run for ever beside the consumer; one that ends or raises stops the process.
    Where any of these meets a message of a revision unknown here, the log is asked how it is written, and it runs again.
    """

    name: str
    settings: ServiceSettings
    publisher: KafkaPublisher
    health: Health = field(default_factory=Health)
    consumes: Topic[Any] | None = None
    stage: Stage[Any] | None = None
    resources: Sequence[AbstractAsyncContextManager[Any]] = ()
    start: Task | None = None
    tasks: Mapping[str, Task] = field(default_factory=dict)
    routes: Callable[[FastAPI], None] | None = None

    @cached_property
    def schemas(self) -> LogSchemas:
        """How this process learns to read other revisions' messages."""
        settings = self.settings
        return log_schemas(
            settings.kafka_bootstrap_servers, settings.topic_prefix, stage=self.name, health=self.health
        )

    def worker(self) -> Worker | None:
        """Return the consumer of this process, if it reads a topic."""
        if self.consumes is None or self.stage is None:
            return None
        handler = Handler(
            name=self.name,
            consumes=self.consumes,
            stage=self.stage,
            publisher=self.publisher,
            health=self.health,
            prefix=self.settings.topic_prefix,
            codec=Codec(),
            writers=self.schemas,
        )
        return Worker(handler, self.settings.kafka_bootstrap_servers)


def run(build: Callable[[], Process]) -> None:
    """Build and run a process until SIGTERM or SIGINT; exits with 0, or 2 on a settings error, or 1 on a crash."""
    try:
        process = build()
        setup_logging(process.settings.log_level, process.name)
        asyncio.run(run_until_signal(process))
    except ConfigError as e:
        print(e, file=sys.stderr)  # noqa: T201 - one line for the person who starts it; logging may not be set up
        sys.exit(2)
    except Exception:  # noqa: BLE001 - the last line of defence: say it, then let the supervisor start us again
        _log.critical("the process stops without acknowledging", exc_info=True)
        sys.exit(1)


async def run_until_signal(process: Process) -> None:
    """Run until a signal asks to stop, or the first task fails (then that failure is raised)."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run_until(process, stop)


async def run_until(process: Process, stop: asyncio.Event) -> None:
    """Run until `stop` is set or a task fails; everything opened is closed again."""
    async with AsyncExitStack() as stack:
        web = _web(process)
        stack.callback(web.stop)
        running = {"web": asyncio.create_task(web.serve(), name="web")}
        waiting = asyncio.create_task(stop.wait(), name="stop")
        bringing_up = asyncio.create_task(_bring_up(process, stack), name="start")
        try:
            await _first_of({**running, "start": bringing_up}, waiting, until=bringing_up)
            if not stop.is_set():
                running |= bringing_up.result()
                _log.info("running", port=web.port, revision=process.settings.code_revision())
                await _first_of(running, waiting, until=None)
        finally:
            serving = running.pop("web")
            await _cancel([waiting, bringing_up])
            await _cancel([*running.values(), *_tasks_of(bringing_up)])
            web.stop()  # last, while the resources are open: a request that is being answered gets its answer
            await asyncio.wait([serving], timeout=_WEB_STOP_DEADLINE_S)
            await _cancel([serving])


async def _bring_up(process: Process, stack: AsyncExitStack) -> dict[str, asyncio.Task[None]]:
    worker = process.worker()
    if worker is not None:
        process.health.expects("consumer")
    process.health.expects("start")
    for resource in (process.publisher, *process.resources):
        await _open(process, stack, resource)
    await process.schemas.knowing(lambda: _start(process))
    process.health.started("start")
    tasks = {
        name: asyncio.create_task(process.schemas.knowing(task), name=name)
        for name, task in process.tasks.items()
    }
    if worker is not None:
        tasks["consumer"] = asyncio.create_task(worker.run(), name="consumer")
    return tasks


async def _open(process: Process, stack: AsyncExitStack, resource: AbstractAsyncContextManager[Any]) -> None:
    async def enter() -> None:
        await stack.enter_async_context(resource)

    await retry_in_place(enter, stage=process.name, health=process.health)


async def _start(process: Process) -> None:
    if process.start is not None:
        await retry_in_place(process.start, stage=process.name, health=process.health)


async def _first_of(
    tasks: Mapping[str, asyncio.Task[Any]], stop: asyncio.Task[Any], *, until: asyncio.Task[Any] | None
) -> None:
    """Wait for `stop`, for `until` to succeed, or for any other task to end, which is a failure."""
    await asyncio.wait([*tasks.values(), stop], return_when=asyncio.FIRST_COMPLETED)
    for name, task in tasks.items():
        if task.done() and not stop.done():
            task.result()
            if task is not until:
                raise RuntimeError(f"the task {name!r} of this process ended")


def _tasks_of(bringing_up: asyncio.Task[dict[str, asyncio.Task[None]]]) -> list[asyncio.Task[None]]:
    """Return what was started, even where the wish to stop came in the same moment."""
    succeeded = not bringing_up.cancelled() and bringing_up.exception() is None
    return list(bringing_up.result().values()) if succeeded else []


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _learn_and_refuse(process: Process) -> Callable[[Request, Exception], Awaitable[Response]]:
    """A request cannot be run again here: its sender repeats it, and then finds the schema known."""

    async def answer(_: Request, error: Exception) -> Response:
        assert isinstance(error, UnknownSchema)
        with suppress(TimeoutError):
            async with asyncio.timeout(_WEB_STOP_DEADLINE_S):
                await process.schemas.find(error.fingerprint)
        return JSONResponse({"error": "not accepted yet, send it again"}, 503, {"Retry-After": "5"})

    return answer


def _web(process: Process) -> WebServer:
    app = health_app(process.health, f"dispatch {process.name}")
    if process.routes is not None:
        process.routes(app)
        app.add_exception_handler(UnknownSchema, _learn_and_refuse(process))
    try:
        return WebServer(app, process.settings.http_host, process.settings.http_port)
    except OSError as e:
        where = f"{process.settings.http_host}:{process.settings.http_port}"
        raise ConfigError(f"DISPATCH_HTTP_PORT: cannot listen on {where}: {e.strerror}") from e
