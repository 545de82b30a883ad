"""A way to the venue on which a request arrives late, and from which no answer comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


@asynccontextmanager
async def slow_road(venue_url: str, delay_s: float) -> AsyncIterator[str]:
    """Yield an address that passes each request on `delay_s` after it came, whether or not its sender still waits."""
    venue = urlsplit(venue_url)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            await asyncio.sleep(delay_s)
            answer, request = await asyncio.open_connection(venue.hostname, venue.port)
            async with _closing(request):
                request.write(head + body)
                await answer.readuntil(b"\r\n\r\n")

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def _length(head: bytes) -> int:
    lines = [line.partition(b":") for line in head.lower().splitlines()]
    return next(int(value) for name, _, value in lines if name == b"content-length")
