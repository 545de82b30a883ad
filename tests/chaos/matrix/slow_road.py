"""A way to the venue on which a request arrives late, and from which no answer comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


@asynccontextmanager
async def slow_road(venue_url: str, delay_s: float) -> AsyncIterator[str]:
    """Yield an address that passes each request on `delay_s` after it came, whether or not its sender still waits."""
    venue = urlsplit(venue_url)
    carried: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        carried.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            await asyncio.sleep(delay_s)
            await _pass_on(venue.hostname, venue.port, head + body)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.close()
        for task in carried:
            task.cancel()
        await asyncio.gather(*carried, return_exceptions=True)


async def _pass_on(host: str | None, port: int | None, request: bytes) -> None:
    answer, venue = await asyncio.open_connection(host, port)
    try:
        venue.write(request)
        await answer.readuntil(b"\r\n\r\n")
    finally:
        venue.transport.abort()


def _length(head: bytes) -> int:
    lines = [line.partition(b":") for line in head.lower().splitlines()]
    return next(int(value) for name, _, value in lines if name == b"content-length")
