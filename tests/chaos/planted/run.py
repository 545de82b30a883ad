"""Plants every kept bug into a copy of the tree and runs the tests that must see it.

`python -m tests.chaos.planted.run [NAME …]`: exit 1 if one is missed, does not fit, or its tests fail without it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from kernel.runtime.settings import PROJECT_ROOT
from tests.chaos.planted.bugs import Bug, all_bugs

_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "docs", "shared")
_LONGEST_S = 900
#: pytest's own codes: all passed, some failed. Any other means that nothing was tested.
_PASSED, _FAILED = 0, 1


def main(names: Sequence[str]) -> int:
    """Return the exit code."""
    bugs = [bug for bug in all_bugs() if not names or bug.name in names]
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(PROJECT_ROOT, tree, ignore=_LEFT_OUT)
        targets = sorted({target for bug in bugs for target in bug.tests})
        say(f"{len(bugs)} bugs; first their {len(targets)} test targets without them")
        if _run(tree, targets) != _PASSED:
            say("the tests fail without any bug: nothing can be told")
            return 1
        wrong = [bug for bug in bugs if not _is_caught(bug, tree)]
    say(f"{len(bugs) - len(wrong)} of {len(bugs)} caught")
    for bug in wrong:
        say(f"  NOT CAUGHT {bug.name}: {bug.what}")
    return 1 if wrong else 0


def _is_caught(bug: Bug, tree: Path) -> bool:
    reason = bug.fits(tree)
    if reason is not None:
        say(f"DOES NOT FIT {bug.name}: {reason}")
        return False
    bug.apply(tree)
    started_s = time.perf_counter()
    try:
        answer = _run(tree, bug.tests)
    finally:
        bug.take_out(tree)
    word = {_PASSED: "MISSED", _FAILED: "caught"}.get(answer, f"NOT TESTED (pytest's code {answer})")
    say(f"{word:10} {bug.name} ({time.perf_counter() - started_s:.0f} s): {bug.what}")
    return answer == _FAILED


def _run(tree: Path, targets: Sequence[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *targets]
    # A patch and its removal can fall into one second, which compiled files cannot tell apart.
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}
    done = subprocess.run(
        command, check=False, cwd=tree, env=environ, capture_output=True, text=True, timeout=_LONGEST_S
    )
    if done.returncode not in (_PASSED, _FAILED):
        say(done.stdout[-2000:] + done.stderr[-2000:])
    return done.returncode


def say(line: str) -> None:
    """Tell whoever runs this."""
    print(line, flush=True)  # noqa: T201 - a script's output


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
