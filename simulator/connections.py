"""Lets a fault cut a client's connection: uvicorn's transport, put where the shell finds it.

ASGI has no word for a broken connection; the transport is reached through uvicorn's own request cycle.
"""

import asyncio
import socket
import struct
from typing import Any, cast

from starlette.types import ASGIApp, Receive, Scope, Send

_TRANSPORT = "simulator.transport"
#: SO_LINGER on, for 0 seconds: closing sends a reset instead of an orderly end.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class WithTransport:
    """ASGI middleware, outermost: notes each HTTP request's transport in its scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] == "http":
            cycle: Any = getattr(send, "__self__", None)
            scope[_TRANSPORT] = getattr(cycle, "transport", None)
        await self._app(scope, receive, send)


async def reset(scope: Scope, receive: Receive) -> None:
    """Break the connection: the client sees a reset."""
    transport = _transport(scope)
    peer = transport.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
    await _until_gone(receive)


async def hang_up(scope: Scope, receive: Receive) -> None:
    """End the connection after what was sent: the client sees the rest missing."""
    _transport(scope).close()
    await _until_gone(receive)


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope.get(_TRANSPORT)
    if transport is None:
        msg = "this server gives no access to its connections, so they cannot be cut"
        raise RuntimeError(msg)
    return cast("asyncio.Transport", transport)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
