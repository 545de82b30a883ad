"""A TCP go-between that a test can cut or make hang. All of them run in one thread with a loop of its own."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Any, Self

from dispatch.stack.waiting import LOOPBACK

_CHUNK = 1 << 16


class Way(Enum):
    """What becomes of what is sent: it passes, it is cut off at once, or it neither arrives nor fails."""

    OPEN = "open"
    CUT = "cut"
    HANGS = "hangs"


class Proxy:
    """Listens at `port`; passes on to `target`, a port of this machine that is set once it is known."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.target = 0
        self._flows = asyncio.Event()
        self._flows.set()
        self._way = Way.OPEN
        self._connections: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        """Listen until cancelled."""
        server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        async with server:
            await server.serve_forever()

    def set(self, way: Way) -> None:
        """Change the way, for connections there are and those to come."""
        self._way = way
        if way is Way.HANGS:
            self._flows.clear()
        else:
            self._flows.set()
        if way is Way.CUT:
            for writer in list(self._connections):
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._way is Way.CUT:
            writer.transport.abort()
            return
        await self._flows.wait()
        try:
            onward_reader, onward = await asyncio.open_connection(LOOPBACK, self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, onward}
        self._connections |= both
        try:
            await asyncio.gather(self._pass_on(reader, onward), self._pass_on(onward_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._connections -= both
            for each in both:
                each.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        await self._flows.wait()
        with suppress(OSError):
            writer.write_eof()


class Proxies:
    """A thread that runs go-betweens. Use as a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._listening: list[asyncio.Future[None]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def add(self, port: int) -> Proxy:
        """Start a go-between at `port`."""

        async def start() -> Proxy:
            proxy = Proxy(port)
            self._listening.append(asyncio.ensure_future(proxy.listen()))
            await asyncio.sleep(0)
            return proxy

        made: Proxy = self._run(start())
        return made

    def set(self, proxy: Proxy, way: Way) -> None:
        """Change a go-between's way, from any thread."""
        self._loop.call_soon_threadsafe(proxy.set, way)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _end(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=5)
