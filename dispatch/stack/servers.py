"""What starting Kafka and starting Postgres have in common."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from dispatch.stack.errors import StackError
from dispatch.stack.processes import ChildProcess
from dispatch.stack.waiting import wait_until

_ATTEMPTS = 3


class Server(Protocol):
    """A server on a port of the loopback address."""

    @property
    def process(self) -> ChildProcess: ...

    @property
    def port(self) -> int: ...


S = TypeVar("S", bound=Server)


def bring_up(launch: Callable[[], S], ready: Callable[[S], bool], deadline_s: float) -> S:
    """Launch a server and return it once it is ready; raises StackError with the last line of its log if it is not."""
    for _ in range(_ATTEMPTS):
        server = launch()
        try:
            wait_until(lambda: not server.process.running or ready(server), deadline_s)  # noqa: B023  # used up in this turn
            if server.process.running and ready(server):
                return server
        except BaseException:
            server.process.kill()
            raise
        server.process.kill()
        # Between our choosing a port and the server's binding it another program may take it; anything else is final.
        if "Address already in use" not in server.process.log_tail(60):
            break
    process = server.process
    last_line = process.log_tail(1)
    raise StackError(
        f"{process.name} did not start within {deadline_s:.0f} s; its log is {process.spec.log_path}. Last line: {last_line}"
    )
