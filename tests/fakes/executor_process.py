"""The executor's process as app.py wires it, without Kafka: a test hands the tickets over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Self
from unittest.mock import patch

import pytest

from kernel.contracts.messages import Ticket
from kernel.domain.errors import TransientError
from kernel.stream.process import Process
from kernel.stream.stage import Stage
from services.executor import app
from services.executor.adapters.postgres_readiness import PostgresReadiness
from services.executor.core.readiness import Readiness
from services.executor.settings import ExecutorSettings


class _AnotherListens(PostgresReadiness):
    async def readiness(self) -> Readiness:
        return Readiness(stream_ready=True, reconciled=True)


class Executor:
    """The process of app.py without Kafka: its resources, its start, its stage, its tracking."""

    def __init__(self, settings: ExecutorSettings, *, listens_alone: bool = False) -> None:
        """Unless it `listens_alone`, its orders are sent as if another worker listened to the venue for all."""
        board = PostgresReadiness if listens_alone else _AnotherListens
        with patch.object(app, "PostgresReadiness", board):
            self.process: Process = app.build(settings)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for resource in self.process.resources:
            await self._stack.enter_async_context(resource)
        assert self.process.start is not None
        await self.process.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def deliver(self, ticket: Ticket) -> None:
        """Hand over a ticket as the shell does: again after each outside failure."""
        stage: Stage[Ticket] | None = self.process.stage
        assert stage is not None
        for _ in range(50):
            try:
                assert await stage.handle(ticket) == []
            except TransientError:
                await asyncio.sleep(0.05)
            else:
                return
        pytest.fail("the ticket was never done with")

    @asynccontextmanager
    async def tracking(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.process.tasks["tracking"]())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
