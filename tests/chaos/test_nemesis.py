"""Five minutes of faults on the real stack; `make chaos ARGS="--minutes 60"` for more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kernel.runtime.settings import PROJECT_ROOT

pytestmark = [pytest.mark.chaos, pytest.mark.e2e, pytest.mark.timeout(900)]
#: At this rate two busy cores keep up.
MINUTES, RATE_PER_S, ORDER_EVERY = 5, 6, 2


def test_under_faults_every_signal_is_answered_once_and_every_order_is_one_of_its_decisions(
    tmp_path: Path,
) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.chaos.nemesis",
        "--seed",
        "1",
        "--report",
        str(tmp_path / "report"),
    ]
    asked = [
        *command,
        "--minutes",
        str(MINUTES),
        "--rate",
        str(RATE_PER_S),
        "--order-every",
        str(ORDER_EVERY),
    ]
    done = subprocess.run(asked, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=850)

    assert done.returncode == 0, done.stderr[-4000:] + done.stdout
    summary = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert summary["violations"] == []
    assert summary["faults"] >= 50
    assert len(summary["faults_by_kind"]) >= 25
    assert summary["signals"] == MINUTES * 60 * RATE_PER_S
    assert summary["orders_at_venue"] > summary["signals"] / ORDER_EVERY / 2
