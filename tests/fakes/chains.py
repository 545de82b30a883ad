"""Chains with one line per contract; name what matters to the test, the rest is a contract anyone would buy.

SPY stands at 520 at `NOW`, a Friday, 10:30 in New York; a plain contract is the 520 call of 12 June, 2.49 x 2.51
(7 days: inside the windows of day_trade and of swing).
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from kernel.domain.account import Account
from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import microseconds
from kernel.domain.options import OptionSymbol, Right
from kernel.testing.builders import NOW
from services.selector.core.chain import NO_DAY, NO_OPEN_INTEREST, Chain, occ_columns
from services.selector.core.decision import Question

TODAY = date(2026, 6, 5)
YESTERDAY = TODAY - timedelta(days=1)
_UNITS = 10_000


@dataclass(frozen=True, kw_only=True)
class Row:
    """One contract; None is absent. Prices in USD per share as text."""

    strike: str = "520"
    expiration: date = date(2026, 6, 12)
    right: Right = Right.CALL
    bid: str | None = "2.49"
    ask: str | None = "2.51"
    quoted_at: datetime | None = NOW
    day_volume: int | None = 850
    day_bar_date: date = TODAY
    previous_volume: int | None = None
    previous_bar_date: date = YESTERDAY
    trade_size: int = 0
    trade_date: date | None = None
    delta: float | None = 0.5
    open_interest: int | None = 1200
    tradable: bool = True
    unreadable: bool = False

    @property
    def symbol(self) -> str:
        return str(OptionSymbol("SPY", self.expiration, self.right, Decimal(self.strike)))

    def but(self, **values: Any) -> "Row":
        return replace(self, **values)


def a_chain(
    *rows: Row, spot: str | None = "520", underlying: str = "SPY", observed_at: datetime = NOW
) -> Chain:
    """Return the chain of `rows`, which may be given in any order."""
    ordered = sorted(rows, key=lambda row: row.symbol)
    symbols = tuple(row.symbol for row in ordered)
    occ = occ_columns(symbols)
    return Chain(
        underlying=underlying,
        spot=None if spot is None else Decimal(spot),
        observed_at=observed_at,
        symbols=symbols,
        is_call=occ.is_call,
        strike=occ.strike,
        expiration=occ.expiration,
        bid=_ints([_units(row.bid) for row in ordered]),
        ask=_ints([_units(row.ask) for row in ordered]),
        quoted_at_us=_ints([microseconds(row.quoted_at) if row.quoted_at else 0 for row in ordered]),
        day_bar_date=_days([row.day_bar_date if row.day_volume is not None else None for row in ordered]),
        day_bar_volume=_ints([row.day_volume or 0 for row in ordered]),
        previous_bar_date=_days(
            [row.previous_bar_date if row.previous_volume is not None else None for row in ordered]
        ),
        previous_bar_volume=_ints([row.previous_volume or 0 for row in ordered]),
        trade_date=_days([row.trade_date for row in ordered]),
        trade_size=_ints([row.trade_size for row in ordered]),
        delta=np.array([np.nan if row.delta is None else row.delta for row in ordered], np.float64),
        open_interest=_ints(
            [NO_OPEN_INTEREST if row.open_interest is None else row.open_interest for row in ordered]
        ),
        tradable=np.array([row.tradable for row in ordered], np.bool_),
        unreadable=np.array([row.unreadable for row in ordered], np.bool_),
    )


def a_calendar(
    *, closed: frozenset[date] = frozenset(), early: frozenset[date] = frozenset()
) -> TradingCalendar:
    """Return May to August 2026: week-days but `closed`, 9:30 to 16:00 New York, to 13:00 on `early` days."""
    first, last = date(2026, 5, 1), date(2026, 8, 31)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    sessions = [
        Session(day, _utc(day, 13, 30), _utc(day, 17 if day in early else 20))
        for day in days
        if day.weekday() < 5 and day not in closed
    ]
    return TradingCalendar(sessions, covers_to=last)


def an_account_at_the_venue(
    equity: str = "100000", buying_power: str | None = None, blocked_by: tuple[str, ...] = ()
) -> Account:
    """Return an account of $100,000 that may trade."""
    return Account(
        account_id="PA0000000001",
        equity_usd=Decimal(equity),
        options_buying_power_usd=Decimal(buying_power or equity),
        blocked_by=blocked_by,
        observed_at=NOW,
    )


def a_question(right: Right = Right.CALL) -> Question:
    """Return what is asked for at NOW: every contract that expires within 60 days."""
    return Question(at=NOW, right=right, first=TODAY, last=TODAY + timedelta(days=60))


def same_chain(left: Chain, right: Chain) -> bool:
    """Tell whether two chains are equal in every field and figure."""
    return all(_same(getattr(left, name), getattr(right, name)) for name in Chain.__dataclass_fields__)


def _same(left: Any, right: Any) -> bool:
    if not isinstance(left, np.ndarray):
        return bool(left == right)
    kind = left.dtype.kind
    return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=kind in "fM")


def _units(price: str | None) -> int:
    return 0 if price is None else int(Decimal(price) * _UNITS)


def _ints(values: list[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(values, np.int64)


def _days(values: list[date | None]) -> np.ndarray[Any, np.dtype[np.datetime64]]:
    return np.array([NO_DAY if v is None else np.datetime64(v, "D") for v in values], "datetime64[D]")


def _utc(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
