"""The small web server of every process: /livez, /readyz, /metrics; a stage may add routes of its own."""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from kernel.runtime.health import Health


def health_app(health: Health, title: str) -> FastAPI:
    """Return an app with the three routes; no docs pages, nothing else is exposed."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/livez", _probe(health.live), methods=["GET"])
    app.add_api_route("/readyz", _probe(health.ready), methods=["GET"])
    app.add_api_route("/metrics", _metrics, methods=["GET"])
    return app


def _probe(check: Callable[[], tuple[bool, dict[str, object]]]) -> Callable[[], JSONResponse]:
    def answer() -> JSONResponse:
        ok, figures = check()
        return JSONResponse({"ok": ok, **figures}, status_code=200 if ok else 503)

    return answer


def _metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


class WebServer:
    """Uvicorn inside the process's own loop; signals stay with the process."""

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        # Named explicitly: asyncio sets TCP_NODELAY only on sockets whose protocol says TCP; without it answers wait 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
        )
        self._server = _QuietServer(config)

    async def serve(self) -> None:
        """Serve until `stop` is called."""
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """Ask `serve` to return."""
        self._server.should_exit = True


class _QuietServer(uvicorn.Server):
    """The process has its own signal handling."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()
