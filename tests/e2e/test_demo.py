"""`dispatch demo` as a user runs it: its own process, real Kafka, Postgres, venue and four stages."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]


def _demo(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    out = folder / "summary.json"
    command = [sys.executable, "-m", "dispatch", "demo", "--json", str(out), *options]
    done = subprocess.run(
        command, cwd=ROOT, env=_environment(folder), capture_output=True, text=True, timeout=220, check=False
    )
    assert out.exists(), done.stderr[-3000:]
    return done.returncode, json.loads(out.read_text())


def _environment(folder: Path) -> dict[str, str]:
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("KAFKA_", "DATABASE_", "APCA_", "DISPATCH_"))
    }
    return {**kept, "DISPATCH_HOME": str(folder / "home")}


def _dispatch(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dispatch", *words],
        cwd=ROOT,
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def _left_over(folder: Path) -> list[list[str]]:
    return [
        p.info["cmdline"]
        for p in psutil.process_iter(["cmdline"])
        if str(folder) in " ".join(p.info["cmdline"] or [])
    ]


def test_the_demo_accounts_for_every_signal_and_leaves_nothing_behind(tmp_path: Path) -> None:
    code, summary = _demo(tmp_path, "--signals", "24")
    assert code == 0
    assert summary["signals"] == 24
    assert summary["orders"] + sum(summary["rejections"].values()) == 24
    assert summary["fills"] >= 10
    assert summary["rejections"]["STRUCTURE_NOT_AVAILABLE"] == 2
    assert summary["duplicate_orders"] == 0
    assert len(summary["executions"]) == 24
    assert _left_over(tmp_path) == []

    bought = next(row for row in summary["executions"] if row["occ_symbol"])
    story = json.loads(_dispatch(tmp_path, "trace", bought["signal_id"], "--json"))
    assert {step["topic"] for step in story["steps"]} == {
        "signals",
        "evidence",
        "selections",
        "tickets",
        "executions",
    }
    assert story["fate"] == "filled"
    refused = next(row for row in summary["executions"] if not row["occ_symbol"])
    assert refused["reason"].split(":")[0] in _dispatch(tmp_path, "trace", refused["signal_id"])


@pytest.mark.parametrize(
    ("equity", "tier", "cap"), [(1000, "tiny", 2), (5000, "small", 3), (20000, "medium", 5)]
)
def test_a_smaller_account_takes_its_tiers_size(tmp_path: Path, equity: int, tier: str, cap: int) -> None:
    code, summary = _demo(tmp_path, "--signals", "12", "--equity", str(equity))
    assert code == 0
    rows = summary["executions"]
    assert any(row["tier"] == tier for row in rows)
    assert all(row["contracts"] <= cap for row in rows if row["tier"] == tier)
