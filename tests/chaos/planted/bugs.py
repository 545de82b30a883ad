"""Bugs kept as patches: each says what it is and which tests must see it.

A file of `bugs/` is a unified diff against the tree, headed by `Bug: …` in one line and `Caught by: …`, test targets of
pytest separated by spaces.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "bugs"
_HEAD = re.compile(r"Bug: (?P<bug>.+)\nCaught by: (?P<tests>.+)\n")


@dataclass(frozen=True, slots=True)
class Bug:
    """A patch, what it breaks, and the tests that must fail with it."""

    patch: Path
    what: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its file's name."""
        return self.patch.stem

    def apply(self, tree: Path) -> None:
        """Plant it into `tree`; raises CalledProcessError where it does not fit."""
        _git_apply(self.patch, tree)

    def take_out(self, tree: Path) -> None:
        """Mend `tree` again."""
        _git_apply(self.patch, tree, "--reverse")

    def fits(self, tree: Path) -> str | None:
        """Return None, or why it does not fit into `tree`."""
        try:
            _git_apply(self.patch, tree, "--check")
        except subprocess.CalledProcessError as e:
            return str(e.stderr).strip()
        return None


def all_bugs() -> list[Bug]:
    """Return every kept bug; raises ValueError on a file without its head."""
    return [_read(path) for path in sorted(FOLDER.glob("*.patch"))]


def _read(path: Path) -> Bug:
    head = _HEAD.match(path.read_text())
    if head is None:
        raise ValueError(f"{path.name} does not begin with 'Bug: …' and 'Caught by: …'")
    return Bug(path, head["bug"], tuple(head["tests"].split()))


def _git_apply(patch: Path, tree: Path, *how: str) -> None:
    # Outside of the repository's own files `git apply` would leave everything out in silence.
    command = ["git", "apply", "--unsafe-paths", f"--directory={tree}", *how, str(patch)]
    subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")
