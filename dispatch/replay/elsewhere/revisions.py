"""Finds the code of another revision, and lays it out where a process of its own can run it."""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernel.domain.errors import ConfigError
from kernel.runtime.settings import PROJECT_ROOT

_WORKER = Path("dispatch", "replay", "elsewhere", "worker.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Where a process finds its code. `label` names it to a person.

    `path` stands first among the places Python imports from; None: what `python` has installed. `revision` is what
    messages are signed with; empty: the code knows it by itself.
    """

    label: str
    python: Path
    path: Path | None
    folder: Path
    revision: str = ""

    def holds(self, place: Path) -> bool:
        """Tell whether `place`, where code was found, is this code."""
        home = self.python.parent.parent if self.path is None else self.path
        return place.resolve().is_relative_to(home.resolve())


def this_code(revision: str = "") -> Code:
    """Return the code that runs here, to sign with `revision`."""
    return Code(
        label="this code",
        python=Path(sys.executable),
        path=PROJECT_ROOT,
        folder=PROJECT_ROOT,
        revision=revision,
    )


@contextmanager
def code_of(revision: str, repository: Path = PROJECT_ROOT) -> Iterator[Code]:
    """Yield the code of a git revision of `repository`, a wheel, a folder, or a virtual environment it is installed in.

    What has a slash in it, ends in .whl or is a dot is a place on disk, anything else git's. Raises ConfigError.
    """
    place = Path(revision)
    if "/" not in revision and place.suffix != ".whl" and revision not in {".", ".."}:
        with tempfile.TemporaryDirectory(prefix="dispatch-revision-") as folder:
            yield _checked_out(revision, repository, Path(folder))
    elif place.suffix == ".whl":
        with tempfile.TemporaryDirectory(prefix="dispatch-wheel-") as folder:
            yield _unpacked(place, Path(folder))
    else:
        yield _found(place)


def _checked_out(revision: str, repository: Path, folder: Path) -> Code:
    commit = _git(
        repository, revision, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    short = commit.decode().strip()[:12]
    archive = _git(repository, revision, "archive", "--format=tar", short)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return _with_a_worker(
        folder,
        label=f"revision {revision}" if revision == short else f"revision {revision} ({short})",
        revision=short,
    )


def _git(repository: Path, revision: str, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=True)
    except FileNotFoundError:
        raise ConfigError("--rev: git is needed for a revision; a folder or a wheel needs none") from None
    except subprocess.CalledProcessError as e:
        said = " ".join(e.stderr.decode("utf-8", "replace").split())
        raise ConfigError(
            f"--rev: git knows no revision {revision!r} in {repository}{': ' + said if said else ''}"
            " (a folder is written with a slash: ./folder)"
        ) from None
    return done.stdout


def _unpacked(wheel: Path, folder: Path) -> Code:
    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)  # noqa: S202 - zipfile lets no member out of the folder
    except (OSError, zipfile.BadZipFile) as e:
        raise ConfigError(f"--rev: {wheel} is no wheel that can be read: {e}") from None
    return _with_a_worker(folder, label=f"wheel {wheel.name}", revision=_version(wheel))


def _version(wheel: Path) -> str:
    """Return the version a wheel's name tells: distribution-VERSION-python-abi-platform.whl."""
    parts = wheel.stem.split("-")
    return parts[1] if len(parts) >= 5 else wheel.stem


def _found(place: Path) -> Code:
    if not place.is_dir():
        raise ConfigError(f"--rev: there is no folder {place}")
    folder = place.resolve()
    python = folder / "bin" / "python"
    if (folder / "pyvenv.cfg").exists() and python.exists():
        return Code(label=f"environment {place}", python=python, path=None, folder=folder)
    return _with_a_worker(folder, label=f"folder {place}", revision="")


def _with_a_worker(folder: Path, *, label: str, revision: str) -> Code:
    if not (folder / _WORKER).exists():
        raise ConfigError(
            f"--rev: {label} has no {_WORKER}: it is older than replays of other revisions, or not this program"
        )
    return Code(label=label, python=Path(sys.executable), path=folder, folder=folder, revision=revision)
