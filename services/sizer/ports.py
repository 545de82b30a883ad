"""What the sizer asks of the outside: the venue's account, and a budget that one decision at a time may touch."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from kernel.domain.account import AccountReading
from kernel.stream.stage import Emissions
from services.sizer.core.facts import Reservation


class AccountSource(Protocol):
    """The trading account at the venue."""

    @property
    def account_id(self) -> str:
        """The venue's account number, known since the start of the process."""
        ...

    async def read(self) -> AccountReading:
        """Ask the venue for the account as it stands; raises VenueUnavailable."""
        ...


class LockedBudget(Protocol):
    """The budget of one account while no other worker can touch it."""

    async def recall(self, selection_id: str) -> Emissions | None:
        """Return what was answered to a selection before, or None when it is new."""
        ...

    async def in_flight(self, now: datetime) -> Sequence[Reservation]:
        """Return the reservations the venue does not hold yet; those long expired at `now` are released first."""
        ...

    async def reserve(self, reservation: Reservation) -> None:
        """Hold buying power for a new ticket."""
        ...

    async def record(self, selection_id: str, emissions: Emissions) -> None:
        """Keep `emissions` as the one answer to the selection."""
        ...


class Budget(Protocol):
    """Buying power promised to tickets, account by account."""

    def locked(self, account_id: str) -> AbstractAsyncContextManager[LockedBudget]:
        """Lock one account's budget; what is written inside is kept together at the end, or not at all.

        Raises DatabaseUnavailable; whether anything was kept is then unknown until the next `recall`.
        """
        ...
