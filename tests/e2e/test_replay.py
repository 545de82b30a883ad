"""200 signals through the running pipeline, then decided again from its topics by the operator's command."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dispatch.connection import Connection, connection_from
from dispatch.demo.plan import plan_live
from dispatch.demo.run import DemoRun
from dispatch.stack.options import StackOptions
from dispatch.stack.stack import LocalStack
from dispatch.venue import SimulatedVenue
from kernel.contracts.topics import EXECUTIONS
from kernel.runtime.settings import PROJECT_ROOT
from kernel.stream.admin import topic_names
from kernel.stream.reader import LogReader
from simulator.markets import open_market
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.params import widened_params_file

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SIGNALS = 200
PACE_S = 0.15


@dataclass(frozen=True)
class Recorded:
    """A pipeline that decided on 200 signals, and still runs."""

    connection: Connection
    summary: dict[str, Any]

    def replay(self, *words: str, **environment: str) -> tuple[int, dict[str, Any]]:
        """Run `dispatch replay WORDS --json`; returns its exit code and document."""
        done = self.dispatch("replay", *words, "--json", **environment)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def dispatch(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `dispatch WORDS`."""
        return subprocess.run(
            [sys.executable, "-m", "dispatch", *words],
            cwd=PROJECT_ROOT,
            env={**self.connection.environment, **environment},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    async def ends(self) -> dict[str, int]:
        """Return how many records each topic has, but for executions: an order that still works reports when it will."""
        names = sorted(
            set(topic_names(self.connection.prefix)) - {EXECUTIONS.full_name(self.connection.prefix)}
        )
        async with LogReader(self.connection.kafka, names) as reader:
            counts = dict.fromkeys(names, 0)
            async for record in reader.to_the_end():
                counts[record.topic] += 1
        return counts


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("replay")
    options = StackOptions(
        run_folder=folder / "run", scanner=False, fill_model="mid", params_file=widened_params_file(folder)
    )
    with LocalStack(options, given={}) as stack:
        connection = connection_from({**os.environ, **stack.environment})
        run = DemoRun(
            connection=connection,
            plan=plan_live(SIGNALS),
            pace_s=PACE_S,
            settle_s=120.0,
            show=lambda _story: None,
            run_id="replay",
        )
        yield Recorded(connection, asyncio.run(run.execute()))


def test_every_decision_is_taken_the_same_again_twice(recorded: Recorded) -> None:
    first, again = recorded.replay("selector..executor"), recorded.replay("selector..executor")
    for code, document in (first, again):
        assert (code, document["differences"]) == (0, 0)
        selector, sizer, executor = document["stages"]
        assert selector["inputs"] == selector["same"] == SIGNALS
        assert sizer["inputs"] == sizer["same"] == recorded.summary["selections"]
        assert executor["inputs"] == executor["same"] == recorded.summary["tickets"]
    digests = [[stage["digest"] for stage in document["stages"]] for _, document in (first, again)]
    assert digests[0] == digests[1]


def test_a_higher_minimum_score_refuses_exactly_the_signals_that_scored_below_it(recorded: Recorded) -> None:
    rows = recorded.summary["executions"]
    below = {row["signal_id"] for row in rows if row["score"] is not None and row["score"]["total"] < 90}
    assert 0 < len(below) < recorded.summary["selections"]
    code, document = recorded.replay("selector", "--set", "selector.min_score=90")
    (selector,) = document["stages"]
    changed = {row["signal_id"] for row in selector["rows"] if row["status"] != "same"}
    assert (code, changed) == (1, below)
    assert selector["effect"]["now_refused"] == document["differences"] == len(below)


def test_one_signal_can_be_replayed_alone(recorded: Recorded) -> None:
    bought = next(row for row in recorded.summary["executions"] if row["occ_symbol"])
    code, document = recorded.replay("selector..sizer", "--trace", bought["signal_id"])
    assert code == 0
    said = [stage["rows"] for stage in document["stages"]]
    assert [len(rows) for rows in said] == [1, 1]
    assert said[0][0]["replayed"].startswith(bought["occ_symbol"])


def test_a_venue_that_is_up_is_not_asked_even_with_keys_that_look_live(recorded: Recorded) -> None:
    with VenueThread(open_market("synthetic", seed=0, symbol=None, day=None), VenueSettings()) as venue:
        code, _ = recorded.replay(
            "selector..executor",
            APCA_API_KEY_ID="AKLIVE0000000000TEST",
            APCA_API_SECRET_KEY="live-looking-secret",
            APCA_API_BASE_URL=venue.url,
            APCA_API_DATA_URL=venue.url,
        )
        journal = asyncio.run(_requests(venue.url))
        asyncio.run(_asked_on_purpose(venue.url))
        would_have_been_seen = asyncio.run(_requests(venue.url))
    assert code == 0
    assert journal == []
    assert [row["path"] for row in would_have_been_seen] == ["/v2/account"]


def test_a_replay_leaves_the_topics_as_they_were(recorded: Recorded) -> None:
    before = asyncio.run(recorded.ends())
    recorded.replay("selector..sizer", "--set", "sizer.tiers.large.risk_pct=2")
    assert asyncio.run(recorded.ends()) == before


def test_a_range_kept_as_a_case_is_decided_the_same_without_kafka(recorded: Recorded, tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    part = [word for partition in range(4) for word in ("--offsets", f"{partition}:0-2")]
    kept = recorded.dispatch("case", "record", str(file), "--stage", "selector..executor", *part)
    assert kept.returncode == 0, kept.stderr
    ran = recorded.dispatch("case", "run", str(file), "--json", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    _, replayed = recorded.replay("selector..executor", *part)
    (case,) = json.loads(ran.stdout)["cases"]
    digests = [[stage["digest"] for stage in document["stages"]] for document in (case, replayed)]
    assert digests[0] == digests[1]
    assert case["stages"][0]["same"] >= 3


async def _requests(url: str) -> list[Any]:
    async with SimulatedVenue(url) as venue:
        return [row for row in await venue.journal() if row["kind"] == "request"]


async def _asked_on_purpose(url: str) -> None:
    async with SimulatedVenue(url) as venue:
        await venue.account()
