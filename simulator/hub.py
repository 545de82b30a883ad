"""Trade updates on their way to the one connection that may listen."""

import asyncio
from collections import deque

from simulator.faults import UPDATE_FAULTS, FaultKind, Faults, Strike

#: A client that lets this many updates pile up is too slow and loses the oldest.
_QUEUE_MAX = 10_000
_PATH = "/stream"


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
        self._held_back: list[bytes] = []

    @property
    def is_listened_to(self) -> bool:
        """Tell whether a connection listens."""
        return self._subscriber is not None and self._subscriber.listens

    def join(self) -> Subscriber | None:
        """Return the connection's place, or None when it is taken."""
        return None if self._subscriber is not None else self.seat(Subscriber())

    def seat(self, subscriber: Subscriber) -> Subscriber | None:
        """Give a connection that is known already the place, or return None when it is taken."""
        if self._subscriber not in (None, subscriber):
            return None
        self._subscriber = subscriber
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Free the place."""
        if self._subscriber is subscriber:
            self._subscriber = None

    def publish(self, message: bytes) -> None:
        """Send an update to whoever listens, unless a fault has it otherwise."""
        strike = self._faults.take(UPDATE_FAULTS, _PATH)
        if self._faults.is_muted(_PATH):
            return
        if strike is not None and strike.kind is FaultKind.REORDER_UPDATES:
            self._hold_back(message, strike)
            return
        copies = {None: 1, FaultKind.DROP_UPDATES: 0, FaultKind.DUPLICATE_UPDATES: 2}
        for _ in range(copies[strike.kind if strike else None]):
            self._send(message)
        self._release()

    def _hold_back(self, message: bytes, strike: Strike) -> None:
        """Keep an update until the next one was sent; where none comes, until the fault's delay is over."""
        self._held_back.append(message)
        asyncio.get_running_loop().call_later(strike.delay_s, self._release)

    def _release(self) -> None:
        held_back, self._held_back = self._held_back, []
        for message in reversed(held_back):
            self._send(message)

    def _send(self, message: bytes) -> None:
        if self._subscriber is not None and self.is_listened_to:
            self._subscriber.put(message)
