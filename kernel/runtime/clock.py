"""The one place that reads time. Everything else takes a Clock."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kernel.domain.errors import InvariantBroken

_HEADER = re.compile(r"^(?P<at>[0-9T:.+\-Z]+);speed=(?P<speed>[0-9.]+)$")
#: Header a venue may send with every answer: the instant the answer was made for, and how fast its time runs.
VENUE_CLOCK_HEADER = "X-Venue-Clock"


#: Linux's monotonic clock stands still while a laptop sleeps; a right to send that was given before must not.
_GONE_BY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def seconds_gone_by() -> float:
    """Return a count of seconds that never goes back, those included in which the machine was suspended."""
    return time.clock_gettime(_GONE_BY)


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the one place


class VenueClock:
    """The venue's time: set by its answers, run on between them by the monotonic clock.

    Trading time is the venue's: a replayed day of 2014 is 2014 for every stage, and an accelerated venue is followed.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._venue_at: datetime | None = None
        self._read_at = 0.0
        self._speed = 1.0

    def observe(self, venue_now: datetime, speed: float = 1.0) -> None:
        """Take over the venue's own word for the present."""
        self._read_at = self._monotonic()
        self._venue_at = venue_now.astimezone(UTC)
        self._speed = speed

    def observe_header(self, value: str | None) -> bool:
        """Take over a VENUE_CLOCK_HEADER; returns whether there was a usable one."""
        match = _HEADER.match(value or "")
        if match is None:
            return False
        try:
            at, speed = datetime.fromisoformat(match["at"]), float(match["speed"])
        except ValueError:
            return False
        if at.tzinfo is None:
            return False
        self.observe(at, speed)
        return True

    @property
    def synchronised(self) -> bool:
        """Whether the venue has told its time yet."""
        return self._venue_at is not None

    def now(self) -> datetime:
        """Return the venue's present in UTC; the process must have asked the venue once before."""
        if self._venue_at is None:
            msg = "the venue's clock was read before the venue told its time"
            raise InvariantBroken(msg)
        elapsed_s = (self._monotonic() - self._read_at) * self._speed
        return self._venue_at + timedelta(seconds=elapsed_s)
