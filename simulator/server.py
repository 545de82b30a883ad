"""Runs a venue over HTTP: in the foreground (`serve`) or in a thread (`VenueThread`)."""

import gc
import json
import logging
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from simulator.app import build_app, build_brokerage
from simulator.brokerage import Brokerage
from simulator.connections import WithTransport
from simulator.desk import Desk
from simulator.markets import open_market
from simulator.markets.market import Market
from simulator.rate_limit import RateLimiter
from simulator.settings import VenueSettings

#: A client's pooled connection outlives its pauses; a server that closes first breaks the next order's POST.
_KEEP_ALIVE_S = 75
_STOP_TIMEOUT_S = 30.0
#: How often Alpaca pings a websocket.
_PING_S = 54.0


def serve(settings: VenueSettings) -> None:
    """Serve until interrupted. Raises ConfigError on a market that cannot be opened, OSError on a port in use."""
    market = open_market(settings.market, seed=settings.seed, symbol=settings.symbol, day=settings.date)
    # A loaded market is many objects that never die: without this, each collection walks them for tens of ms.
    gc.freeze()
    listener = _listen(settings)
    _write_ready_file(settings.ready_file, listener)
    _server(build_brokerage(market, settings), settings).run(sockets=[listener])


class VenueThread:
    """A venue in a thread of this process, for tests: `with VenueThread(market, settings) as venue`."""

    def __init__(self, market: Market, settings: VenueSettings) -> None:
        self.brokerage = build_brokerage(market, settings)
        self._listener = _listen(settings)
        self._server = _server(self.brokerage, settings)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, name="venue", daemon=True
        )

    @property
    def desk(self) -> Desk:
        """The desk of the account that all keys share."""
        return self.brokerage.shared

    @property
    def url(self) -> str:
        """What alpaca-py's REST clients take as `url_override`."""
        host, port = self._listener.getsockname()[:2]
        return f"http://{host}:{port}"

    @property
    def stream_url(self) -> str:
        """What alpaca-py's TradingStream takes as `url_override`."""
        return self.url.replace("http", "ws", 1) + "/stream"

    def __enter__(self) -> Self:
        """Start, and return once it serves."""
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.005)
            if not self._thread.is_alive():
                msg = "the venue ended while it started; its log says why"
                raise RuntimeError(msg)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and wait for the end."""
        self._server.should_exit = True
        self._thread.join(_STOP_TIMEOUT_S)
        self._listener.close()


class _DenialIsNoError(logging.Filter):
    """Uvicorn calls a websocket that was refused with a status an error; the refusal is the venue's answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "without completing handshake" not in record.getMessage()


def _server(brokerage: Brokerage, settings: VenueSettings) -> uvicorn.Server:
    logging.getLogger("uvicorn.error").addFilter(_DENIAL_IS_NO_ERROR)
    return uvicorn.Server(
        uvicorn.Config(
            WithTransport(build_app(brokerage, settings.data_rules, RateLimiter(settings.rate_limit))),
            access_log=False,
            log_config=None,
            log_level="warning",
            # The control API trusts the peer's address: no header may replace it.
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=2,
            ws="websockets-sansio",
            ws_ping_interval=_PING_S,
        )
    )


_DENIAL_IS_NO_ERROR = _DenialIsNoError()


def _listen(settings: VenueSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it every answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


def _write_ready_file(path: Path | None, listener: socket.socket) -> None:
    """Tell the port, in one step, so that a reader never sees half a file."""
    if path is None:
        return
    host, port = listener.getsockname()[:2]
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps({"host": host, "port": port}), encoding="utf-8")
    draft.replace(path)
