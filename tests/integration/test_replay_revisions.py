"""`--rev` against real second revisions: copies of this code with one change, each run by a process of its own."""

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dispatch.connection import demo_params_file
from dispatch.replay.deciding import replay_of
from dispatch.replay.elsewhere.revisions import code_of
from dispatch.replay.elsewhere.versus import Against
from dispatch.replay.overrides import with_overrides
from dispatch.replay.playing import Players, There, play
from dispatch.replay.results import Row as ReplayedRow
from dispatch.replay.results import Status
from dispatch.replay.span import Span
from dispatch.stories import archive
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Evidence, Selection, Ticket
from kernel.contracts.topics import EVIDENCE, SIGNALS
from kernel.domain.options import Strategy
from kernel.runtime.settings import PROJECT_ROOT
from kernel.stream.stage import Emissions
from kernel.testing.builders import a_signal, an_idea
from services.selector.core.evidence import from_items
from tests.fakes.chains import Row
from tests.fakes.memory_log import MemoryLog
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline
from tests.oracle.score_oracle import Choice, Contract, choose

pytestmark = pytest.mark.integration

PACKAGES = ("kernel", "services", "dispatch", "schemas", "config")
PARAMS_FILE = Path("config", "trading_params.json")
WEIGHT, PLANTED = 10, 4  # the points for a strike near the spot, here and in the other revision
BUDGET_USD = {"day_trade": 1000.0, "swing": 2000.0}  # 1 % of the pipeline's $100,000, twice that for a swing


def copied(folder: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(
            PROJECT_ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    return folder


def edited(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} is not once in {file}"
    file.write_text(text.replace(old, new), "utf-8")


def plant_weight(folder: Path) -> None:
    edited(folder / PARAMS_FILE, f'"distance_points": {WEIGHT}', f'"distance_points": {PLANTED}')


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This code, but one weight of its score is another."""
    folder = copied(tmp_path_factory.mktemp("planted"))
    plant_weight(folder)
    return folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository: this code, tagged `same`, and on top of it one weight changed, tagged `changed`."""
    folder = copied(tmp_path_factory.mktemp("repository"))
    git(folder, "init", "--quiet")
    committed(folder, "same")
    plant_weight(folder)
    committed(folder, "changed")
    return folder


def committed(folder: Path, tag: str) -> None:
    git(folder, "add", ".")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "--quiet", "--message", tag)
    git(folder, "tag", tag)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), "-c", "commit.gpgsign=false", *arguments], check=True)


@pytest.fixture(scope="module")
def log() -> MemoryLog:
    """What 60 decisions left behind. Nobody writes to it."""
    return asyncio.run(decided())


async def decided() -> MemoryLog:
    """Return a log of 60 decisions on chains of a dozen contracts: far and near, liquid and not, some none of them good."""
    chance, pipeline = random.Random(4), RecordedPipeline()
    for number in range(60):
        strategy = chance.choice([Strategy.DAY_TRADE, Strategy.SWING, Strategy.PREMIUM_SELLER])
        rows = [a_row(chance, strike) for strike in range(505, 565, 5)]
        if number % 10 == 0:
            rows = [row.but(day_volume=10) for row in rows]
        await pipeline.send(a_signal(f"signal {number}", idea=an_idea(strategy=strategy)), *rows)
    return pipeline.log


def a_row(chance: random.Random, strike: int) -> Row:
    mid, half = chance.uniform(1, 11), chance.uniform(0.01, 0.3)
    return Row(
        strike=str(strike),
        bid=f"{mid - half:.2f}",
        ask=f"{mid + half:.2f}",
        day_volume=chance.randrange(100, 900),
        delta=round(chance.uniform(0.2, 0.7), 4),
    )


async def against(
    log: MemoryLog, revision: str, repository: Path = PROJECT_ROOT, *stages: str, **there: Any
) -> Any:
    players = {name: replay_of(name, PARAMS, "here") for name in stages or ("selector",)}
    with code_of(revision, repository) as code:
        here = Players(
            replays=players,
            params=PARAMS,
            revision="here",
            there=There(code=code, **{"params": None, **there}),
        )
        return await play(log, here, Span(), lambda *_: None)


def expected(evidence: Evidence, strategy: str, points: int) -> Choice | None:
    """What a selector with that weight chooses, by another road: from the recorded evidence, in plain Python."""
    gathered = from_items(evidence.items)
    if gathered is None:
        return None
    chain = gathered.chain
    contracts = [
        Contract(
            symbol,
            float(chain.strike[i]) / 10_000,
            float(chain.bid[i]) / 10_000,
            float(chain.ask[i]) / 10_000,
            int(chain.day_bar_volume[i]),
            float(chain.delta[i]),
        )
        for i, symbol in enumerate(chain.symbols)
    ]
    params = json.loads((PROJECT_ROOT / PARAMS_FILE).read_text("utf-8"))["selector"]
    params["scoring"] = params["scoring"] | {"distance_points": points}
    assert chain.spot is not None
    return choose(
        contracts, spot=float(chain.spot), strategy=strategy, budget_usd=BUDGET_USD[strategy], params=params
    )


def independent_changes(log: MemoryLog) -> tuple[set[str], set[str]]:
    """Return the ids of the signals whose answer the weight changes, and of those that it gives another contract."""
    codec = Codec()
    strategies = {
        m.meta.id: str(m.idea.strategy)
        for m in (codec.decode(SIGNALS, r.value or b"") for r in log.signals())
    }
    changed, swapped = set(), set()
    for record in log.records:
        if record.topic != EVIDENCE.full_name(log.prefix):
            continue
        evidence = codec.decode(EVIDENCE, record.value or b"")
        if evidence.meta.stage != "selector":
            continue
        strategy = strategies[evidence.input_id]
        then, now = (expected(evidence, strategy, points) for points in (WEIGHT, PLANTED))
        if then != now:
            changed.add(evidence.input_id)
        if then is not None and now is not None and then.symbol != now.symbol:
            swapped.add(evidence.input_id)
    return changed, swapped


