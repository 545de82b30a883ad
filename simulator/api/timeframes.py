"""The `timeframe` of bars: minutes and hours are the market's, or joined from them; weeks and months from days."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from kernel.domain.calendar import market_day
from kernel.domain.clock import MARKET_ZONE
from simulator.api.requests import BadRequest
from simulator.markets.joining import bar_start, join_bars
from simulator.markets.market import Bar

_TEXT = re.compile(r"(?P<count>[1-9]\d?)(?P<unit>Min|T|Hour|H|Day|D|Week|W|Month|M)")
_UNITS = {"T": "Min", "H": "Hour", "D": "Day", "W": "Week", "M": "Month"}
_COUNTS = {
    "Min": range(1, 60),
    "Hour": range(1, 24),
    "Day": (1,),
    "Week": (1,),
    "Month": (1, 2, 3, 4, 6, 12),
}
_HOUR, _DAY = 60, 1440

#: Bars of so many minutes that start from one instant to another.
BarsOf = Callable[[int, datetime, datetime], Sequence[Bar]]


@dataclass(frozen=True, slots=True)
class Timeframe:
    """How long a bar is."""

    count: int
    unit: str

    @classmethod
    def read(cls, params: Mapping[str, str]) -> "Timeframe":
        """Read the parameter; raises BadRequest."""
        text = params.get("timeframe", "")
        match = _TEXT.fullmatch(text)
        frame = cls(int(match["count"]), _UNITS.get(match["unit"], match["unit"])) if match else None
        if frame is None or frame.count not in _COUNTS[frame.unit]:
            msg = f"invalid timeframe: {text}"
            raise BadRequest(msg)
        return frame

    def bars(self, bars_of: BarsOf, start: datetime, end: datetime) -> Sequence[Bar]:
        """Return the bars that start in [start, end]."""
        if self.unit == "Min":
            return bars_of(self.count, start, end)
        if self.unit == "Day":
            return bars_of(_DAY, start, end)
        if self.unit == "Hour" and self.count == 1:
            return bars_of(_HOUR, start, end)
        # The bar that `start` lies in begins before it and is not told, so what it is joined from may be left out
        # no earlier than the first bar told begins; and the last one told needs all it spans.
        parts = bars_of(_HOUR if self.unit == "Hour" else _DAY, self._begins(start), self._after(end))
        joined = join_bars(parts, lambda bar: self._begins(bar.at))
        return [bar for bar in joined if start <= bar.at <= end]

    def _begins(self, at: datetime) -> datetime:
        if self.unit == "Hour":
            return bar_start(at, self.count * _HOUR)
        day = market_day(at)
        if self.unit == "Week":
            first = day - timedelta(days=day.weekday())
        else:
            months = day.year * 12 + day.month - 1
            year, month = divmod(months - months % self.count, 12)
            first = day.replace(year=year, month=month + 1, day=1)
        return datetime.combine(first, time(), tzinfo=MARKET_ZONE).astimezone(UTC)

    def _after(self, at: datetime) -> datetime:
        """Return an instant not before the end of the bar that `at` lies in."""
        lengths = {"Hour": timedelta(hours=self.count), "Week": timedelta(days=8)}
        return at + lengths.get(self.unit, timedelta(days=31 * self.count + 1))
