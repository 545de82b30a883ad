"""Who may know whom: the contracts of pyproject.toml hold, and each of them is one that can break."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kernel.runtime.settings import PROJECT_ROOT

RUN = "from importlinter.cli import lint_imports_command; lint_imports_command()"
#: A line put into a module, and the contract it breaks.
BREAKS = {
    "services/sizer/core/sizing.py": (
        "import services.selector.core.scoring",
        "Services know the kernel and nothing of each other",
    ),
    "kernel/contracts/topics.py": ("import services.sizer.ports", "The kernel knows nobody above it"),
    "services/selector/stage.py": (
        "import simulator.clock",
        "Services know neither the venue's simulator nor the operator's command",
    ),
    "services/signals/helpers.py": ("", "Every service has the same layers"),
    "kernel/domain/money.py": ("import kernel.runtime.params", "Kernel layers"),
    "services/signals/core/bars.py": (
        "import os",
        "The functional core touches no IO, clock, loop or vendor",
    ),
    "dispatch/console.py": ("import aiokafka", "Only the kernel's stream package knows the stream library"),
    "services/sizer/ports.py": (
        "import kernel.adapters.postgres",
        "Vendors are not even reached through adapters from a stage, its ports, settings or core",
    ),
    "services/signals/app.py": ("import psycopg", "Only adapters name vendors"),
    "simulator/journal.py": (
        "import kernel.runtime.logging",
        "The simulator knows the kernel's words and nothing else of ours",
    ),
    "simulator/venue/margin.py": ("import time", "The simulated venue's core touches no IO, clock or loop"),
    "services/executor/replay.py": (
        "import services.executor.adapters.alpaca_broker",
        "Deciding again reaches no venue, no database and no broker",
    ),
    "dispatch/shadow/run.py": (
        "import services.executor.adapters.alpaca_broker",
        "A shadow reaches no venue and no database",
    ),
    "dispatch/cli.py": ("import kernel.testing.builders", "Test helpers stay out of production"),
    "services/executor/core/orders.py": ("import services.executor.app", "No cycles"),
}
#: More lines, each of which closes a circle inside its package.
CIRCLES = {
    "dispatch/venue.py": "import dispatch.demo.summary",
    "simulator/wire_orders.py": "import simulator.desk",
}


def lint_imports(folder: Path) -> tuple[int, str]:
    """Run import-linter over the project in `folder`; returns its exit code and words, on one line."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_everyone_knows_only_whom_they_may() -> None:
    code, said = lint_imports(PROJECT_ROOT)
    assert code == 0, said


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what import-linter says of a copy of the project in which every contract is broken once."""
    folder = tmp_path_factory.mktemp("broken")
    for name in ("kernel", "services", "simulator", "dispatch"):
        shutil.copytree(PROJECT_ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT_ROOT / "pyproject.toml", folder)
    for path, line in [*((path, line) for path, (line, _) in BREAKS.items()), *CIRCLES.items()]:
        file = folder / path
        file.write_text((file.read_text("utf-8") if file.exists() else "") + f"\n{line}\n", encoding="utf-8")
    code, said = lint_imports(folder)
    assert code == 1, said
    return said


@pytest.mark.parametrize("contract", [contract for _, contract in BREAKS.values()])
def test_a_break_is_caught(broken: str, contract: str) -> None:
    assert f"{contract} BROKEN" in broken


@pytest.mark.parametrize("package", ["kernel", "services.executor", "simulator", "dispatch"])
def test_a_circle_inside_a_package_is_caught(broken: str, package: str) -> None:
    assert f"No cycles are allowed in {package}." in broken


def test_every_contract_has_its_break(broken: str) -> None:
    assert f"Contracts: 0 kept, {len(BREAKS)} broken" in broken
