"""A day's instants as the files count them: milliseconds since midnight in New York."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Self

import numpy as np

from kernel.domain.clock import MARKET_ZONE, microseconds
from simulator.markets.columns import Ints

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_US_PER_MS = 1000
#: About 24 days: later instants know no more than this one does.
_LAST_MS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class DayTime:
    """Converts between instants and the milliseconds of one day."""

    midnight_us: int

    @classmethod
    def of(cls, day: date) -> Self:
        """Return the time of `day`, counted back from noon: where the clocks change, trading hours stay right."""
        noon = datetime.combine(day, time(12), tzinfo=MARKET_ZONE)
        return cls(microseconds(noon) - 12 * HOUR_MS * _US_PER_MS)

    def ms(self, at: datetime) -> int:
        """Return an instant's whole milliseconds since midnight, not below 0."""
        return min(max((microseconds(at) - self.midnight_us) // _US_PER_MS, 0), _LAST_MS)

    def us(self, at_ms: Ints | int) -> Ints:
        """Return milliseconds since midnight as microseconds since the epoch."""
        return np.asarray(self.midnight_us + at_ms * _US_PER_MS)
