"""The real stack a nemesis works on: Kafka, Postgres, the venue, two workers of each stage, each behind go-betweens of its own."""

import http.client
import json
import secrets
import signal
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import psutil

from dispatch.stack import kafka, postgres, stages
from dispatch.stack.options import STAGES, RunFolder, StackOptions
from dispatch.stack.parts import Part
from dispatch.stack.preparation import Preparation
from dispatch.stack.processes import Backoff, ChildProcess, ProcessSpec, stop_all
from dispatch.stack.waiting import LOOPBACK, free_ports, wait_until
from kernel.runtime.settings import PROJECT_ROOT
from tests.chaos.nemesis.proxy import Proxies, Proxy, Way
from tests.chaos.nemesis.schedule import WORKERS

PREFIX = "dispatch."
PARTITIONS = 8
_TEND_EVERY_S = 0.1
_READY_S = 120.0
#: Enough for any number of orders: what stops them here must be a fault, not the account.
_EQUITY_USD = 1_000_000_000
#: A supervisor starts again at once, whatever happened before.
_AT_ONCE = Backoff(first_s=0.5, settled_s=0.0)


@dataclass(frozen=True, slots=True)
class Doors:
    """The go-betweens of one worker."""

    kafka: Proxy
    database: Proxy
    venue: Proxy


