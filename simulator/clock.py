"""The venue's time, and the one place in the simulator that reads the machine's clocks."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kernel.domain.clock import require_utc


def wall_now() -> datetime:
    """Return the machine's present in UTC: only the journal uses it, as the referee of latency."""
    return datetime.now(UTC)  # noqa: TID251  the simulator's one reading of the wall clock


def monotonic_s() -> float:
    """Return seconds that only ever grow: the shell measures with them how long an answer took."""
    return time.monotonic()


#: Market seconds per real second: at more, a market's calendar is over before a client has asked.
SPEED_MAX = 100_000.0


class SimClock:
    """Market time that starts at any instant and runs at any speed.

    1. It runs on the monotonic clock: setting the machine's date does not move it.
    2. `speed` is market seconds per real second; 0 stands still.
    3. Changing the speed alone never moves the present.
    """

    def __init__(
        self, start: datetime, speed: float, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """`start` is aware; `speed` is not negative."""
        self._monotonic = monotonic
        self._set_point = require_utc(start)
        self._set_point_s = monotonic()
        self._speed = _checked(speed)
        self._paused_speed = self._speed or 1.0

    @property
    def speed(self) -> float:
        """Market seconds per real second."""
        return self._speed

    def now(self) -> datetime:
        """Return the market's present in UTC."""
        return self._set_point + timedelta(seconds=(self._monotonic() - self._set_point_s) * self._speed)

    def set(self, *, at: datetime | None = None, speed: float | None = None) -> datetime:
        """Jump to `at` and/or run at `speed` from now on; return the new present. Raises ValueError on bad values."""
        new_speed = self._speed if speed is None else _checked(speed)
        present = self.now() if at is None else require_utc(at)
        self._set_point, self._set_point_s, self._speed = present, self._monotonic(), new_speed
        self._paused_speed = new_speed or self._paused_speed
        return present

    def pause(self) -> datetime:
        """Stand still; return the present."""
        return self.set(speed=0)

    def resume(self) -> datetime:
        """Run as fast as before the clock stood still, 1 if it never ran; return the present."""
        return self.set(speed=self._paused_speed)


def _checked(speed: float) -> float:
    if not 0 <= speed <= SPEED_MAX:
        msg = f"the clock's speed must be a number from 0 to {SPEED_MAX:g}, was {speed}"
        raise ValueError(msg)
    return speed