def ids(rows: list[ReplayedRow], status: Status) -> set[str]:
    return {row.message.meta.id for row in rows if row.status is status}


def was_swapped(row: ReplayedRow) -> bool:
    one, other = row.recorded[0].message, row.replayed[0].message
    return isinstance(one, Selection) and isinstance(other, Selection) and one.legs != other.legs


async def test_a_weight_planted_in_another_revision_is_found_on_the_right_decisions_only(
    log: MemoryLog,
    planted: Path,
) -> None:
    changed, swapped = independent_changes(log)
    assert len(swapped) > 3
    assert len(changed - swapped) > 3
    (result,), said = await against(log, f"{planted}/")
    assert ids(result.rows, Status.CHANGED) == changed
    assert ids(result.rows, Status.SAME) == {row.message.meta.id for row in result.rows} - changed
    assert len(result.rows) - len(changed) > 10
    assert {row.message.meta.id for row in result.rows if was_swapped(row)} == swapped
    assert said.here.config_hash != said.there.config_hash


async def test_revisions_of_git_are_laid_out_and_run(log: MemoryLog, repository: Path) -> None:
    (same,), said = await against(log, "same", repository)
    assert not same.differs
    assert isinstance(said, Against)
    assert said.there.config_hash == said.here.config_hash == PARAMS.config_hash
    assert said.label.startswith("revision same (")
    assert said.there.revision in said.label
    (changed,), _ = await against(log, "changed", repository)
    assert ids(changed.rows, Status.CHANGED) == independent_changes(log)[0]


async def test_a_wheel_is_unpacked_and_run(log: MemoryLog, planted: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "dispatch_options-9.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archived:
        for file in sorted(planted.rglob("*")):  # noqa: ASYNC240 - a small tree
            archived.write(file, file.relative_to(planted))
    (result,), said = await against(log, str(wheel))
    assert (said.label, said.there.revision) == (f"wheel {wheel.name}", "9.9")
    assert ids(result.rows, Status.CHANGED) == independent_changes(log)[0]


async def test_a_chain_feeds_each_revision_its_own_decisions(log: MemoryLog, planted: Path) -> None:
    (selector, sizer), _ = await against(log, f"{planted}/", PROJECT_ROOT, "selector", "sizer")
    assert any(was_swapped(row) for row in selector.rows)
    here, there = (
        chosen(row.recorded for row in selector.rows),
        chosen(row.replayed for row in selector.rows),
    )
    tickets_here, tickets_there = (
        chosen(row.recorded for row in sizer.rows),
        chosen(row.replayed for row in sizer.rows),
    )
    assert len(tickets_here) > 10
    assert tickets_here.items() <= here.items()
    assert tickets_there.items() <= there.items()


def chosen(answers: Iterable[Emissions]) -> dict[str, str]:
    """Return the contract of each answer that has one, by signal."""
    messages = [e.message for emissions in answers for e in emissions]
    return {
        m.meta.correlation_id: m.legs[0].occ_symbol for m in messages if isinstance(m, (Selection, Ticket))
    }


async def test_parameters_that_are_given_are_those_of_both_revisions(log: MemoryLog, planted: Path) -> None:
    given = (PROJECT_ROOT / PARAMS_FILE).read_text("utf-8")
    (result,), said = await against(log, f"{planted}/", params=given)
    assert not result.differs
    assert said.there.config_hash == said.here.config_hash


async def test_what_is_set_is_set_in_the_other_revision_too(log: MemoryLog, planted: Path) -> None:
    settings = (f"selector.scoring.distance_points={WEIGHT}",)
    (result,), _ = await against(log, f"{planted}/", settings=settings)
    assert not result.differs


@pytest.fixture
def home(tmp_path: Path, log: MemoryLog) -> Path:
    """A home in which a demo left its messages."""
    records = [replace(r, topic=r.topic.replace(log.prefix, "dispatch.", 1)) for r in log.records]
    archive.save(tmp_path / "demo" / "messages.jsonl", records)
    return tmp_path


def test_the_command_shows_both_revisions_and_says_no_with_its_exit_code(planted: Path, home: Path) -> None:
    done = command(home, "selector", "--rev", f"{planted}/", "--json")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    (stage,) = document["stages"]
    assert stage["changed"] == document["differences"] == stage["effect"]["decisions_changed"]
    assert 0 < stage["changed"] < stage["inputs"]
    said = document["revision"]
    assert said["label"] == f"folder {planted}"
    assert said["here"]["config_hash"] != said["there"]["config_hash"]


def test_the_parameters_a_demo_had_to_widen_are_those_of_both_revisions(planted: Path, home: Path) -> None:
    demo_params_file({"DISPATCH_HOME": str(home)}).write_text(
        with_overrides(PARAMS, ["selector.min_score=93"]).model_dump_json(), "utf-8"
    )
    done = command(home, "selector", "--rev", f"{planted}/", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["revision"]
    assert said["here"]["config_hash"] == said["there"]["config_hash"] != PARAMS.config_hash


def command(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dispatch", "replay", *words],
        cwd=PROJECT_ROOT,
        env={"PATH": os.environ["PATH"], "DISPATCH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
