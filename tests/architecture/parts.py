"""What a part of the project consists of, read from the code, the lock files and the Dockerfile.

A part is what gets an image: each stage, the simulator, the operator's command. Its dependency group in pyproject.toml
has its name.
"""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from kernel.runtime.settings import PROJECT_ROOT

STAGES = ("signals", "selector", "sizer", "executor")
PARTS = (*STAGES, "simulator", "operator")
#: The packages whose modules a part starts with; what those import belongs to it too.
ROOTS = {
    **{stage: (f"services/{stage}",) for stage in STAGES},
    "simulator": ("simulator",),
    "operator": ("dispatch",),
}
OURS = frozenset({"kernel", "services", "simulator", "dispatch", "schemas", "config"})
#: Import name → distribution, where more than one distribution or none of that name provides it.
_NAMED_OTHERWISE = {"faust": "faust-streaming", "alpaca": "alpaca-py", "psycopg_pool": "psycopg-pool"}
_PINNED = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==", re.MULTILINE)
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@cache
def project() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text("utf-8"))


def requirements(part: str) -> list[str]:
    """Return what a part asks for at top level: its dependency group, or the project's own list for the operator."""
    return list(project()["project"]["dependencies"]) if part == "operator" else _group(part)


def _group(name: str) -> list[str]:
    found = []
    for entry in project()["dependency-groups"][name]:
        found += [entry] if isinstance(entry, str) else _group(entry["include-group"])
    return found


def names(wanted: Iterable[str]) -> set[str]:
    """Return the normal names of requirements' distributions, extras included: `psycopg[pool]` names psycopg-pool too."""
    return {name for text in wanted for name in _with_extras(Requirement(text))}


def _with_extras(requirement: Requirement) -> Iterator[str]:
    yield canonicalize_name(requirement.name)
    for extra in requirement.extras:
        asked = (Requirement(text) for text in metadata.requires(requirement.name) or ())
        yield from (
            canonicalize_name(each.name)
            for each in asked
            if each.marker is not None
            and each.marker.evaluate({"extra": extra})
            and not each.marker.evaluate({"extra": ""})
        )


def closure(wanted: Iterable[str]) -> set[str]:
    """Return the distributions that requirements need on this machine, themselves included."""
    found: set[str] = set()
    waiting = [(Requirement(text), "") for text in wanted]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, asked_by = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": asked_by}):
            continue
        name = canonicalize_name(requirement.name)
        found.add(name)
        for extra in {"", *requirement.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += [(Requirement(text), extra) for text in metadata.requires(name) or ()]
    return found


def lock_file(part: str) -> Path:
    """Return the lock of a part's image; the stages have one in common."""
    return PROJECT_ROOT / "deploy" / "locks" / f"{'stage' if part in STAGES else part}.txt"


def locked(file: Path) -> dict[str, frozenset[str]]:
    """Return name → hashes of everything a lock names; a distribution may stand there in several versions."""
    text = file.read_text("utf-8")
    starts = [*_PINNED.finditer(text)]
    ends = [*(each.start() for each in starts[1:]), len(text)]
    found: dict[str, frozenset[str]] = {}
    for each, end in zip(starts, ends, strict=True):
        name = canonicalize_name(each["name"])
        found[name] = found.get(name, frozenset()) | frozenset(_HASH.findall(text[each.start() : end]))
    return found


def modules(part: str) -> set[str]:
    """Return our modules that a part may import, lazily or at once."""
    found: set[str] = set()
    waiting = [_module_name(file) for root in ROOTS[part] for file in (PROJECT_ROOT / root).rglob("*.py")]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        waiting += [m for imported in _imports(name) for m in _ours(imported)]
    return found


def outside_imports(part: str) -> set[str]:
    """Return the distributions that a part's own code names in an import."""
    names = {imported.partition(".")[0] for m in modules(part) for imported in _imports(m)}
    return {canonicalize_name(d) for name in names - OURS if (d := distribution_of(name)) is not None}


def distribution_of(module: str) -> str | None:
    """Return the distribution of a top-level module, None for the standard library."""
    if module in _NAMED_OTHERWISE:
        return _NAMED_OTHERWISE[module]
    found = _providers().get(module)
    return found[0] if found else None


@cache
def _providers() -> dict[str, list[str]]:
    return {name: list(found) for name, found in metadata.packages_distributions().items()}


def top_levels(distributions: Iterable[str]) -> set[str]:
    """Return the import names that these distributions provide."""
    wanted = set(distributions)
    return {m for m, found in _providers().items() if wanted & {canonicalize_name(d) for d in found}}


def copied(target: str) -> list[str]:
    """Return the paths of the project that a target of the Dockerfile takes in, by itself or from other targets."""
    found: list[str] = []
    for words in _targets().get(target, ()):
        if words[0] == "FROM":
            found += copied(words[1])
        elif words[1].startswith("--from="):
            found += copied(words[1].removeprefix("--from="))
        else:
            found += words[1:-1]
    return [path for path in found if not path.startswith("deploy/locks/")]


@cache
def _targets() -> dict[str, list[list[str]]]:
    """Return the Dockerfile's FROM and COPY lines, as words, by target."""
    targets: dict[str, list[list[str]]] = {}
    for line in (PROJECT_ROOT / "Dockerfile").read_text("utf-8").splitlines():
        words = line.split()
        if words[:1] == ["FROM"]:
            *_, name = words
            targets[name] = [words]
        elif words[:1] == ["COPY"]:
            targets[name].append(words)
    return targets


def _ours(imported: str) -> Iterator[str]:
    """Yield the module that a dotted name means, and the packages it lies in."""
    words = imported.split(".")
    if words[0] in OURS:
        for count in range(len(words), 0, -1):
            name = ".".join(words[:count])
            if _file(name) is not None:
                yield name


def _file(module: str) -> Path | None:
    path = PROJECT_ROOT.joinpath(*module.split("."))
    return next((f for f in (path.with_suffix(".py"), path / "__init__.py") if f.is_file()), None)


def _module_name(file: Path) -> str:
    words = file.relative_to(PROJECT_ROOT).with_suffix("").parts
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


@cache
def _imports(module: str) -> frozenset[str]:
    """Return the dotted names a module imports, `from a import b` as both a and a.b."""
    file = _file(module)
    if file is None:
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)
