"""What happens around every request: who may ask, at which instant it is answered, faults, header and journal.

1. Every HTTP answer carries `X-Venue-Clock`: the instant it was made for, and the clock's speed.
2. /sim is for loopback only; /healthz is open; everything else needs keys (any will do: there is one account).
3. A fault after acceptance lets the request do its work and loses the answer.
"""

import asyncio
import logging
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.api.wire import answer
from simulator.desk import Desk
from simulator.faults import REQUEST_FAULTS, Fault, FaultKind
from simulator.wire_time import rfc3339

CLOCK_HEADER = "X-Venue-Clock"

_log = logging.getLogger(__name__)

_DEFAULT_STATUS = {FaultKind.DOWN: 503, FaultKind.ERROR_BEFORE_ACCEPT: 500, FaultKind.ERROR_AFTER_ACCEPT: 504}


class VenueShell:
    """ASGI middleware of the whole venue."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        path = scope["path"]
        if path == "/healthz" or path.startswith("/sim/"):
            allowed = path == "/healthz" or _is_loopback(scope)
            await self._respond(
                self._app if allowed else answer({"message": "forbidden."}, 403), scope, receive, send
            )
            return
        recorder = _Recorder(send)
        await self._trade(scope, receive, recorder)
        self._journal(scope, recorder.status)

    async def _trade(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _has_keys(Headers(scope=scope)):
            await self._respond(answer({"message": "unauthorized."}, 401), scope, receive, send)
            return
        fault = self._desk.faults.take(REQUEST_FAULTS, scope["path"], scope["method"])
        if fault is None:
            await self._respond(self._app, scope, receive, send)
        else:
            await self._misbehave(fault, scope, receive, send)

    async def _misbehave(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.kind:
            case FaultKind.LATENCY:
                await asyncio.sleep(fault.delay_ms / 1000)
                await self._respond(self._app, scope, receive, send)
            case FaultKind.TIMEOUT:
                await self._respond(self._app, scope, receive, _Delayed(send, fault.delay_ms / 1000))
            case FaultKind.ERROR_AFTER_ACCEPT:
                await self._respond(self._app, scope, receive, _swallow)
                await self._respond(_error(fault), scope, receive, send)
            case _:
                await self._respond(_error(fault), scope, receive, send)

    async def _respond(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `app` answer for the present instant, and say so in the header."""
        scope["state"]["venue_at"] = self._desk.clock.now()

        async def with_clock(message: Message) -> None:
            if message["type"] == "http.response.start":
                at, speed = scope["state"]["venue_at"], self._desk.clock.speed
                header = f"{rfc3339(at)};speed={speed:g}"
                message["headers"] = [*message["headers"], (CLOCK_HEADER.lower().encode(), header.encode())]
            await send(message)

        try:
            await app(scope, receive, with_clock)
        except Exception:  # noqa: BLE001  whatever failed, the client gets an answer and the log the reason
            _log.exception("%s %s failed", scope["method"], scope["path"])
            failure = answer({"code": 50010000, "message": "internal server error occurred"}, 500)
            await failure(scope, receive, with_clock)

    def _journal(self, scope: Scope, status: int) -> None:
        state: dict[str, Any] = scope["state"]
        at: datetime = state["venue_at"]
        fields = {"method": scope["method"], "path": scope["path"], "status": status}
        if state.get("client_order_id"):
            fields["client_order_id"] = state["client_order_id"]
        self._desk.journal.write("request", at, fields)


class _Recorder:
    """Passes an answer on and keeps its status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


class _Delayed:
    """Holds an answer back."""

    def __init__(self, send: Send, delay_s: float) -> None:
        self._send = send
        self._delay_s = delay_s

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(self._delay_s)
        await self._send(message)


async def _swallow(_message: Message) -> None:
    """The answer is lost on its way."""


def _error(fault: Fault) -> ASGIApp:
    return answer({"message": f"injected fault: {fault.kind}"}, fault.status or _DEFAULT_STATUS[fault.kind])


def _has_keys(headers: Headers) -> bool:
    key, secret = headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")
    return bool(key and secret) or headers.get("Authorization", "").startswith("Bearer ")


def _is_loopback(scope: Scope) -> bool:
    client = scope.get("client")
    return client is not None and ip_address(client[0]).is_loopback
