"""Child processes that never outlive their owner.

Entry points: `ProcessSpec` says what to run, `ChildProcess.start` runs it, `Backoff` says when to run it again.
1. Every child has its own process group, and dies with its owner even on kill -9 of the owner (see `launch.py`).
2. Standard output and error go to one log file per process, appended to over restarts.
3. Stopping is the stop signal, a deadline, then SIGKILL to the whole group.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from dispatch.stack.errors import StackError
from dispatch.stack.waiting import wait_until

_LAUNCHER = Path(__file__).with_name("launch.py")
# The kernel's parent-death signal follows the *thread* that started the child, so all children are started by one
# thread that lives as long as this process; the short-lived threads that start the servers side by side may end.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="child-starter")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """What to run. `environment` is added to the owner's own. `user`: system user to become (needs root)."""

    name: str
    command: Sequence[str]
    log_path: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_deadline_s: float = 10.0
    orphan_signal: signal.Signals = signal.SIGKILL


class ChildProcess:
    """One running (or ended) child."""

    def __init__(self, spec: ProcessSpec, popen: "subprocess.Popen[bytes]") -> None:
        self.spec = spec
        self._popen = popen

    @classmethod
    def start(cls, spec: ProcessSpec) -> "ChildProcess":
        """Start the program; raises StackError if it cannot be started."""
        return _STARTER.submit(_start, spec).result()

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._popen.poll()

    @property
    def running(self) -> bool:
        return self.exit_code is None

    @property
    def rss_bytes(self) -> int:
        """Resident memory of the process and its descendants; 0 once it ended."""
        return resident_bytes(self.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process itself."""
        if self.running:
            self._popen.send_signal(number)

    def stop(self) -> int:
        """Ask, wait for the deadline, then kill; returns the exit code."""
        self.signal(self.spec.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(self.spec.stop_deadline_s)
        return self.kill()

    def kill(self) -> int:
        """Kill what is left of the process group at once; returns the exit code."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        if self._popen.stdin:
            self._popen.stdin.close()
        return self._popen.wait()

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        return tail(self.spec.log_path, lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """When to start a crashed process again: doubling from `first_s` to `longest_s`, anew after a run of `settled_s`."""

    first_s: float = 0.5
    longest_s: float = 30.0
    settled_s: float = 60.0

    def delay_s(self, crashes_in_a_row: int) -> float:
        """Seconds to wait after the n-th crash in a row, n ≥ 1."""
        return min(self.longest_s, self.first_s * 2.0 ** min(crashes_in_a_row - 1, 32))

    def crashes_in_a_row(self, before: int, ran_s: float) -> int:
        """How many crashes in a row a new one makes, after a run of `ran_s` seconds."""
        return 1 if ran_s >= self.settled_s else before + 1


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a text file; empty if it is not there."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 64 * 1024))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def resident_bytes(pid: int, *, with_children: bool = True) -> int:
    """Resident memory of a process, with that of its descendants; 0 if it is not there."""
    try:
        process = psutil.Process(pid)
        family = [process, *(process.children(recursive=True) if with_children else [])]
    except psutil.Error:
        return 0
    total = 0
    for each in family:
        with suppress(psutil.Error):
            total += int(each.memory_info().rss)
    return total


def stop_all(children: Sequence[ChildProcess]) -> None:
    """Stop all at once: first ask each, then wait for each."""
    for child in children:
        child.signal(child.spec.stop_signal)
    for child in children:
        wait_until(lambda child=child: not child.running, child.spec.stop_deadline_s)  # type: ignore[misc]  # default binds the loop's value
        child.kill()


def _start(spec: ProcessSpec) -> ChildProcess:
    spec.log_path.parent.mkdir(parents=True, exist_ok=True)
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER)]
    arguments = [str(os.getpid()), str(int(spec.orphan_signal)), spec.user or "-"]
    with spec.log_path.open("ab") as log:
        try:
            popen = subprocess.Popen(
                [*launcher, *arguments, *spec.command],
                # Elsewhere than on Linux the launcher watches this pipe; nothing is ever written to it.
                stdin=subprocess.DEVNULL if sys.platform == "linux" else subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **spec.environment},
                cwd=spec.folder,
                start_new_session=True,
            )
        except OSError as error:
            raise StackError(f"cannot start {spec.name} ({spec.command[0]}): {error}") from error
    return ChildProcess(spec, popen)
