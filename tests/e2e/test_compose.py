"""docker-compose.yml: all healthy, an alert at the published port becomes one order, and down leaves nothing.

It builds the services' image, which takes minutes; so it runs only where containers are asked for
(TEST_BACKEND=containers) and a Docker daemon answers. Ports, project name and token are its own.
"""

import json
import secrets
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from dispatch.stack.waiting import free_ports
from kernel.runtime.settings import PROJECT_ROOT
from tests import backends

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]
_UP_S = 1800
_ORDER_S = 60.0
_PARTS = {"kafka", "postgres", "loopback", "simulator", "signals", "selector", "sizer", "executor"}
_ALERT = {"id": "compose-1", "ticker": "SPY", "direction": "bullish", "strategy": "swing"}


@dataclass(frozen=True)
class Composed:
    """The running project."""

    project: str
    env_file: Path
    webhook: str
    token: str

    def compose(self, *words: str, timeout_s: float = 120) -> str:
        """Run `docker compose` and return what it printed; fails with what it said."""
        command = ["docker", "compose", "-p", self.project, "--env-file", str(self.env_file), *words]
        done = subprocess.run(
            command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def query(self, sql: str) -> list[list[str]]:
        """Return the rows of a query, asked inside the database's container."""
        psql = ["psql", "--username", "dispatch", "--dbname", "dispatch", "-At", "--command", sql]
        printed = self.compose("exec", "-T", "postgres", *psql)
        return [line.split("|") for line in printed.splitlines()]

    def operator(self, *words: str) -> Any:
        """Run a `dispatch` command inside the selector's container; returns its JSON."""
        return json.loads(self.compose("exec", "-T", "selector", "dispatch", *words, "--json"))

    def send(self, alert: dict[str, str], token: str) -> tuple[int, dict[str, str]]:
        """POST an alert to the published port; returns status and answer."""
        request = urllib.request.Request(
            self.webhook, json.dumps(alert).encode(), {"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)

    def left(self) -> dict[str, list[str]]:
        """Return what Docker still holds of the project."""
        label = f"label=com.docker.compose.project={self.project}"
        kinds = {
            "containers": ["ps", "--all"],
            "volumes": ["volume", "ls"],
            "networks": ["network", "ls"],
        }
        return {kind: _docker(*words, "--quiet", "--filter", label).split() for kind, words in kinds.items()}


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """The stack from images; up at the start, down with its volumes at the end."""
    _skip_without_docker()
    port, kafka_port = free_ports(2)
    token = secrets.token_hex(16)
    env_file = tmp_path_factory.mktemp("compose") / "env"
    env_file.write_text(f"WEBHOOK_PORT={port}\nKAFKA_PORT={kafka_port}\nDISPATCH_WEBHOOK_TOKEN={token}\n")
    stack = Composed(
        f"dispatch-test-{secrets.token_hex(4)}", env_file, f"http://127.0.0.1:{port}/signals", token
    )
    try:
        stack.compose("up", "--build", "--detach", "--wait", timeout_s=_UP_S)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans", timeout_s=300)
    assert stack.left() == {"containers": [], "volumes": [], "networks": []}


def test_every_part_runs_and_is_healthy(composed: Composed) -> None:
    rows = [json.loads(line) for line in composed.compose("ps", "--format", "json").splitlines()]
    assert {row["Service"] for row in rows} == _PARTS
    assert {row["State"] for row in rows} == {"running"}
    assert {row["Health"] for row in rows if row["Service"] != "loopback"} == {"healthy"}


def test_nothing_is_published_beyond_loopback(composed: Composed) -> None:
    rows = [json.loads(line) for line in composed.compose("ps", "--format", "json").splitlines()]
    published = [p for row in rows for p in row["Publishers"] or () if p["PublishedPort"]]
    assert {p["URL"] for p in published} == {"127.0.0.1"}


def test_an_alert_without_the_token_is_refused(composed: Composed) -> None:
    assert composed.send(_ALERT, "another")[0] == 401


def test_an_alert_to_the_published_port_becomes_exactly_one_order_at_the_venue(composed: Composed) -> None:
    status, answer = composed.send(_ALERT, composed.token)
    assert status == 202
    assert composed.send(_ALERT, composed.token) == (200, answer)

    ledger = (
        "SELECT ticker, client_order_id, venue_order_id FROM dispatch_executions"
        f" WHERE signal_id = '{answer['signal_id']}'"
    )
    _until(composed, lambda: any(row[2] for row in composed.query(ledger)))
    rows = composed.query(ledger)
    assert {row[0] for row in rows} == {"SPY"}
    assert len({row[1] for row in rows}) == 1


def test_the_operators_command_in_a_stages_container_sends_and_tells(composed: Composed) -> None:
    sent = composed.operator("signal", "QQQ", "--direction", "bearish", "--strategy", "swing")

    def story() -> set[str]:
        return {step["topic"] for step in composed.operator("trace", sent["signal_id"])["steps"]}

    _until(composed, lambda: "executions" in story())
    assert story() == {"signals", "evidence", "selections", "tickets", "executions"}


def _until(composed: Composed, holds: Callable[[], bool]) -> None:
    deadline = monotonic() + _ORDER_S
    while not holds():
        assert monotonic() < deadline, composed.compose("logs", "--tail", "20")
        sleep(0.5)


def _skip_without_docker() -> None:
    if backends.backend() != "containers":
        pytest.skip("it builds an image and starts ten containers: TEST_BACKEND=containers runs it")
    if shutil.which("docker") is None or _status("info") != 0:
        pytest.skip("no Docker daemon answers")
    if _status("compose", "version") != 0:
        pytest.skip("docker has no compose plugin")


def _status(*words: str) -> int:
    return subprocess.run(["docker", *words], capture_output=True, check=False, timeout=30).returncode


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True, timeout=60).stdout
