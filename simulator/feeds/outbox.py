"""Frames on their way to one client, which may be slower than the market."""

import asyncio
from collections import deque


class Outbox:
    """A bounded queue of frames. When it overflows, what waits is dropped and `last_words` are all that is sent still."""

    def __init__(self, limit: int, last_words: bytes) -> None:
        self._limit = limit
        self._last_words = last_words
        self.waiting: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._is_closing = False

    def put(self, frame: bytes) -> None:
        """Queue a frame; after an overflow or `close` nothing is taken any more."""
        if self._is_closing:
            return
        if len(self.waiting) >= self._limit:
            self.waiting.clear()
            self.close(self._last_words)
            return
        self.waiting.append(frame)
        self._filled.set()

    def close(self, frame: bytes) -> None:
        """Let `frame` be the last one."""
        self.waiting.append(frame)
        self._is_closing = True
        self._filled.set()

    async def get(self) -> bytes | None:
        """Return the next frame, waiting for it; None when there will be no more."""
        while not self.waiting:
            if self._is_closing:
                return None
            self._filled.clear()
            await self._filled.wait()
        return self.waiting.popleft()
