"""Which contracts are listed on a day: expirations, strikes, symbols.

1. Weekly expirations fall on the name's weekdays for the first two weeks and on Fridays up to 60 days, monthly ones on
   third Fridays for as long as the name lists; one that meets a holiday falls on the session before it.
2. Strikes surround the previous close by about three standard deviations of the time left.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import microseconds
from kernel.domain.options import OptionSymbol, Right
from simulator.markets.columns import Bools, Floats, Ints, ListingColumns
from simulator.markets.synthetic.chance import Keys
from simulator.markets.synthetic.universe import Underlying

_DAYS_OF_WEEKLIES = 60
_DAYS_OF_ALL_WEEKLIES = 14
_FRIDAY = 4
_DEVIATIONS = 3.0
_STEPS_MIN = 14
#: Beyond these days strikes stand twice as far apart, and beyond those five times.
_DAYS_OF_NEAR_STRIKES = 30
_DAYS_OF_MIDDLE_STRIKES = 90
#: Day of the month on which a third Friday can fall.
_THIRD_FRIDAY = range(15, 22)


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """Contracts with what pricing asks of them. `expires_us`: close of the last session, microseconds since epoch."""

    columns: ListingColumns
    contracts: tuple[OptionSymbol, ...]
    expires_us: Ints
    is_monthly: Bools
    keys: Keys

    @property
    def strike(self) -> Floats:
        """Strikes in USD."""
        return self.columns.strike

    @property
    def is_call(self) -> Bools:
        """True for calls, False for puts."""
        return self.columns.is_call


def listed(
    name: Underlying, session: Session, today: date, reference_usd: float, calendar: TradingCalendar
) -> Listing:
    """Return what `session` lists, given the previous close, less what expired before `today`."""
    contracts = [
        OptionSymbol(name.root, expiration, right, Decimal(round(strike * 1000)) / 1000)
        for expiration in expirations(name, session.day, calendar)
        if expiration >= today
        for right in (Right.CALL, Right.PUT)
        for strike in _strikes(name, reference_usd, (expiration - session.day).days)
    ]
    return listing_of(contracts, calendar)


def listing_of(contracts: list[OptionSymbol], calendar: TradingCalendar) -> Listing:
    """Return the columns of `contracts`, which must be in the order of their symbols."""
    closes = {c.expiration: calendar.last_session_on_or_before(c.expiration).closes_at for c in contracts}
    columns = ListingColumns(
        symbols=tuple(str(c) for c in contracts),
        strike=np.array([float(c.strike) for c in contracts]),
        is_call=np.array([c.right is Right.CALL for c in contracts], dtype=np.bool_),
        expiration=np.array([c.expiration for c in contracts], dtype="datetime64[D]"),
    )
    return Listing(
        columns=columns,
        contracts=tuple(contracts),
        expires_us=np.array([microseconds(closes[c.expiration]) for c in contracts], dtype=np.int64),
        is_monthly=np.array([is_monthly(c.expiration) for c in contracts], dtype=np.bool_),
        keys=np.array([_key(c) for c in contracts], dtype=np.uint64),
    )


def expirations(name: Underlying, day: date, calendar: TradingCalendar) -> list[date]:
    """Return the expirations listed on `day`, itself included, in order."""
    found = set()
    for ahead in range(name.days_listed + 1):
        nominal = day + timedelta(days=ahead)
        weekdays = name.expires_on if ahead <= _DAYS_OF_ALL_WEEKLIES else (_FRIDAY,)
        if nominal.weekday() in weekdays and (ahead <= _DAYS_OF_WEEKLIES or is_monthly(nominal)):
            found.add(calendar.last_session_on_or_before(nominal).day)
    return sorted(expiration for expiration in found if expiration >= day)


def is_monthly(expiration: date) -> bool:
    """Tell a third Friday (or the Thursday before a closed one)."""
    friday = expiration + timedelta(days=(_FRIDAY - expiration.weekday()) % 7)
    return friday.day in _THIRD_FRIDAY and expiration.weekday() >= _FRIDAY - 1


def is_alive(name: Underlying, contract: OptionSymbol, today: date, calendar: TradingCalendar) -> bool:
    """Tell whether the name lists contracts like this one and its day is not over; it ends at midnight."""
    last = today + timedelta(days=name.days_listed)
    on_step = contract.strike % Decimal(str(name.strike_step_usd)) == 0
    return (
        on_step and today <= contract.expiration <= last and _expires_on(name, contract.expiration, calendar)
    )


def _expires_on(name: Underlying, day: date, calendar: TradingCalendar) -> bool:
    """Tell whether `day` is an expiration, itself or for the holidays that follow it."""
    session = calendar.session_on(day)
    following = [day + timedelta(days=ahead) for ahead in range(_DAYS_OF_ALL_WEEKLIES)]
    until = next((i for i, later in enumerate(following) if i and calendar.session_on(later)), len(following))
    return session is not None and any(later.weekday() in name.expires_on for later in following[:until])


def _strikes(name: Underlying, reference_usd: float, days: int) -> list[float]:
    spacing = 1 if days <= _DAYS_OF_NEAR_STRIKES else 2 if days <= _DAYS_OF_MIDDLE_STRIKES else 5
    step = name.strike_step_usd * spacing
    reach = _DEVIATIONS * name.volatility * np.sqrt((days + 2) / 365) * reference_usd / step
    steps = int(min(max(reach, _STEPS_MIN), name.strikes_each_way))
    middle = round(reference_usd / step)
    return [(middle + i) * step for i in range(-steps, steps + 1) if middle + i > 0]


def _key(contract: OptionSymbol) -> int:
    right = 1 if contract.right is Right.CALL else 0
    return (contract.expiration.toordinal() << 33) | (int(contract.strike * 1000) << 1) | right
