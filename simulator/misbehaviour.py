"""How a request fault looks to the client.

A fault after acceptance lets the request do its work and loses, delays or maims the answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from simulator.api.wire import answer
from simulator.connections import hang_up
from simulator.faults import FaultKind, Faults, Strike

Handle = Callable[[Scope, Receive, Send], Awaitable[None]]

_DEFAULT_STATUS = {
    FaultKind.DOWN: 503,
    FaultKind.MAINTENANCE: 503,
    FaultKind.RATE_LIMIT: 429,
    FaultKind.ERROR_BEFORE_ACCEPT: 500,
    FaultKind.ERROR_AFTER_ACCEPT: 504,
}
_RATE_LIMIT_PER_MINUTE = 200


class CutError(Exception):
    """The connection is to be cut instead of answered."""


async def misbehave(  # noqa: PLR0917  an ASGI call, and the strike
    strike: Strike, faults: Faults, handle: Handle, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer one request as a fault has it; `handle` would answer it well.

    Raises CutError where the connection is to be cut without an answer.
    """
    match strike.kind:
        case FaultKind.LATENCY:
            await asyncio.sleep(strike.delay_s)
            await handle(scope, receive, send)
        case FaultKind.TIMEOUT:
            await handle(scope, receive, _delayed(send, strike.delay_s))
        case FaultKind.PARTIAL_BODY:
            await handle(scope, receive, _halved(send))
            await hang_up(scope, receive)
        case FaultKind.ERROR_AFTER_ACCEPT:
            await handle(scope, receive, _swallow)
            await _error(strike)(scope, receive, send)
        case FaultKind.RESET_AFTER_ACCEPT:
            await handle(scope, receive, _swallow)
            raise CutError
        case FaultKind.RESET_BEFORE_ACCEPT:
            raise CutError
        case FaultKind.RATE_LIMIT:
            await _rate_limited(strike, faults)(scope, receive, send)
        case _:
            await _error(strike)(scope, receive, send)


def _error(strike: Strike) -> Response:
    return answer(
        {"message": f"injected fault: {strike.kind}"}, strike.fault.status or _DEFAULT_STATUS[strike.kind]
    )


def _rate_limited(strike: Strike, faults: Faults) -> Response:
    after_s = strike.fault.retry_after_s
    response = answer({"code": 42910000, "message": "rate limit exceeded"}, strike.fault.status or 429)
    response.headers["X-RateLimit-Limit"] = str(_RATE_LIMIT_PER_MINUTE)
    response.headers["X-RateLimit-Remaining"] = "0"
    response.headers["X-RateLimit-Reset"] = str(int(faults.wall().timestamp()) + after_s)
    response.headers["Retry-After"] = str(after_s)
    return response


def _delayed(send: Send, delay_s: float) -> Send:
    """Hold an answer back."""

    async def late(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(delay_s)
        await send(message)

    return late


def _halved(send: Send) -> Send:
    """Promise a whole body and send the first half of it."""

    async def half(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            message = {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        await send(message)

    return half


async def _swallow(_message: Message) -> None:
    """The answer is lost on its way."""
