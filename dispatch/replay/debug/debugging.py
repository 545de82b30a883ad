"""The options that slow a replay down so that a person can follow: `--speed`, `--step`, `--until`, `--break`.

Entry points: `Debugging.observers`, `ask_at_terminal`.
"""

import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.console import err
from dispatch.replay.debug.conditions import parse_condition
from dispatch.replay.debug.pacing import Pacing
from dispatch.replay.debug.stepping import Stepper, parse_place, shapes_of
from dispatch.replay.observing import Observer, Taken
from kernel.domain.errors import ConfigError
from kernel.stream.replaying import Replay

_KEYS = "[Enter] the next decision, [c] on to where --break is true or to the end, [q] stop: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Debugging:
    """The options as given; `speed` 0 is as fast as it goes."""

    speed: float = 0.0
    step: bool = False
    until: str | None = None
    condition: str | None = None

    @property
    def halts(self) -> bool:
        """Whether decisions are shown one by one."""
        return self.step or self.until is not None or self.condition is not None

    def observers(
        self,
        replays: Mapping[str, Replay[Any]],
        *,
        now: datetime,
        ask: Callable[[], str] | None,
        show: Callable[[Taken, int, int], None],
    ) -> list[Observer]:
        """Return who looks on. `ask` is None where there is no terminal. Raises ConfigError on what cannot be."""
        if not (self.halts or self.speed):
            return []
        if len(replays) > 1:
            raise ConfigError("--speed, --step, --until and --break act on one stage: name one, no chain")
        if self.step and self.speed:
            raise ConfigError("--step goes at your pace: leave out --speed")
        if self.step and ask is None:
            raise ConfigError(
                "--step asks at a terminal, and standard input is none: name a place to end at with --until or --break"
            )
        (replay,) = replays.values()
        found: list[Observer] = [Pacing(self.speed)] if self.speed else []
        return [*found, self._stepper(replay, now, ask, show)] if self.halts else found

    def _stepper(
        self,
        replay: Replay[Any],
        now: datetime,
        ask: Callable[[], str] | None,
        show: Callable[[Taken, int, int], None],
    ) -> Stepper:
        return Stepper(
            show=show,
            ask=ask if self.step else None,
            input_name=replay.consumes.schema_name,
            until=None if self.until is None else parse_place(self.until, now),
            condition=None if self.condition is None else parse_condition(self.condition, shapes_of(replay)),
        )


def ask_at_terminal() -> str:
    """Return the line a person types; the end of input and Ctrl-C mean stop."""
    with _interrupts() as interrupted:
        err.print(_KEYS, end="", markup=False)
        ready, _, _ = select.select([sys.stdin, interrupted], [], [])
        if interrupted in ready:
            err.print()
            return "q"
        return sys.stdin.readline() or "q"


@contextmanager
def _interrupts() -> Iterator[socket.socket]:
    """Yield what is readable once Ctrl-C was pressed.

    asyncio.run would take the first one to cancel its task, which waits right here. And a handler that raises
    comes too late for a Ctrl-C in the moment before the wait begins: the wait would go on.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        handler = signal.signal(signal.SIGINT, lambda *_: None)
        wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield ours
        finally:
            signal.set_wakeup_fd(wakeup)
            signal.signal(signal.SIGINT, handler)
