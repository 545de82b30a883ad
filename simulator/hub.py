"""Trade updates on their way to the one connection that may listen."""

import asyncio
from collections import deque

from simulator.faults import UPDATE_FAULTS, FaultKind, Faults

#: A client that lets this many updates pile up is too slow and loses the oldest.
_QUEUE_MAX = 10_000


class Subscriber:
    """One connection: what it listens to and what waits for it."""

    def __init__(self) -> None:
        self.listens = False
        self._waiting: deque[bytes] = deque(maxlen=_QUEUE_MAX)
        self._filled = asyncio.Event()

    def put(self, message: bytes) -> None:
        """Queue a message."""
        self._waiting.append(message)
        self._filled.set()

    async def get(self) -> bytes:
        """Return the next message, waiting for it."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting.popleft()


class UpdateHub:
    """At most one subscriber: the venue allows one trade-updates connection per account."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._subscriber: Subscriber | None = None

    @property
    def is_listened_to(self) -> bool:
        """Tell whether a connection listens."""
        return self._subscriber is not None and self._subscriber.listens

    def join(self) -> Subscriber | None:
        """Return the connection's place, or None when it is taken."""
        if self._subscriber is not None:
            return None
        self._subscriber = Subscriber()
        return self._subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Free the place."""
        if self._subscriber is subscriber:
            self._subscriber = None

    def publish(self, message: bytes) -> None:
        """Send an update to whoever listens, unless a fault has it otherwise."""
        fault = self._faults.take(UPDATE_FAULTS, "/stream")
        if self._subscriber is None or not self.is_listened_to:
            return
        copies = {None: 1, FaultKind.DROP_UPDATES: 0, FaultKind.DUPLICATE_UPDATES: 2}
        for _ in range(copies[fault.kind if fault else None]):
            self._subscriber.put(message)
