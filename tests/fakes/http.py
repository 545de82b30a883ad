"""A server that answers HTTP requests word for word as a test says, one after the other."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


@dataclass
class Script:
    """What is answered next, and what was asked. An answer is (status, body); None closes the connection at once."""

    answers: deque[tuple[int, bytes] | None] = field(default_factory=deque)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    #: Set to answer; a test that clears it makes the server silent.
    speaks: Event = field(default_factory=Event)
    url: str = ""

    def say(self, status: int, body: object) -> None:
        """Answer with JSON, or with bytes as they are."""
        self.answers.append((status, body if isinstance(body, bytes) else json.dumps(body).encode()))

    def hang_up(self) -> None:
        """Close the connection without an answer."""
        self.answers.append(None)


@contextmanager
def scripted_server() -> Iterator[Script]:
    """Serve a Script on the loopback address."""
    script = Script()
    script.speaks.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            script.asked.append((self.command, self.path, json.loads(body) if body else None))
            script.speaks.wait(10)
            answer = script.answers.popleft()
            if answer is None:
                self.close_connection = True
                return
            status, payload = answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server calls them by these names

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        script.speaks.set()
        server.shutdown()
        server.server_close()
        thread.join()