class Arena:
    """Starts on entry, stops on exit."""

    def __init__(self, folder: Path, params: dict[str, Any]) -> None:
        self.folder = RunFolder(folder.absolute())
        self.parts: dict[str, Part] = {}
        self.doors: dict[str, Doors] = {}
        self.bootstrap = self.database_url = self.venue_url = ""
        self.token = secrets.token_urlsafe(24)
        self._params = params
        self._proxies = Proxies()
        self._held = ExitStack()
        self._stopping = threading.Event()
        self._tending = threading.Thread(target=self._tend, name="arena", daemon=True)

    def __enter__(self) -> Self:
        self._held.enter_context(self._proxies)
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def journal(self) -> Path:
        """The venue's journal, the referee."""
        return self.folder.venue / "journal.jsonl"

    def urls_of_signals(self) -> list[str]:
        """Where alerts are taken."""
        return [
            f"http://{LOOPBACK}:{self.parts[name].port}" for name in WORKERS if name.startswith("signals")
        ]

    def send_signal(self, name: str, number: signal.Signals, *, with_children: bool = False) -> None:
        """Send a signal to a part's process, and to its children if asked."""
        child = self.parts[name].child
        with suppress(psutil.Error):
            family = [psutil.Process(child.pid)]
            if with_children:
                family += family[0].children(recursive=True)
            for each in family:
                with suppress(psutil.Error):
                    each.send_signal(number)

    def kill(self, name: str) -> None:
        """End a part without a word; it is started again."""
        self.parts[name].child.kill()

    def is_ready(self, name: str) -> bool:
        """Whether a part runs and answers."""
        part = self.parts[name]
        return part.child.running and part.state == "ready" and part.probe(part.child)

    def heal(self) -> None:
        """Let everything run and pass again."""
        for doors in self.doors.values():
            for proxy in (doors.kafka, doors.database, doors.venue):
                proxy.set(Way.OPEN)
        for name in self.parts:
            self.send_signal(name, signal.SIGCONT, with_children=True)

    def await_ready(self, deadline_s: float = _READY_S) -> list[str]:
        """Wait until every part is ready; return those that are not by then."""
        wait_until(lambda: all(map(self.is_ready, self.parts)), deadline_s, interval_s=0.25)
        return [name for name in self.parts if not self.is_ready(name)]

    def _start(self) -> None:
        self.folder.path.mkdir(parents=True, exist_ok=True)
        params_file = self.folder.path / "params.json"
        params_file.write_text(json.dumps(self._params))
        self._make_doors()
        self._start_venue()
        self._start_kafka()
        self._start_database()
        self._await_venue()
        Preparation().run(self.bootstrap, PREFIX, PARTITIONS, self.database_url)
        self._start_workers(params_file)
        self._tending.start()
        late = self.await_ready()
        if late:
            raise RuntimeError(f"not ready: {', '.join(late)}; logs in {self.folder.path}")

    def _make_doors(self) -> None:
        ports = free_ports(3 * len(WORKERS))
        for number, name in enumerate(WORKERS):
            self.doors[name] = Doors(
                *(self._proxies.add(port) for port in ports[3 * number : 3 * number + 3])
            )

    def _start_venue(self) -> None:
        (port,) = free_ports(1)
        options = StackOptions(run_folder=self.folder.path, equity=_EQUITY_USD, fill_model="mid")
        self.folder.venue.mkdir(parents=True, exist_ok=True)
        environment = {
            **options.venue_environment(),
            "SIMULATOR_HOST": LOOPBACK,
            "SIMULATOR_PORT": str(port),
            "SIMULATOR_JOURNAL": str(self.journal),
            "SIMULATOR_STATE": str(self.folder.venue / "state.sqlite"),
            "SIMULATOR_PARTIAL_FILLS": "20",
        }
        self.venue_url = f"http://{LOOPBACK}:{port}"
        child = ChildProcess.start(self._python("venue", "simulator", environment))
        self.parts["venue"] = Part(child=child, port=port, backoff=_AT_ONCE, probe=lambda _: _answers(port))
        for doors in self.doors.values():
            doors.venue.aim(port)

    def _await_venue(self) -> None:
        venue = self.parts["venue"]
        if not wait_until(lambda: venue.probe(venue.child), _READY_S):
            raise RuntimeError(f"the venue was not ready; its log is {venue.child.spec.log_path}")

    def _start_kafka(self) -> None:
        broker = kafka.start_kafka(
            self.folder.kafka, go_betweens=[doors.kafka.port for doors in self.doors.values()]
        )
        for doors in self.doors.values():
            doors.kafka.aim(broker.behind[doors.kafka.port])
        self.bootstrap = broker.bootstrap
        self.parts["broker"] = Part(
            child=broker.process,
            port=broker.port,
            backoff=_AT_ONCE,
            probe=lambda _: kafka.answers(broker.port),
        )

    def _start_database(self) -> None:
        server = postgres.start_postgres(self.folder.postgres)
        self.database_url = server.url()
        self.parts["database"] = Part(
            child=server.process,
            port=server.port,
            backoff=_AT_ONCE,
            probe=lambda child: postgres.is_ready(self.folder.postgres, child),
        )
        for doors in self.doors.values():
            doors.database.aim(server.port)

    def _start_workers(self, params_file: Path) -> None:
        for name, port in zip(WORKERS, free_ports(len(WORKERS)), strict=True):
            stage = next(each for each in STAGES if name.startswith(each))
            part = stages.start_stage(stage, name, port, self.folder, self._environment(name, params_file))
            part.backoff = _AT_ONCE
            self.parts[name] = part

    def _environment(self, name: str, params_file: Path) -> dict[str, str]:
        doors = self.doors[name]
        venue = f"http://{LOOPBACK}:{doors.venue.port}"
        database = urlsplit(self.database_url)
        credentials = database.netloc.rpartition("@")[0]
        return {
            "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{doors.kafka.port}",
            "DATABASE_URL": database._replace(
                netloc=f"{credentials}@{LOOPBACK}:{doors.database.port}"
            ).geturl(),
            "APCA_API_BASE_URL": venue,
            "APCA_API_DATA_URL": venue,
            "APCA_API_KEY_ID": "demo",
            "APCA_API_SECRET_KEY": "demo",
            "DISPATCH_TOPIC_PREFIX": PREFIX,
            "DISPATCH_PARAMS_FILE": str(params_file),
            "DISPATCH_SCANNER": "off",
            "DISPATCH_WEBHOOK_TOKEN": self.token,
        }

    def _python(self, name: str, module: str, environment: dict[str, str]) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            command=[sys.executable, "-m", module],
            environment={**environment, "PYTHONUNBUFFERED": "1"},
            log_path=self.folder.log(name),
            folder=PROJECT_ROOT,
        )

    def _tend(self) -> None:
        while not self._stopping.wait(_TEND_EVERY_S):
            for part in list(self.parts.values()):
                part.tend()

    def _stop(self) -> None:
        self._stopping.set()
        if self._tending.is_alive():
            self._tending.join()
        self.heal()
        workers = [part.child for name, part in self.parts.items() if name in WORKERS]
        servers = [part.child for name, part in self.parts.items() if name not in WORKERS]
        try:
            stop_all(workers)
            stop_all(servers)
        finally:
            for child in (*workers, *servers):
                child.kill()
            self._held.close()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
