"""Each part's dependencies and image hold what the part needs, and nothing else. No Docker is needed to see it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kernel.runtime.settings import PROJECT_ROOT
from tests.architecture import parts

#: What a part needs although its code does not name it, and why.
NEEDED_UNNAMED = {
    "websockets": "alpaca-py's and uvicorn's WebSocket; the bound is for websockets.legacy",
    "tzdata": "zoneinfo has no database of its own in a slim image",
    "psycopg-binary": "libpq, which psycopg loads if it is there",
}
#: What the operator names although it is not in the operator's image: `dispatch up` and `demo` need the extra `local`.
LOCAL_ONLY = parts.names(parts.project()["project"]["optional-dependencies"]["local"])

#: Hides every distribution but the allowed ones, then imports what it is told to.
_IMPORT_WITH_ONLY = """
import importlib, importlib.util, pkgutil, sys, warnings
warnings.simplefilter("ignore")
hidden, roots = set(sys.argv[1].split(",")), sys.argv[2].split(",")
class Hides:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"{name} is in no distribution of this part", name=name)
sys.meta_path.insert(0, Hides())
for root in roots:
    package = importlib.import_module(root)
    for found in pkgutil.walk_packages(package.__path__, root + "."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
"""
_SAY_WHAT_IMPORTS = """
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        print(name)
    except ModuleNotFoundError:
        pass
"""


@pytest.mark.parametrize("part", parts.PARTS)
def test_a_part_asks_in_the_same_words_as_the_project(part: str) -> None:
    assert set(parts.requirements(part)) <= set(parts.project()["project"]["dependencies"])


@pytest.mark.parametrize("part", parts.PARTS)
def test_a_part_declares_every_distribution_its_code_names(part: str) -> None:
    allowed = LOCAL_ONLY if part == "operator" else set()
    assert parts.outside_imports(part) - allowed - parts.names(parts.requirements(part)) == set()


@pytest.mark.parametrize("part", [*parts.STAGES, "simulator"])
def test_a_part_declares_no_distribution_its_code_does_not_name(part: str) -> None:
    declared = parts.names(parts.requirements(part))
    assert declared - parts.outside_imports(part) - set(NEEDED_UNNAMED) == set()


def test_the_operators_image_has_what_the_parts_and_the_command_need_and_no_more() -> None:
    needed = {name for part in parts.PARTS for name in parts.outside_imports(part)}
    declared = parts.names(parts.requirements("operator"))
    assert declared - needed - set(NEEDED_UNNAMED) == set()


@pytest.mark.parametrize("part", [*parts.STAGES, "simulator"])
def test_a_part_starts_from_its_image_and_its_own_set_alone(part: str, tmp_path: Path) -> None:
    """Every module of the part imports from the files of its image while all distributions of others are hidden."""
    _copy_into(tmp_path, parts.copied(part))
    needed = parts.closure(parts.requirements(part))
    done = _import(part, hidden=_import_names() - parts.top_levels(needed), folder=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("part", [*parts.STAGES, "simulator"])
def test_a_parts_image_knows_no_other_part(part: str, tmp_path: Path) -> None:
    _copy_into(tmp_path, parts.copied(part))
    others = [root.replace("/", ".") for other in parts.PARTS if other != part for root in parts.ROOTS[other]]
    done = _python(_SAY_WHAT_IMPORTS, tmp_path, *others, "kernel.domain.money")
    assert done.stdout.split() == ["kernel.domain.money"], done.stderr[-2000:]


@pytest.mark.parametrize(("part", "missing"), [("selector", "orjson"), ("simulator", "scipy")])
def test_a_missing_distribution_is_noticed(part: str, missing: str) -> None:
    needed = parts.closure(parts.requirements(part)) - {missing}
    done = _import(part, hidden=_import_names() - parts.top_levels(needed), folder=PROJECT_ROOT)
    assert f"{missing} is in no distribution of this part" in done.stderr


@pytest.mark.parametrize("part", parts.PARTS)
def test_a_lock_names_what_the_part_needs_and_no_more(part: str) -> None:
    """The lock is for every platform: what it names beyond this machine's set, the whole project's lock names too."""
    needed, locked = parts.closure(parts.requirements(part)), set(parts.locked(parts.lock_file(part)))
    assert needed <= locked, "run: make lock"
    installed_here = parts.closure(parts.project()["project"]["dependencies"])
    assert locked & installed_here == needed & installed_here, (
        "run: make lock; a stage that needs what the others do not gets a lock and a layer of its own"
    )


@pytest.mark.parametrize("part", parts.PARTS)
def test_a_lock_has_the_versions_of_the_projects_lock_by_hash(part: str) -> None:
    project = parts.locked(PROJECT_ROOT / "requirements.lock")
    for name, hashes in parts.locked(parts.lock_file(part)).items():
        assert hashes, name
        assert hashes <= project[name], f"{name}: run make lock"


def test_there_is_a_lock_for_each_image_and_no_other() -> None:
    files = {parts.lock_file(part) for part in parts.PARTS}
    assert set(parts.lock_file("operator").parent.iterdir()) == files


def test_a_lock_names_no_registry() -> None:
    for part in parts.PARTS:
        assert "://" not in parts.lock_file(part).read_text("utf-8")


def test_the_operators_image_has_the_command_and_every_stages_code(tmp_path: Path) -> None:
    _copy_into(tmp_path, parts.copied("operator"))
    done = _python("import dispatch.cli", tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    for file in (PROJECT_ROOT / "services").rglob("*.py"):
        assert (tmp_path / file.relative_to(PROJECT_ROOT)).is_file()


@pytest.mark.parametrize("part", parts.PARTS)
def test_no_image_takes_in_a_test_a_document_or_a_secret(part: str) -> None:
    taken = {path.split("/")[0] for path in parts.copied(part)}
    assert taken <= parts.OURS


def _import_names() -> set[str]:
    installed = parts.closure(parts.project()["project"]["dependencies"])
    others = {
        name
        for extra in parts.project()["project"]["optional-dependencies"].values()
        for name in parts.names(extra)
    }
    return parts.top_levels(installed | others) - parts.OURS


def _import(part: str, *, hidden: set[str], folder: Path) -> subprocess.CompletedProcess[str]:
    roots = ",".join(root.replace("/", ".") for root in parts.ROOTS[part])
    return _python(_IMPORT_WITH_ONLY, folder, ",".join(sorted(hidden)) or "none", roots)


def _python(code: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code that sees the modules of `folder` and what is installed, but not this project as it is installed."""
    alone = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    unfound = (
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]\n"
        f"sys.path[:] = [p for p in sys.path if p == {str(folder)!r} or p != {str(PROJECT_ROOT)!r}]\n"
    )
    return subprocess.run(
        [sys.executable, "-P", "-c", alone + unfound + code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def _copy_into(folder: Path, paths: list[str]) -> None:
    """Lay out `folder` as the Dockerfile lays out the image."""
    for path in paths:
        source, target = PROJECT_ROOT / path, folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
