"""The local stack: Kafka, Postgres, the paper venue and the stages, as children of the process that starts it.

Entry point: `LocalStack`, a context manager used by `dispatch demo`, by tests and by the supervisor of `dispatch up`.
1. Servers that the environment gives (KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL, APCA_API_BASE_URL) are used, not started.
2. One owner per run folder, held by a lock for as long as it runs.
3. Whatever ends it (exit, exception, Ctrl-C, SIGTERM, kill -9) no child is left; stages stop first, servers last.
4. `state.json` tells other processes what runs; it is gone when the stack is.
"""

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from dispatch.stack import kafka, postgres, stages
from dispatch.stack.options import SERVERS, StackOptions
from dispatch.stack.ownership import owned, sigterm_exits
from dispatch.stack.parts import Part, StackEvent
from dispatch.stack.preparation import Preparation
from dispatch.stack.processes import ChildProcess, stop_all
from dispatch.stack.servers import Server
from dispatch.stack.state import PartState, Phase, ProcessId, StackState, write_state
from dispatch.stack.waiting import LOOPBACK

_TEND_EVERY_S = 0.2
_VENUE_VARIABLES = ("APCA_API_BASE_URL", "APCA_API_DATA_URL", "APCA_API_KEY_ID", "APCA_API_SECRET_KEY")


class LocalStack:
    """Starts on entry, stops on exit. `on_event` is called for every part that starts, is ready, crashes or stops."""

    def __init__(
        self,
        options: StackOptions,
        *,
        on_event: Callable[[StackEvent], None] = lambda _event: None,
        preparation: Preparation | None = None,
        given: Mapping[str, str] = os.environ,
    ) -> None:
        self.options = options
        self.folder = options.folder
        self.environment: dict[str, str] = {}
        self.urls: dict[str, str] = {}
        self.parts: list[Part] = []
        self._on_event = on_event
        self._preparation = preparation or Preparation()
        self._given = given
        self._phase: Phase = "starting"
        self._error: str | None = None
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._tend_until_stopped, name="stack-watch", daemon=True)
        self._held = ExitStack()
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        try:
            self._held.enter_context(sigterm_exits())
            self._held.enter_context(owned(self.folder))
            self._held.callback(self.folder.state.unlink, missing_ok=True)
            self._start()
        except BaseException as e:
            self._error = str(e) or type(e).__name__
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def failure(self) -> str | None:
        """Why the stack can no longer work (a part that must not be restarted ended); None while it can."""
        return self._error

    def state(self) -> StackState:
        """Return what state.json says now."""
        return StackState(
            owner=ProcessId.of(os.getpid()),
            phase=self._phase,
            error=self._error,
            environment=self.environment,
            urls=self.urls,
            parts=tuple(part.record() for part in self.parts),
        )

    def part(self, name: str) -> Part:
        """Return a part by name: kafka, postgres, venue, or a stage's process (selector, selector-2…)."""
        return next(part for part in self.parts if part.name == name)

    def _start(self) -> None:
        if self.options.fresh:
            self._forget_last_run()
        write_state(self.folder, self.state())
        self._start_servers()
        self._preparation.run(
            self.environment["KAFKA_BOOTSTRAP_SERVERS"],
            self.options.topic_prefix,
            self.options.partitions,
            self.environment["DATABASE_URL"],
        )
        self._start_stages()
        self._phase = "running"
        write_state(self.folder, self.state())
        self._watch.start()

    def _start_servers(self) -> None:
        # The venue is started first and awaited last: reading its market takes longest, and needs no server.
        given_venue = {name: self._given[name] for name in _VENUE_VARIABLES if name in self._given}
        venue = None if given_venue.get("APCA_API_BASE_URL") else self._launch_venue()
        self._start_kafka()
        self._start_postgres()
        self.environment |= self._await_venue(venue) if venue else given_venue
        self.environment.update(self._settings_of_stages())

    def _start_kafka(self) -> None:
        bootstrap = self._given.get("KAFKA_BOOTSTRAP_SERVERS")
        if not bootstrap:
            self._tell("kafka", "starting")
            server = kafka.start_kafka(self.folder.kafka)
            self._add_ready(server, probe=lambda _child: kafka.answers(server.port))
            bootstrap = server.bootstrap
        self.environment["KAFKA_BOOTSTRAP_SERVERS"] = self.urls["kafka"] = bootstrap

    def _start_postgres(self) -> None:
        url = self._given.get("DATABASE_URL")
        if not url:
            self._tell("postgres", "starting")
            server = postgres.start_postgres(self.folder.postgres)
            self._add_ready(server, probe=lambda child: postgres.is_ready(self.folder.postgres, child))
            url = server.url()
        self.environment["DATABASE_URL"] = url

    def _launch_venue(self) -> Part:
        self._tell("venue", "starting")
        venue = stages.start_venue(self.options, self.folder)
        self.parts.append(venue)
        return venue

    def _await_venue(self, venue: Part) -> dict[str, str]:
        url = stages.await_venue(venue, self.folder)
        self.urls["venue"] = url
        self._tell("venue", "ready", url)
        # The keys of a real account have no business in a simulator's journal.
        return dict(zip(_VENUE_VARIABLES, (url, url, "demo", "demo"), strict=True))

    def _settings_of_stages(self) -> dict[str, str]:
        token = self._given.get("DISPATCH_WEBHOOK_TOKEN") or secrets.token_urlsafe(24)
        return {**self.options.stage_environment(), "DISPATCH_WEBHOOK_TOKEN": token}

    def _start_stages(self) -> None:
        started = stages.start_stages(self.options, self.folder, self.environment)
        self.parts.extend(started)
        for part in started:
            self._tell(part.name, "starting")
        for part in started:
            stages.await_stage(part)
            self._tell(part.name, "ready", f"port {part.port}")
            if part.name == "signals":
                self.urls["signals"] = f"http://{LOOPBACK}:{part.port}"

    def _add_ready(self, server: Server, probe: Callable[[ChildProcess], bool]) -> None:
        part = Part(child=server.process, port=server.port, probe=probe, state="ready")
        self.parts.append(part)
        self._tell(part.name, "ready", f"port {part.port}")

    def _tend_until_stopped(self) -> None:
        while not self._stopping.wait(_TEND_EVERY_S):
            for part in self.parts:
                if part.tend():
                    if part.state == "failed":
                        self._phase, self._error = "failed", part.last_error
                    self._tell(part.name, part.state, part.trouble or "")

    def _stop(self) -> None:
        self._stopping.set()
        if self._watch.is_alive():
            self._watch.join()
        self._phase = "stopping"
        servers = [part for part in self.parts if part.name in SERVERS]
        try:
            for group in ([part for part in self.parts if part not in servers], servers):
                stop_all([part.child for part in group])
                for part in group:
                    part.state = "stopped"
                    self._tell(part.name, "stopped")
        finally:  # a second Ctrl-C ends the patience, not the duty
            for part in self.parts:
                part.child.kill()
            self._held.close()

    def _forget_last_run(self) -> None:
        for folder in (self.folder.kafka, self.folder.postgres, self.folder.venue, self.folder.path / "logs"):
            shutil.rmtree(folder, ignore_errors=True)

    def _tell(self, part: str, state: PartState, detail: str = "") -> None:
        write_state(self.folder, self.state())
        self._on_event(
            StackEvent(part=part, state=state, elapsed_s=time.monotonic() - self._began, detail=detail)
        )
