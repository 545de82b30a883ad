"""What a size is decided on: the account, the reservations in flight, the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from kernel.domain.account import Account, AccountReading


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Buying power held for a ticket. `reserved_usd` is its cost at the price ceiling, `risk_usd` its worst case."""

    ticket_id: str
    account_id: str
    signal_id: str
    underlying: str
    occ_symbol: str
    reserved_usd: Decimal
    risk_usd: Decimal
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything from outside that one decision used; `now` is the venue's time after all of it was gathered."""

    reservations: Sequence[Reservation]
    reservations_at: datetime
    reading: AccountReading
    now: datetime

    @property
    def account(self) -> Account:
        return self.reading.account

    @property
    def in_flight_usd(self) -> Decimal:
        return sum((r.reserved_usd for r in self.reservations), Decimal(0))
