"""What the selector asks of the outside: a chain, the account, the calendar, and a memory of its answers."""

from datetime import date
from typing import Protocol

from kernel.domain.account import Account
from kernel.domain.calendar import TradingCalendar
from kernel.domain.options import Right
from kernel.stream.stage import Emissions
from services.selector.core.chain import Chain


class OptionChains(Protocol):
    """Option chains of the venue, as they stand."""

    async def chain(self, underlying: str, right: Right, first: date, last: date) -> Chain:
        """Return all calls (or puts) that expire from `first` to `last`, both inclusive.

        An underlying the venue does not know gives an empty chain whose `spot` is None. Raises VenueUnavailable.
        """
        ...


class Accounts(Protocol):
    """The trading account at the venue."""

    async def account(self) -> Account:
        """Return the account as it stands; raises VenueUnavailable."""
        ...


class Calendars(Protocol):
    """The venue's sessions."""

    async def around(self, day: date) -> TradingCalendar:
        """Return a calendar from some days before `day` to beyond the last expiration any strategy may buy.

        Raises VenueUnavailable.
        """
        ...


class Decisions(Protocol):
    """One answer per signal, whatever is redelivered. Raises DatabaseUnavailable."""

    async def recall(self, signal_id: str) -> Emissions | None:
        """Return what was answered to a signal before, or None when it is new."""
        ...

    async def record(self, signal_id: str, emissions: Emissions) -> Emissions:
        """Keep `emissions` as the answer, unless there is one already; returns the one that stands."""
        ...
