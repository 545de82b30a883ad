"""Ninety seconds of faults on the real stack; `make chaos ARGS="--minutes 5"` for more."""

import sys
from pathlib import Path

import pytest

from tests.chaos.nemesis.run import run

pytestmark = [pytest.mark.chaos, pytest.mark.e2e, pytest.mark.timeout(900)]
SEED, MINUTES, RATE_PER_S = 1, 1.5, 6.0


async def test_under_faults_every_signal_is_answered_once_and_every_order_is_one_of_its_decisions(
    tmp_path: Path,
) -> None:
    done = await run(
        tmp_path / "run",
        seed=SEED,
        minutes=MINUTES,
        rate_per_s=RATE_PER_S,
        say=lambda line: sys.stderr.write(f"{line}\n") and None,
    )

    summary = done.summary()
    assert summary["violations"] == []
    assert summary["faults"] >= 10
    assert summary["signals"] == MINUTES * 60 * RATE_PER_S
    assert summary["orders_at_venue"] > summary["signals"] / 2
