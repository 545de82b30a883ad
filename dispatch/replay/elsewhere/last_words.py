"""What a process says on its standard error, of which only the last is kept."""

import asyncio

_KEPT_BYTES = 64 * 1024


class LastWords:
    """Reads `stream` from now on, so that who writes to it never waits; `close` ends that."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._kept = b""
        self._reading = asyncio.create_task(self._read(stream), name="last words")

    async def all_said(self, within_s: float) -> None:
        """Wait until the other end has closed the stream, or for so long."""
        await asyncio.wait({self._reading}, timeout=within_s)

    def lines(self, count: int) -> list[str]:
        """Return the last lines."""
        return self._kept.decode("utf-8", "replace").splitlines()[-count:]

    async def close(self) -> None:
        """Read no more."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while said := await stream.read(_KEPT_BYTES):
            self._kept = (self._kept + said)[-_KEPT_BYTES:]
