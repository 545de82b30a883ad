"""Waiting with a deadline, and free ports."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


def wait_until(condition: Callable[[], bool], deadline_s: float, interval_s: float = 0.05) -> bool:
    """Poll `condition` until it holds; False if `deadline_s` seconds passed without it."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(interval_s)
    return True


def free_ports(count: int) -> list[int]:
    """Return `count` different TCP ports that are free on the loopback address now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]
