"""When a name reports: once a quarter, in the evening, so that the next session opens with a gap.

1. The days depend on seed and symbol alone. They are Tuesdays or Wednesdays from the fourth week of the quarter's first
   month on, where no exchange holiday falls on the day after.
2. A report's gap opens the next session; until that open every later expiration is priced with it, and then none is.
"""

from datetime import date, timedelta

import numpy as np

from simulator.markets.columns import Days, Ints
from simulator.markets.synthetic.chance import generator
from simulator.markets.synthetic.universe import Underlying

_QUARTERS = (1, 4, 7, 10)
_FROM_DAY = 18
_WEEKS = 3
_WEEKDAYS = (1, 2)


def report_days(seed: int, name: Underlying, first: date, last: date) -> list[date]:
    """Return the evenings in [first, last] on which `name` reports; none for an index or a fund."""
    if not name.earnings_move:
        return []
    found = (
        _report_day(seed, name, year, month)
        for year in range(first.year - 1, last.year + 1)
        for month in _QUARTERS
    )
    return [day for day in found if first <= day <= last]


def gap_days(seed: int, name: Underlying, first: date, last: date) -> Days:
    """Return the sessions in [first, last] that open with a report's gap, in order."""
    day = timedelta(days=1)
    reports = report_days(seed, name, first - day, last - day)
    return np.array([report + day for report in reports], dtype="datetime64[D]")


def reports_until(gaps: Days, today: date, expirations: Days) -> Ints:
    """Return how many of `gaps` lie after `today` and not after each expiration."""
    upto = np.searchsorted(gaps, expirations, side="right")
    return np.asarray(upto - np.searchsorted(gaps, np.datetime64(today), side="right"))


def _report_day(seed: int, name: Underlying, year: int, month: int) -> date:
    """Return the quarter's report: each name keeps to its week and weekday, give or take a week."""
    habit, quarter = (generator(seed, name.symbol, "earnings", *of) for of in ((), (year, month)))
    weekday = int(habit.choice(_WEEKDAYS))
    week = int(habit.integers(_WEEKS)) + int(quarter.integers(2))
    begin = date(year, month, _FROM_DAY)
    monday = begin + timedelta(days=-begin.weekday() % 7)
    return monday + timedelta(weeks=week, days=weekday)
