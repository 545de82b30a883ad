"""Rules of the house that no linter knows; each message names what to do instead."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel.runtime.settings import PROJECT_ROOT

SERVICES = sorted(path.parent for path in (PROJECT_ROOT / "services").glob("*/__init__.py"))
FILES_OF_A_SERVICE = (
    "__init__.py",
    "__main__.py",
    "app.py",
    "stage.py",
    "ports.py",
    "settings.py",
    "core/__init__.py",
    "adapters/__init__.py",
    "README.md",
)
LONGEST_FILE_LINES = 400
LONGEST_MAIN_LINES = 10


def code() -> Iterator[Path]:
    """Yield every module that runs in production."""
    for folder in ("kernel", "services", "simulator", "dispatch"):
        yield from (PROJECT_ROOT / folder).rglob("*.py")


def relative(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT))


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_who_knows_one_service_knows_all(service: Path) -> None:
    assert [name for name in FILES_OF_A_SERVICE if not (service / name).is_file()] == []


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_service_says_in_one_docstring_what_it_is(service: Path) -> None:
    assert (service / "__init__.py").read_text("utf-8").startswith('"""')


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_main_module_only_starts(service: Path) -> None:
    lines = (service / "__main__.py").read_text("utf-8").splitlines()
    assert len(lines) <= LONGEST_MAIN_LINES, "move it into app.py"


def test_every_file_can_be_read_in_one_sitting() -> None:
    long = {
        relative(p): n for p in code() if (n := len(p.read_text("utf-8").splitlines())) > LONGEST_FILE_LINES
    }
    assert long == {}, "split it where its subject changes"


def test_migrations_are_one_line_of_history() -> None:
    folder = PROJECT_ROOT / "kernel" / "adapters" / "migrations" / "versions"
    steps = {}
    for file in sorted(folder.glob("0*.py")):
        text = file.read_text("utf-8")
        (revision,) = re.findall(r'^revision = "(\d{4})"$', text, re.MULTILINE)
        (before,) = re.findall(r'^down_revision = (None|"\d{4}")$', text, re.MULTILINE)
        assert file.name.startswith(revision)
        steps[revision] = before.strip('"')
    assert list(steps.values()) == ["None", *list(steps)[:-1]]


def test_a_blanket_ignore_names_its_rule() -> None:
    bare = re.compile(r"#\s*(noqa(?!:)|type:\s*ignore(?!\[))")
    found = [
        f"{relative(path)}:{number}"
        for path in code()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if bare.search(line)
    ]
    assert found == [], "name the rule: # noqa: CODE or # type: ignore[code]"
