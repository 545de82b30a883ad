"""The underlying's daily bars of all years, where the folder has them."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime, time

from kernel.domain.clock import MARKET_ZONE, microseconds, moment
from simulator.markets.market import Bar
from simulator.markets.recorded.archive import Recording
from simulator.markets.recorded.day import unit_of
from simulator.markets.recorded.files import DECI_CENTS, day_stamp, read_stock

_FIELDS = (1, 2, 3, 4, 5)
_VWAP_DIGITS = 4


class DailyBars:
    """Whole sessions by day; known once they are over, which is the asker's to heed."""

    def __init__(self, recording: Recording) -> None:
        """Read the file of `recording`, if there is one; raises ConfigError when it cannot be read."""
        self._days: list[date] = []
        self._bars: list[Bar] = []
        if recording.daily.is_file():
            rows = read_stock(recording.daily, _FIELDS, day_stamp, unit_of(recording))
            volume = rows.fields[:, -1] // DECI_CENTS if recording.is_index else rows.fields[:, -1]
            self._days = [date.fromordinal(ordinal) for ordinal in rows.starts_ms.tolist()]
            prices = (rows.fields[:, :4] / DECI_CENTS).tolist()
            self._bars = [_bar(*row) for row in zip(self._days, prices, volume.tolist(), strict=True)]

    def on(self, day: date) -> Bar | None:
        """Return the bar of `day`, or None."""
        found = self.between(day, day)
        return found[0] if found else None

    def between(self, first: date, last: date) -> Sequence[Bar]:
        """Return the bars of the days in [first, last]."""
        return self._bars[bisect_left(self._days, first) : bisect_right(self._days, last)]


def _bar(day: date, prices: list[float], volume: int) -> Bar:
    midnight = datetime.combine(day, time(), tzinfo=MARKET_ZONE)
    return Bar(
        at=moment(microseconds(midnight)),
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=volume,
        trades=1,
        vwap=round(sum(prices) / len(prices), _VWAP_DIGITS),
    )
