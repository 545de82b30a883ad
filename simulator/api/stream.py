"""/stream: trade updates. JSON in binary frames, as Alpaca sends them; one connection per account at a time.

Where all keys share one account, a second connection is refused with HTTP 429, as Alpaca does. Where accounts have
keys of their own nobody knows whose a connection is before it authenticates; it is then closed.
"""

import asyncio
import contextlib
from typing import Any

import orjson
from fastapi import APIRouter, Response, WebSocket, WebSocketDisconnect

from simulator.brokerage import Brokerage
from simulator.faults import CONNECT_FAULTS
from simulator.hub import Subscriber, UpdateHub
from simulator.keys import KeyRing
from simulator.venue.identity import holder_of_token

_TRY_AGAIN_LATER = 1013


def stream_routes(brokerage: Brokerage) -> APIRouter:
    """Return the websocket route."""
    router = APIRouter()

    @router.websocket("/stream")
    async def trade_updates(websocket: WebSocket) -> None:
        if brokerage.shared.faults.take(CONNECT_FAULTS, "/stream"):
            await websocket.send_denial_response(Response(status_code=503))
            return
        connection = _Connection(websocket, brokerage)
        if brokerage.is_single and not connection.sit_down(brokerage.shared.hub):
            await websocket.send_denial_response(Response(status_code=429))
            return
        try:
            await websocket.accept()
            await connection.serve()
        finally:
            connection.leave()

    return router


class _Connection:
    """One client: its conversation, and its place at an account's hub."""

    def __init__(self, websocket: WebSocket, brokerage: Brokerage) -> None:
        self._websocket = websocket
        self._brokerage = brokerage
        self._subscriber = Subscriber()
        self._hub: UpdateHub | None = None
        self._authorized = False

    def sit_down(self, hub: UpdateHub) -> bool:
        """Take the place at a hub; tell whether it was free."""
        if hub.seat(self._subscriber) is None:
            return False
        if self._hub is not hub:
            self.leave()
        self._hub = hub
        return True

    def leave(self) -> None:
        """Free the place."""
        if self._hub is not None:
            self._hub.leave(self._subscriber)

    async def serve(self) -> None:
        """Read and write until the client goes."""
        writing = asyncio.create_task(self._write())
        try:
            with contextlib.suppress(WebSocketDisconnect):
                await self._read()
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError):
                await writing

    async def _read(self) -> None:
        while True:
            frame = await self._websocket.receive()
            if frame["type"] == "websocket.disconnect":
                return
            message = _parse(frame.get("bytes") or (frame.get("text") or "").encode())
            action = message.get("action")
            if not isinstance(action, str):
                continue
            if action in {"authenticate", "auth"} and not self._authenticate(message):
                await self._websocket.close(_TRY_AGAIN_LATER, "connection limit exceeded")
                return
            if action == "listen" and not self._authorized:
                self._subscriber.put(_authorization(action="listen", authorized=False))
            elif action == "listen":
                self._subscriber.put(_listening(self._subscriber, message))

    def _authenticate(self, message: dict[str, Any]) -> bool:
        """Let the client in if it has keys; tell whether its account's place was free."""
        key = _key_of(message, self._brokerage.keys)
        if key is not None and not self.sit_down(self._brokerage.desk_of(key).hub):
            return False
        self._authorized = key is not None
        self._subscriber.put(_authorization(action="authenticate", authorized=self._authorized))
        return True

    async def _write(self) -> None:
        while True:
            await self._websocket.send_bytes(await self._subscriber.get())


def _listening(subscriber: Subscriber, message: dict[str, Any]) -> bytes:
    """A listen replaces the set of streams; an empty one stops."""
    asked = _object(message.get("data")).get("streams")
    streams = [s for s in asked if s == "trade_updates"] if isinstance(asked, list) else []
    subscriber.listens = bool(streams)
    return orjson.dumps({"stream": "listening", "data": {"streams": streams}})


def _authorization(*, action: str, authorized: bool) -> bytes:
    status = "authorized" if authorized else "unauthorized"
    return orjson.dumps({"stream": "authorization", "data": {"status": status, "action": action}})


def _key_of(message: dict[str, Any], ring: KeyRing) -> str | None:
    """Return the key id of a message that has keys, the secret being its own."""
    keys = {**message, **_object(message.get("data"))}
    key, secret = keys.get("key_id") or keys.get("key"), keys.get("secret_key") or keys.get("secret")
    if key and secret:
        return str(key) if ring.admits(str(key), str(secret)) else None
    return holder_of_token(str(keys["oauth_token"])) if keys.get("oauth_token") else None


def _parse(frame: bytes) -> dict[str, Any]:
    try:
        return _object(orjson.loads(frame))
    except orjson.JSONDecodeError:
        return {}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
