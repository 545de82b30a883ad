"""Lets time pass for every account, a few dozen times a second."""

import asyncio
import contextlib
import itertools
import logging

from simulator.brokerage import Brokerage

#: How often orders are looked at, real seconds.
TICK_S = 0.02
#: After how many ticks the market's time is put on disk, should nothing else have done it: about a second.
_TICKS_PER_CLOCK = 50

_log = logging.getLogger(__name__)


class Ticker:
    """A task that ticks until it is stopped; a tick that fails ends it, and the venue is then unhealthy."""

    def __init__(self, brokerage: Brokerage) -> None:
        """Tick `brokerage`; nothing runs before `start`."""
        self._brokerage = brokerage
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether the orders of every account still trade."""
        return self._task is not None and not self._task.done() and self._brokerage.is_trading

    def start(self) -> None:
        """Begin, on the running loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End, and wait for it."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        for number in itertools.count():
            try:
                self._brokerage.tick()
                if number % _TICKS_PER_CLOCK == 0:
                    self._brokerage.keep_clock()
            except Exception:  # noqa: BLE001  whatever failed, the venue must say that it stopped trading
                _log.exception("orders no longer trade: a tick failed")
                return
            await asyncio.sleep(TICK_S)
