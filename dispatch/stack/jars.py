"""Kafka's jars: fetched once from Maven Central through jgo, checked against a committed list before every use.

Entry points: `kafka_jars` (the checked jars), `python -m dispatch.stack.jars` (rewrite the list, for a new Kafka version).
1. A jar is used only if its SHA-256 is the one in `kafka_jars.sha256`.
2. The cache folder appears in one rename, complete and checked; an interrupted download leaves only a temporary folder.
3. One process downloads at a time; the others wait for it and then use what it brought.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dispatch.stack.errors import StackError

KAFKA_VERSION = "4.1.0"
_KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
# Kafka logs through slf4j; without this binding its log is silent and a broker that fails says nothing.
_LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"
_LIST = Path(__file__).with_name("kafka_jars.sha256")
_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar: its path in a Maven repository and the SHA-256 it must have."""

    path: PurePosixPath
    sha256: str

    @property
    def coordinate(self) -> tuple[str, str, str]:
        """Group, artifact, version."""
        *group, artifact, version, _ = self.path.parts
        return ".".join(group), artifact, version


Fetch = Callable[[Jar, Path], Path]
"""Bring one jar into a folder and return where it is."""


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/dispatch`, or `~/.cache/dispatch`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dispatch"


def kafka_jars(cache: Path | None = None, fetch: Fetch | None = None) -> list[Path]:
    """Return Kafka's jars, downloading them on first use; raises StackError if one is not what the list says."""
    wanted = read_list(_LIST)
    folder = (cache or cache_folder()) / f"kafka-{KAFKA_VERSION}"
    if not folder.exists():
        with _one_at_a_time(folder):
            if not folder.exists():
                _download(wanted, folder, fetch or fetch_from_maven)
    _check(wanted, folder)
    return [folder / jar.path.name for jar in wanted]


def read_list(path: Path) -> list[Jar]:
    """Read lines of `<sha256>  <path in a Maven repository>`."""
    rows = [line.split() for line in path.read_text().splitlines()]
    return [Jar(PurePosixPath(name), digest) for digest, name in rows]


def fetch_from_maven(jar: Jar, folder: Path) -> Path:
    """Download one jar with jgo into `folder` (laid out as a Maven repository)."""
    from jgo.maven import MavenContext  # noqa: PLC0415  # the extra `local` is needed only here

    group, artifact, version = jar.coordinate
    context = MavenContext(repo_cache=folder, timeout=_TIMEOUT_S)
    return Path(context.project(group, artifact).at_version(version).artifact().resolve())


def _download(wanted: list[Jar], folder: Path, fetch: Fetch) -> None:
    with tempfile.TemporaryDirectory(prefix="download-", dir=folder.parent) as scratch:
        complete = Path(scratch, "complete")
        complete.mkdir()
        try:
            with _progress(len(wanted)) as advance, ThreadPoolExecutor(max_workers=4) as pool:
                for done in as_completed([pool.submit(fetch, jar, Path(scratch)) for jar in wanted]):
                    shutil.move(done.result(), complete)
                    advance()
        except Exception as error:  # whatever the network or jgo raises, the operator's remedy is the same
            raise StackError(
                f"cannot download Kafka {KAFKA_VERSION} from Maven Central: {error}; check the connection and run it "
                "again, or set KAFKA_BOOTSTRAP_SERVERS to a Kafka of yours"
            ) from error
        _check(wanted, complete)
        complete.rename(folder)


def _check(wanted: list[Jar], folder: Path) -> None:
    for jar in wanted:
        path = folder / jar.path.name
        if not path.exists() or _sha256(path) != jar.sha256:
            state = "is not the published one (SHA-256 differs)" if path.exists() else "is missing"
            raise StackError(
                f"{path} {state}; delete the folder {folder} and run it again to download Kafka anew"
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"Downloading Kafka {KAFKA_VERSION} (once)", total=total)
        yield lambda: bar.advance(task)


def _write_list() -> None:
    """Resolve Kafka's dependencies anew and rewrite the list of jars with their checksums."""
    from jgo.maven import MavenContext  # noqa: PLC0415  # the extra `local` is needed only here

    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch), timeout=_TIMEOUT_S)
        # The binding is not resolved with Kafka: its own dependency management would change the versions of Kafka's jars.
        binding = context.create_dependency(_LOG_BINDING)
        roots, others = context.resolver.resolve([context.create_dependency(_KAFKA)])
        needed = [binding, *roots, *(each for each in others if each.scope in {"compile", "runtime"})]
        paths = sorted({Path(each.artifact.resolve()) for each in needed})
        lines = [f"{_sha256(path)}  {path.relative_to(scratch).as_posix()}\n" for path in paths]
    _LIST.write_text("".join(lines))
    print(f"{len(lines)} jars listed in {_LIST}", file=sys.stderr)


if __name__ == "__main__":
    _write_list()
