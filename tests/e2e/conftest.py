"""`dispatch` as a user runs it: its own process and run folder, no servers named by the environment."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]
_NAMES_SERVERS = ("KAFKA_", "DATABASE_", "APCA_", "DISPATCH_")


@dataclass(frozen=True)
class Operator:
    """Types commands; `home` is where the stack keeps its things."""

    home: Path

    def run(self, *words: str, timeout_s: float = 220) -> subprocess.CompletedProcess[str]:
        """Run `dispatch WORDS`."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(_NAMES_SERVERS)}
        return subprocess.run(
            [sys.executable, "-m", "dispatch", *words],
            cwd=ROOT,
            env={**environment, "DISPATCH_HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def demo(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Run the demo; returns its exit code and summary."""
        out = self.home.with_suffix(".json")
        done = self.run("demo", "--json", str(out), *options)
        assert out.exists(), done.stderr[-3000:]
        return done.returncode, json.loads(out.read_text())

    def left_over(self) -> list[str]:
        """Return the command lines of processes that still run for this home.

        The servers have it in their command line; stages and venue only inherit the environment they were started from.
        """
        known = (p.info for p in psutil.process_iter(["cmdline", "environ"]))
        lines = [(" ".join(each["cmdline"] or []), each["environ"] or {}) for each in known]
        home = str(self.home)
        return [line for line, given in lines if home in line or given.get("DISPATCH_HOME") == home]


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """An operator with a home of their own."""
    return Operator(tmp_path / "home")
