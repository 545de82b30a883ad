"""Health that means progress.

Live: every task of the process runs, and while messages wait, one was finished or retried within `stall_s`.
Ready: live, and nothing outside is known to be missing (broker joined, venue and database answering).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Health:
    """What a process knows of its own progress."""

    stall_s: float = 60.0
    monotonic: Callable[[], float] = time.monotonic
    _started: set[str] = field(default_factory=set)
    _awaited: set[str] = field(default_factory=set)
    _troubles: dict[str, str] = field(default_factory=dict)
    _waiting: int = 0
    _progress_at: float = field(default_factory=time.monotonic)
    #: Grows with every sign of progress; a watchdog compares two readings.
    progress_count: int = 0

    def expects(self, part: str) -> None:
        """Name a part that must report `started` before the process is ready."""
        self._awaited.add(part)

    def started(self, part: str) -> None:
        """Report that a part runs."""
        self._started.add(part)

    def arrived(self) -> None:
        """Report that a message came in."""
        if self._waiting == 0:
            self._progress_at = self.monotonic()
        self._waiting += 1

    def finished(self) -> None:
        """Report that a message was dealt with."""
        self._waiting -= 1
        self.progressed()

    def progressed(self) -> None:
        """Report a sign of life of the work itself, a retry included."""
        self._progress_at = self.monotonic()
        self.progress_count += 1

    def troubled(self, part: str, why: str) -> None:
        """Report that something outside is missing."""
        self._troubles[part] = why

    def recovered(self, part: str) -> None:
        """Report that it is back."""
        self._troubles.pop(part, None)

    def live(self) -> tuple[bool, dict[str, object]]:
        """Return whether the process makes progress, and the figures."""
        idle_s = self.monotonic() - self._progress_at
        stalled = self._waiting > 0 and idle_s > self.stall_s
        return not stalled, {"in_flight": self._waiting, "since_progress_s": round(idle_s, 3)}

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Return whether the process can do its work now, and what is missing."""
        live, figures = self.live()
        missing = sorted(self._awaited - self._started)
        ok = live and not missing and not self._troubles
        return ok, {**figures, "not_started": missing, "troubles": dict(self._troubles)}
