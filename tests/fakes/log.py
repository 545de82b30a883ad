"""Kafka as the shell sees it: a publisher that keeps what it was given."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Self

from kernel.stream.producer import Header
from kernel.stream.stage import Emission, Emissions


class FakeLog:
    """A KafkaPublisher without Kafka. Each error in `fails_with` is raised once, in order, instead of writing."""

    def __init__(self) -> None:
        self.published: list[Emission[Any]] = []
        self.raw: list[tuple[str, bytes | None, bytes | None, list[Header]]] = []
        self.fails_with: list[Exception] = []
        self.opened = 0
        self.closed = 0

    async def __aenter__(self) -> Self:
        self._fail()
        self.opened += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed += 1

    async def publish(self, emissions: Emissions) -> None:
        self._fail()
        self.published += emissions

    async def publish_raw(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Iterable[Header] = ()
    ) -> None:
        self._fail()
        self.raw.append((topic, key, value, list(headers)))

    def _fail(self) -> None:
        if self.fails_with:
            raise self.fails_with.pop(0)


class KnownWriters:
    """The schemas of a log in which nobody writes otherwise than we do."""

    async def knowing(self, work: Callable[[], Awaitable[None]]) -> None:
        await work()
