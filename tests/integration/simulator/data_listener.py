"""Ears for data streams: alpaca-py's streams in a thread, and a bare websocket client for what they hide."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Self

import msgpack
import orjson
import websockets
from alpaca.data.live.option import OptionDataStream
from alpaca.data.live.stock import StockDataStream
from alpaca.data.live.websocket import DataStream

from simulator.server import VenueThread
from tests.integration.simulator.at_venue import DEADLINE_S, eventually

AUTH = {"action": "auth", "key": "key", "secret": "secret"}
MSGPACK = {"Content-Type": "application/msgpack"}


def ws(venue: VenueThread, path: str) -> str:
    """Return a stream's address."""
    return venue.url.replace("http", "ws", 1) + path


class Ears:
    """Runs an alpaca-py data stream in a thread of its own while it is entered; `heard` is what handlers were given."""

    def __init__(self, stream: DataStream) -> None:
        self.stream = stream
        self.heard: list[Any] = []
        self._thread = threading.Thread(target=stream.run, name="ears", daemon=True)

    @classmethod
    def for_options(cls, venue: VenueThread, *, raw: bool = False) -> Self:
        """Return ears at the indicative option stream."""
        url = ws(venue, "/v1beta1/indicative")
        return cls(OptionDataStream("key", "secret", raw_data=raw, url_override=url))

    @classmethod
    def for_stocks(cls, venue: VenueThread, *, raw: bool = False) -> Self:
        """Return ears at the iex stock stream."""
        return cls(StockDataStream("key", "secret", raw_data=raw, url_override=ws(venue, "/v2/iex")))

    async def hear(self, message: Any) -> None:
        """Keep a message: the handler to subscribe."""
        self.heard.append(message)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self.stream._running, "the stream runs")
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.stop()
        self._thread.join(DEADLINE_S)


class Bare:
    """A bare client; `json` frames are text, others MessagePack whose timestamps become datetimes."""

    def __init__(self, url: str, *, json: bool = False) -> None:
        self._json = json
        headers = {} if json else MSGPACK
        self._connecting: AbstractAsyncContextManager[Any] = websockets.connect(
            url, additional_headers=headers
        )
        self.socket: Any = None

    async def __aenter__(self) -> Self:
        self.socket = await self._connecting.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._connecting.__aexit__(*error)

    async def say(self, message: object) -> None:
        """Send one message."""
        frame = orjson.dumps(message).decode() if self._json else msgpack.packb(message)
        await self.socket.send(frame)

    async def listen(self) -> list[dict[str, Any]]:
        """Return the next frame."""
        frame = await asyncio.wait_for(self.socket.recv(), DEADLINE_S)
        told = orjson.loads(frame) if isinstance(frame, str) else msgpack.unpackb(frame, timestamp=3)
        assert isinstance(told, list), "every frame is an array"
        return told

    async def asked(self, message: object) -> list[dict[str, Any]]:
        """Send a message and return the next frame."""
        await self.say(message)
        return await self.listen()

    async def ready(self, **channels: Sequence[str]) -> Self:
        """Authenticate, and subscribe if there is something to subscribe to."""
        assert (await self.listen())[0]["msg"] == "connected"
        assert (await self.asked(AUTH))[0]["msg"] == "authenticated"
        if channels:
            await self.asked({"action": "subscribe", **channels})
        return self

    async def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first message that fits."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                for message in await self.listen():
                    if fits(message):
                        return message


def an_error(code: int, text: str) -> list[dict[str, Any]]:
    """Return the frame of an error."""
    return [{"T": "error", "code": code, "msg": text}]
