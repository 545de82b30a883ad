"""/v1beta1/{indicative,opra} and /v2/{iex,sip,test}: the market data websockets.

The Content-Type of the handshake says how a client's frames are written: MessagePack, or JSON, which the option
streams do not speak.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Response, WebSocket, WebSocketDisconnect

from simulator.brokerage import Brokerage
from simulator.faults import CONNECT_FAULTS, FaultKind, Faults, Strike
from simulator.feeds.rules import (
    OPTION_FEEDS,
    STOCK_FEEDS,
    Endpoint,
    StreamError,
    option_endpoint,
    stock_endpoint,
)
from simulator.feeds.session import error_frame
from simulator.feeds.streams import DataClient, DataStreams
from simulator.feeds.wire import Codec, decode, encode

_STREAM_ERROR = frozenset({FaultKind.STREAM_ERROR})


def data_stream_routes(brokerage: Brokerage, streams: DataStreams) -> APIRouter:
    """Return the websocket routes."""
    router = APIRouter()
    for endpoint in (*map(option_endpoint, OPTION_FEEDS), *map(stock_endpoint, STOCK_FEEDS)):
        router.add_api_websocket_route(endpoint.path, _route(brokerage, streams, endpoint))
    return router


def _route(
    brokerage: Brokerage, streams: DataStreams, endpoint: Endpoint
) -> Callable[[WebSocket], Awaitable[None]]:
    def is_muted(key: str) -> bool:
        holder = brokerage.holder_of(key)
        return brokerage.desk_of(holder).faults.is_muted(endpoint.path)

    async def stream(websocket: WebSocket) -> None:
        if brokerage.shared.faults.take(CONNECT_FAULTS, endpoint.path):
            await websocket.send_denial_response(Response(status_code=503))
            return
        await websocket.accept()
        codec = Codec.MSGPACK if "msgpack" in websocket.headers.get("Content-Type", "") else Codec.JSON
        if endpoint.is_options and codec is Codec.JSON:
            await _refuse_json(websocket)
            return
        client = streams.join(endpoint, codec, is_muted)
        try:
            await _serve(websocket, client, streams, brokerage.shared.faults)
        finally:
            streams.leave(client)

    return stream


async def _refuse_json(websocket: WebSocket) -> None:
    """Say that options are told in MessagePack alone, and again to whatever the client says."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await websocket.send_text(encode(error_frame(StreamError.MSGPACK_ONLY), Codec.JSON).decode())
            if (await websocket.receive())["type"] == "websocket.disconnect":
                return


async def _serve(websocket: WebSocket, client: DataClient, streams: DataStreams, faults: Faults) -> None:
    client.say(client.session.greet())
    writing = asyncio.create_task(_write(websocket, client))
    waiting = asyncio.create_task(_await_authentication(client, streams.rules.auth_timeout_s))
    reading = asyncio.create_task(_read(websocket, client, faults))
    try:
        await asyncio.wait({writing, reading}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (writing, waiting, reading):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await task


async def _read(websocket: WebSocket, client: DataClient, faults: Faults) -> None:
    while True:
        frame = await websocket.receive()
        if frame["type"] == "websocket.disconnect":
            return
        said = decode(frame["text"] if frame.get("text") is not None else frame["bytes"])
        strike = faults.take(_STREAM_ERROR, client.session.endpoint.path)
        client.say(error_frame(_error_of(strike)) if strike else client.session.receive(said))


def _error_of(strike: Strike) -> StreamError:
    codes = {int(error) for error in StreamError}
    return StreamError(strike.status) if strike.status in codes else StreamError.INTERNAL


async def _write(websocket: WebSocket, client: DataClient) -> None:
    while (frame := await client.outbox.get()) is not None:
        if client.codec is Codec.JSON:
            await websocket.send_text(frame.decode())
        else:
            await websocket.send_bytes(frame)
    await websocket.close()


async def _await_authentication(client: DataClient, timeout_s: float) -> None:
    await asyncio.sleep(timeout_s)
    if not client.session.is_authenticated:
        client.outbox.close(encode(error_frame(StreamError.AUTH_TIMEOUT), client.codec))
