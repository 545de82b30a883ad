"""/stream: trade updates. JSON in binary frames, as Alpaca sends them; one connection at a time."""

import asyncio
import contextlib
from typing import Any

import orjson
from fastapi import APIRouter, Response, WebSocket, WebSocketDisconnect

from simulator.desk import Desk
from simulator.faults import FaultKind
from simulator.hub import Subscriber

_DOWN = frozenset({FaultKind.DOWN})


def stream_routes(desk: Desk) -> APIRouter:
    """Return the websocket route."""
    router = APIRouter()

    @router.websocket("/stream")
    async def trade_updates(websocket: WebSocket) -> None:
        if desk.faults.take(_DOWN, "/stream"):
            await websocket.send_denial_response(Response(status_code=503))
            return
        subscriber = desk.hub.join()
        if subscriber is None:
            await websocket.send_denial_response(Response(status_code=429))
            return
        try:
            await websocket.accept()
            await _serve(websocket, subscriber)
        finally:
            desk.hub.leave(subscriber)

    return router


async def _serve(websocket: WebSocket, subscriber: Subscriber) -> None:
    """Read and write until the client goes."""
    writing = asyncio.create_task(_write(websocket, subscriber))
    try:
        with contextlib.suppress(WebSocketDisconnect):
            await _read(websocket, subscriber)
    finally:
        writing.cancel()
        with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
            await writing


async def _read(websocket: WebSocket, subscriber: Subscriber) -> None:
    authorized = False
    while True:
        frame = await websocket.receive()
        if frame["type"] == "websocket.disconnect":
            return
        message = _parse(frame.get("bytes") or (frame.get("text") or "").encode())
        action = message.get("action")
        if action in {"authenticate", "auth"}:
            authorized = _has_keys(message)
            subscriber.put(_authorization(action="authenticate", authorized=authorized))
        elif action == "listen" and not authorized:
            subscriber.put(_authorization(action="listen", authorized=False))
        elif action == "listen":
            subscriber.put(_listening(subscriber, message))


async def _write(websocket: WebSocket, subscriber: Subscriber) -> None:
    while True:
        await websocket.send_bytes(await subscriber.get())


def _listening(subscriber: Subscriber, message: dict[str, Any]) -> bytes:
    """A listen replaces the set of streams; an empty one stops."""
    asked = _object(message.get("data")).get("streams")
    streams = [s for s in asked if s == "trade_updates"] if isinstance(asked, list) else []
    subscriber.listens = bool(streams)
    return orjson.dumps({"stream": "listening", "data": {"streams": streams}})


def _authorization(*, action: str, authorized: bool) -> bytes:
    status = "authorized" if authorized else "unauthorized"
    return orjson.dumps({"stream": "authorization", "data": {"status": status, "action": action}})


def _has_keys(message: dict[str, Any]) -> bool:
    keys = {**message, **_object(message.get("data"))}
    pair = (keys.get("key_id") or keys.get("key")) and (keys.get("secret_key") or keys.get("secret"))
    return bool(keys.get("oauth_token") or pair)


def _parse(frame: bytes) -> dict[str, Any]:
    try:
        return _object(orjson.loads(frame))
    except orjson.JSONDecodeError:
        return {}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
