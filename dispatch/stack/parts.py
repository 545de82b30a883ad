"""A part of the stack: one process, and what becomes of it when it ends by itself.

1. A part that may be restarted is started again after a back-off that doubles with every crash in a row.
2. A part that may not (the venue: stages know it by a port it chose) fails for good, and the stack with it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dispatch.stack.processes import Backoff, ChildProcess
from dispatch.stack.state import PartRecord, PartState, ProcessId


@dataclass(frozen=True, slots=True, kw_only=True)
class StackEvent:
    """Something that happened to a part, for whoever shows progress. `elapsed_s`: since the stack began to start."""

    part: str
    state: PartState
    elapsed_s: float
    detail: str = ""


@dataclass(slots=True, kw_only=True)
class Part:
    """One process and its history. `port`: its listener."""

    child: ChildProcess
    port: int | None = None
    may_restart: bool = True
    #: Whether a process that was started again is ready; what is awaited by other means needs none.
    probe: Callable[[ChildProcess], bool] = field(default=lambda _child: True)
    backoff: Backoff = field(default_factory=Backoff)
    monotonic: Callable[[], float] = time.monotonic
    start: Callable[[ChildProcess], ChildProcess] = field(
        default=lambda ended: ChildProcess.start(ended.spec)
    )
    state: PartState = "starting"
    restarts: int = 0
    last_error: str | None = None
    _crashes_in_a_row: int = 0
    _started_at: float = 0.0
    _start_again_at: float | None = None

    def __post_init__(self) -> None:
        self._started_at = self.monotonic()

    @property
    def name(self) -> str:
        return self.child.name

    @property
    def trouble(self) -> str | None:
        """What ended it, while it has not come back."""
        return self.last_error if self.state in {"crashed", "failed"} else None

    def tend(self) -> bool:
        """Notice a crash, start again what is due, see what became ready; returns whether anything changed."""
        if self._start_again_at is not None:
            return self.monotonic() >= self._start_again_at and self._start_again()
        if not self.child.running:
            return self.state != "failed" and self._crashed()
        if self.state == "starting" and self.probe(self.child):
            self.state = "ready"
            return True
        return False

    def record(self) -> PartRecord:
        """Return what state.json shows of it."""
        return PartRecord(
            name=self.name,
            state=self.state,
            process=ProcessId.of(self.child.pid),
            log=str(self.child.spec.log_path),
            port=self.port,
            restarts=self.restarts,
            last_error=self.last_error,
        )

    def _crashed(self) -> bool:
        self.last_error = ended_because(self.child)
        if not self.may_restart:
            self.state = "failed"
            return True
        self.state = "crashed"
        ran_s = self.monotonic() - self._started_at
        self._crashes_in_a_row = self.backoff.crashes_in_a_row(self._crashes_in_a_row, ran_s)
        self._start_again_at = self.monotonic() + self.backoff.delay_s(self._crashes_in_a_row)
        return True

    def _start_again(self) -> bool:
        self.child = self.start(self.child)
        self._started_at, self._start_again_at = self.monotonic(), None
        self.restarts += 1
        self.state = "starting"
        return True


def ended_because(child: ChildProcess) -> str:
    """How a process ended; with the last line it wrote, if it ended by itself."""
    code = child.exit_code
    if code is not None and code < 0:
        return f"{child.name} ended with signal {-code}"
    return f"{child.name} ended with exit code {code}: {child.log_tail(1)}"
