"""docker-compose.yml: all healthy, an alert at the published port becomes one order, the demo's check passes, one stage
is rolled to another image and back under load without loss, and down leaves nothing.

It builds an image for each part, which takes minutes; so it runs only where containers are asked for
(TEST_BACKEND=containers) and a Docker daemon answers. Ports, project name and token are its own.
tests/architecture/test_deploy_*.py holds what needs no daemon.
"""

import json
import os
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
from tests.fakes.params import widened_params_file

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400)]
_UP_S = 1800
_ORDER_S = 60.0
_RUN_S = 600
_STAGES = ("signals", "selector", "sizer", "executor")
_PARTS = {"kafka", "postgres", "loopback", "simulator", *_STAGES}
#: The demo sends one signal each 0.4 s: long enough for a stage to go and come back twice in between.
_SIGNALS_WHILE_ROLLED = 400
_ALERT = {"id": "compose-1", "ticker": "SPY", "direction": "bullish", "strategy": "swing"}


@dataclass(frozen=True)
class Composed:
    """The running project."""

    project: str
    env_file: Path
    webhook: str
    token: str

    def compose(self, *words: str, timeout_s: float = 120, **variables: str) -> str:
        """Run `docker compose`, with variables in its environment, and return what it printed; fails with what it said."""
        done = subprocess.run(
            self.command(*words),
            cwd=PROJECT_ROOT,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def command(self, *words: str) -> list[str]:
        """Return the words of a `docker compose` call for this project."""
        return ["docker", "compose", "-p", self.project, "--env-file", str(self.env_file), *words]

    def containers(self) -> dict[str, str]:
        """Return the id of each service's container."""
        rows = (json.loads(line) for line in self.compose("ps", "--format", "json").splitlines())
        return {row["Service"]: row["ID"] for row in rows}

    def query(self, sql: str) -> list[list[str]]:
        """Return the rows of a query, asked inside the database's container."""
        psql = ["psql", "--username", "dispatch", "--dbname", "dispatch", "-At", "--command", sql]
        printed = self.compose("exec", "-T", "postgres", *psql)
        return [line.split("|") for line in printed.splitlines()]

    def operator(self, *words: str) -> Any:
        """Run a `dispatch` command in the operator's container; returns its JSON."""
        return json.loads(self.compose("run", "--rm", "-T", "operator", *words, "--json"))

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

    def images(self) -> list[str]:
        """Return the images of ours that were built for it."""
        return _docker(
            "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={self.project}-*"
        ).split()

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
    folder = tmp_path_factory.mktemp("compose")
    env_file, config = folder / "env", widened_params_file(folder / "config")
    config.rename(config.with_name("trading_params.json"))
    config.parent.chmod(0o755)  # the stages have a user of their own
    project = f"dispatch-test-{secrets.token_hex(4)}"
    # Who counts signals lets no scanner trade beside them; account and limits are wide enough for all of them.
    env_file.write_text(
        f"WEBHOOK_PORT={port}\nKAFKA_PORT={kafka_port}\nDISPATCH_WEBHOOK_TOKEN={token}\n"
        f"IMAGE_PREFIX={project}-\nDISPATCH_SCANNER=off\nSIMULATOR_EQUITY=10000000\nDISPATCH_REVISION=first\n"
        f"CONFIG_FOLDER={config.parent}\n"
    )
    stack = Composed(project, env_file, f"http://127.0.0.1:{port}/signals", token)
    try:
        stack.compose("up", "--build", "--detach", "--wait", timeout_s=_UP_S)
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans", timeout_s=300)
        for image in stack.images():
            _docker("image", "rm", "--force", image)
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


def test_the_operators_command_sends_and_tells(composed: Composed) -> None:
    sent = composed.operator("signal", "QQQ", "--direction", "bearish", "--strategy", "swing")

    def story() -> set[str]:
        return {step["topic"] for step in composed.operator("trace", sent["signal_id"])["steps"]}

    _until(composed, lambda: "executions" in story())
    assert story() == {"signals", "evidence", "selections", "tickets", "executions"}


@pytest.mark.parametrize("stage", _STAGES)
def test_a_stages_image_holds_no_other_stage_and_no_tool(composed: Composed, stage: str) -> None:
    others = [f"services.{other}" for other in _STAGES if other != stage] + [
        "simulator",
        "dispatch",
        "pytest",
    ]
    found = composed.compose(
        "exec", "-T", stage, "python", "-c", _SAY_WHAT_IS_THERE, f"services.{stage}", *others
    )
    assert found.split() == [f"services.{stage}"]


def test_a_part_cannot_change_itself(composed: Composed) -> None:
    for service in sorted(_PARTS - {"kafka", "postgres", "loopback"}):
        said = composed.compose("exec", "-T", service, "sh", "-c", "id -u; touch /app/x /venv/x 2>&1 || true")
        assert said.split()[0] == "10001"
        assert said.count("Read-only file system") == 2, said


def test_the_stack_passes_the_demos_check(composed: Composed) -> None:
    """It exits with 0 when every signal is an order or a rejection and the venue's journal has no order twice."""
    summary = json.loads(composed.compose("run", "--rm", "-T", "operator", *_demo(24), timeout_s=_RUN_S))
    assert summary["orders"] + sum(summary["rejections"].values()) == summary["signals"] == 24
    assert summary["rejections"] == {"STRUCTURE_NOT_AVAILABLE": 2}
    assert summary["duplicate_orders"] == 0


def test_a_stage_is_rolled_forward_and_back_under_load_without_loss(composed: Composed) -> None:
    selector = f"{composed.project}-selector"
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", f"{selector}:next", "-"],
        input=f"FROM {selector}:local\nENV DISPATCH_REVISION=next\n",
        text=True,
        check=True,
        timeout=_RUN_S,
        stdout=subprocess.DEVNULL,
    )
    roll = ("up", "--detach", "--no-deps", "--no-build", "--wait", "selector")
    before, earlier = composed.containers(), len(_selecting_revisions(composed))
    with subprocess.Popen(
        composed.command("run", "--rm", "-T", "operator", *_demo(_SIGNALS_WHILE_ROLLED)),
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as load:
        _until(composed, lambda: len(_selecting_revisions(composed)) > earlier)
        composed.compose(*roll, timeout_s=_RUN_S, SELECTOR_TAG="next")
        _until(composed, lambda: "next" in _selecting_revisions(composed))
        composed.compose(*roll, timeout_s=_RUN_S)
        printed, said = load.communicate(timeout=_RUN_S)
        assert load.returncode == 0, said[-4000:]
    summary = json.loads(printed)
    assert summary["orders"] + sum(summary["rejections"].values()) == _SIGNALS_WHILE_ROLLED
    assert set(summary["rejections"]) == {"STRUCTURE_NOT_AVAILABLE"}
    assert summary["duplicate_orders"] == 0
    assert _turns(_selecting_revisions(composed)) == ["first", "next", "first"]
    after = composed.containers()
    assert {name for name in before if before[name] != after[name]} == {"selector"}


def test_the_venue_restarts_and_the_books_still_agree(composed: Composed) -> None:
    orders = "SELECT count(*) FROM dispatch_orders WHERE filled_contracts > 0"
    ((filled,),) = composed.query(orders)
    composed.compose("restart", "simulator")
    composed.compose("up", "--detach", "--no-build", "--wait", timeout_s=_RUN_S)
    ((restarted_at,),) = composed.query("SELECT clock_timestamp()")

    def agreed() -> list[list[str]]:
        return composed.query(f"SELECT 1 FROM dispatch_reconciliation WHERE clean_at > '{restarted_at}'")

    assert int(filled) > 0
    _until(composed, lambda: bool(agreed()))
    (standing,) = composed.operator("reconcile")
    assert standing["drift"] == standing["unconfirmed"] == []
    sent = composed.operator("signal", "AAPL", "--direction", "bullish", "--strategy", "swing")
    executed = (
        f"SELECT 1 FROM dispatch_executions WHERE signal_id = '{sent['signal_id']}' AND venue_order_id <> ''"
    )
    _until(composed, lambda: bool(composed.query(executed)))


_SAY_WHAT_IS_THERE = """
import importlib.util, sys
for name in sys.argv[1:]:
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        found = None
    if found is not None:
        print(name)
"""


def _demo(signals: int) -> list[str]:
    return ["demo", "--attach", "--signals", str(signals), "--json", "-"]


def _selecting_revisions(composed: Composed) -> list[str]:
    """Return the revision that signed each selection, in the order they were written."""
    rows = composed.operator("topics", "cat", "selections")
    return [row["message"]["meta"]["revision"] for row in sorted(rows, key=lambda row: row["written_at"])]


def _turns(values: list[str]) -> list[str]:
    """Return the values without repeats that follow each other."""
    return [value for value, before in zip(values, [None, *values], strict=False) if value != before]


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
