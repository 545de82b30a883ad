"""Ninety seconds of faults on the real stack; `make chaos ARGS="--minutes 5"` for more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kernel.runtime.settings import PROJECT_ROOT

pytestmark = [pytest.mark.chaos, pytest.mark.e2e, pytest.mark.timeout(900)]
MINUTES, RATE_PER_S = 1.5, 6


def test_under_faults_every_signal_is_answered_once_and_every_order_is_one_of_its_decisions(
    tmp_path: Path,
) -> None:
    """Seed 1 has a broker that is stopped, killed and restarted, a killed executor, a zombie, and a venue that lies."""
    command = [
        sys.executable,
        "-m",
        "tests.chaos.nemesis",
        "--seed",
        "1",
        "--report",
        str(tmp_path / "report"),
    ]
    asked = [*command, "--minutes", str(MINUTES), "--rate", str(RATE_PER_S)]
    done = subprocess.run(asked, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=850)

    assert done.returncode == 0, done.stderr[-4000:] + done.stdout
    summary = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert summary["violations"] == []
    assert summary["faults"] >= 10
    assert summary["signals"] == MINUTES * 60 * RATE_PER_S
    assert summary["orders_at_venue"] > summary["signals"] / 2
