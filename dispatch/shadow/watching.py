"""Shows how a shadow stands while it runs: a line that changes at a terminal, else a line from time to time."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live

from dispatch.shadow.found import Standing
from dispatch.shadow.tally import Tally
from dispatch.shadow.telling import live_line

#: In a log file a line so often is enough.
_EVERY_S = 60.0


class Watching:
    """Use as a context manager."""

    def __init__(self, stage: str, console: Console) -> None:
        self._stage = stage
        self._console = console
        self._live = (
            Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None
        )
        self._told: str | None = None
        self._told_at_s = -_EVERY_S

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def moved(self, tally: Tally, standing: Standing) -> None:
        """Show how it stands now."""
        line, now_s = live_line(self._stage, tally, standing), time.monotonic()
        if self._live is not None:
            self._live.update(line, refresh=True)
        elif line != self._told and now_s - self._told_at_s >= _EVERY_S:
            self._console.print(line, markup=False)
            self._told, self._told_at_s = line, now_s
