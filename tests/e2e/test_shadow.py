"""Shadows of the code that runs, beside a running pipeline: they agree, and leave no trace but their own topics."""

import asyncio
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dispatch.connection import Connection, connection_from
from dispatch.demo.plan import plan_live
from dispatch.demo.run import DemoRun
from dispatch.stack.options import StackOptions
from dispatch.stack.stack import LocalStack
from dispatch.stack.waiting import wait_until
from dispatch.venue import SimulatedVenue
from kernel.contracts.codec import Codec
from kernel.contracts.topics import ALL_TOPICS
from kernel.runtime.settings import PROJECT_ROOT
from kernel.stream.admin import group_lag
from kernel.stream.reader import LogReader
from simulator.markets import open_market
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.params import widened_params_file

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
REVISION = "live-revision"
SIGNALS = 20
#: Fewer tickets than this would say little of the executor.
TICKETS = 8
DEADLINE_S = 90.0


class ShadowProcess:
    """`dispatch shadow` as a user starts it."""

    def __init__(self, stage: str, decisions: int, environment: Mapping[str, str], folder: Path) -> None:
        self._said = folder / f"{stage}.err"
        words = ["shadow", stage, "--rev", "./", "--as", "same", "--decisions", str(decisions)]
        reports = ["--json", "--html", str(folder / f"{stage}.html")]
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dispatch", *words, *reports],
                cwd=PROJECT_ROOT,
                env=dict(environment),
                stdout=subprocess.PIPE,
                stderr=said,
            )

    def follows(self) -> None:
        """Return once it follows."""
        assert wait_until(self._ready, DEADLINE_S), self._said.read_text()

    def get(self, path: str) -> str:
        """Ask its web server."""
        found = re.search(r"http://\S+?(?=/metrics)", self._said.read_text())
        assert found is not None
        with urllib.request.urlopen(found[0] + path, timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def same(self) -> int:
        """Return how many decisions its metrics say are the same."""
        found = re.search(
            r'^dispatch_shadow_decisions_total\{outcome="same".*\} (\d+)', self.get("/metrics"), re.MULTILINE
        )
        return int(found[1]) if found else -1

    def report(self) -> tuple[int, dict[str, Any]]:
        """Await its end; returns the exit code and its document."""
        out, _ = self._process.communicate(timeout=DEADLINE_S)
        assert out, self._said.read_text()
        return self._process.returncode, json.loads(out)

    def terminate(self) -> None:
        """Ask it to stop, as an orchestrator does."""
        self._process.terminate()

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()

    def _ready(self) -> bool:
        assert self._process.poll() is None, self._said.read_text()
        try:
            return bool(json.loads(self.get("/readyz"))["ok"])
        except (AssertionError, OSError):
            return False


def test_shadows_of_the_same_code_agree_and_nothing_live_knows_of_them(tmp_path: Path) -> None:
    options = StackOptions(
        run_folder=tmp_path / "run",
        scanner=False,
        fill_model="mid",
        revision=REVISION,
        equity=10_000_000,
        params_file=widened_params_file(tmp_path),
    )
    market = open_market("synthetic", seed=0, symbol=None, day=None)
    with LocalStack(options, given={}) as stack, VenueThread(market, VenueSettings()) as decoy:
        connection = connection_from({**os.environ, **stack.environment})
        tempting = {
            "APCA_API_KEY_ID": "AKLIVE0000000000TEST",
            "APCA_API_SECRET_KEY": "live-looking-secret",
            "APCA_API_BASE_URL": decoy.url,
            "APCA_API_DATA_URL": decoy.url,
        }
        environment = {**connection.environment, **tempting}
        selector = ShadowProcess("selector", SIGNALS, environment, tmp_path)
        executor = ShadowProcess("executor", 100_000, environment, tmp_path)
        try:
            selector.follows()
            executor.follows()
            halves = [send(connection, "one")]
            assert stack.part("selector").child.stop() == 0  # it is started again, as in a roll
            halves.append(send(connection, "two"))
            code, found = selector.report()
            tickets = sum(half["tickets"] for half in halves)
            assert wait_until(lambda: executor.same() == tickets, DEADLINE_S)
            executor.terminate()
            ordered, orders = executor.report()
        finally:
            selector.kill()
            executor.kill()
        assert (code, found["compared"], found["agreement_pct"]) == (0, SIGNALS, 100.0), found["rows"]
        assert (ordered, orders["compared"], orders["agreement_pct"]) == (0, tickets, 100.0), orders["rows"]
        assert tickets >= TICKETS
        assert f"{SIGNALS} of {SIGNALS} decisions agree" in (tmp_path / "selector.html").read_text("utf-8")
        assert asyncio.run(requests(decoy.url)) == []
        assert sum(half["duplicate_orders"] for half in halves) == 0
        asyncio.run(check_that_the_live_side_knows_nothing(connection, found["group"]))


def send(connection: Connection, run_id: str) -> dict[str, Any]:
    """Let half of the signals through, to their ends."""
    run = DemoRun(
        connection=connection,
        plan=plan_live(SIGNALS // 2),
        pace_s=0.1,
        settle_s=90.0,
        show=lambda _story: None,
        run_id=run_id,
    )
    return asyncio.run(run.execute())


async def requests(url: str) -> list[Any]:
    """Return what a venue was asked."""
    async with SimulatedVenue(url) as venue:
        return [row for row in await venue.journal() if row["kind"] == "request"]


async def check_that_the_live_side_knows_nothing(connection: Connection, group: str) -> None:
    """Every message on the live topics is a live stage's, each signal was decided once, and all of it is acknowledged."""
    topics, codec = {t.full_name(connection.prefix): t for t in ALL_TOPICS}, Codec()
    async with LogReader(connection.kafka, list(topics)) as reader:
        found = [(r.topic, codec.decode(topics[r.topic], r.value or b"")) async for r in reader.to_the_end()]
    by_stage = Counter((topic.rpartition(".")[2], message.meta.stage) for topic, message in found)
    assert by_stage["evidence", "selector"] == SIGNALS
    assert by_stage["selections", "selector"] + by_stage["rejections", "selector"] == SIGNALS
    assert {m.meta.revision for _, m in found if m.meta.stage in {"selector", "executor"}} == {REVISION}
    for name in (f"{connection.prefix}selector", group):
        assert await group_lag(connection.kafka, name, f"{connection.prefix}signals") == 0
