"""TCP go-betweens that a test can cut or make hang. All of them run in a process of their own: whoever strikes and audits
beside them does not slow them down.
"""

import asyncio
import multiprocessing
import signal
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self, cast

from dispatch.stack.waiting import LOOPBACK

_ANSWER_S = 30.0


class Way(Enum):
    """What becomes of what is sent: it passes, it is cut off at once, or it neither arrives nor fails."""

    OPEN = "open"
    CUT = "cut"
    HANGS = "hangs"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A go-between that listens at `port`."""

    port: int
    _proxies: "Proxies"

    def aim(self, target: int) -> None:
        """Pass on to this port of this machine from now on."""
        self._proxies.tell("aim", self.port, target)

    def set(self, way: Way) -> None:
        """Change the way, for connections there are and those to come; from any thread."""
        self._proxies.tell("set", self.port, way)


class Proxies:
    """The process that runs them. Use as a context manager."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(theirs,), name="proxies", daemon=True)
        self._theirs = theirs
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._ours.close()
        self._process.join(_ANSWER_S)

    def add(self, port: int) -> Proxy:
        """Start a go-between at `port`."""
        self.tell("add", port, None)
        return Proxy(port, self)

    def tell(self, what: str, port: int, value: object) -> None:
        """Have it done; returns when it is."""
        with self._lock:
            self._ours.send((what, port, value))
            if not self._ours.poll(_ANSWER_S):
                raise TimeoutError(f"the go-betweens did not {what} {port}")
            self._ours.recv()


class _Door:
    """A go-between on the inside."""

    def __init__(self) -> None:
        self.target = 0
        self.way = Way.OPEN
        self.flows = asyncio.Event()
        self.flows.set()
        self.ends: set[_End] = set()
        self._dialling: set[asyncio.Task[None]] = set()

    def set(self, way: Way) -> None:
        self.way = way
        if way is Way.HANGS:
            self.flows.clear()
        else:
            self.flows.set()
        for end in list(self.ends):
            if way is Way.CUT:
                end.transport.abort()
            else:
                end.read_if_it_may()

    def dial(self, caller: "_End") -> None:
        task = asyncio.ensure_future(self._connect(caller))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _connect(self, caller: "_End") -> None:
        await self.flows.wait()
        try:
            _, callee = await asyncio.get_running_loop().create_connection(
                lambda: _End(self, called=True), LOOPBACK, self.target
            )
        except OSError:
            caller.transport.abort()
            return
        caller.other, callee.other = callee, caller
        callee.transport.write(caller.early)
        if caller.transport.is_closing() or self.way is Way.CUT:
            caller.transport.abort()
            callee.transport.abort()
        caller.read_if_it_may()
        callee.read_if_it_may()


class _End(asyncio.Protocol):
    """One end of a connection; `other` is where what comes in goes out."""

    transport: asyncio.Transport

    def __init__(self, door: _Door, *, called: bool = False) -> None:
        self._door = door
        self._called = called
        self.other: _End | None = None
        self.early = b""
        self._is_full = False
        self._has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.pause_reading()
        if self._door.way is Way.CUT:
            self.transport.abort()
            return
        self._door.ends.add(self)
        if not self._called:
            self._door.dial(self)

    def read_if_it_may(self) -> None:
        """Read on, unless nothing is to pass or the other end cannot take more."""
        if self.other is None or self.transport.is_closing():
            return
        if self._door.flows.is_set() and not self.other._is_full:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.early += data
        else:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        self._has_ended = True
        if self.other is None:
            return False
        if self.other._has_ended:
            self.transport.close()
            self.other.transport.close()
        elif not self.other.transport.is_closing():
            self.other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        self._fill(True)

    def resume_writing(self) -> None:
        self._fill(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.ends.discard(self)
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.abort()

    def _fill(self, is_full: bool) -> None:
        self._is_full = is_full
        if self.other is not None:
            self.other.read_if_it_may()


def _run(orders: Connection) -> None:
    """Run the go-betweens until nobody gives orders any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who strikes also ends them
    loop = asyncio.new_event_loop()
    threading.Thread(target=_obey, args=(orders, loop), daemon=True).start()
    loop.run_forever()


def _obey(orders: Connection, loop: asyncio.AbstractEventLoop) -> None:
    doors: dict[int, _Door] = {}

    def in_loop(work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(_ANSWER_S)

    while True:
        try:
            what, port, value = orders.recv()
        except EOFError:
            loop.call_soon_threadsafe(loop.stop)
            return
        in_loop(_do(doors, what, port, value))
        orders.send(None)


async def _do(doors: dict[int, _Door], what: str, port: int, value: Any) -> None:
    match what:
        case "add":
            door = doors[port] = _Door()
            await asyncio.get_running_loop().create_server(lambda: _End(door), LOOPBACK, port)
        case "aim":
            doors[port].target = value
        case _:
            doors[port].set(value)
