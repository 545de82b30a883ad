"""What moved money or positions, one record each: together they explain the account to the cent.

1. cash = starting cash + the sum of `net_usd` over all activities.
2. A position's quantity = the sum of `signed_qty` over the activities of its symbol.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from simulator.venue.instruments import Instrument
from simulator.venue.orders import Side, Status


class ActivityType(StrEnum):
    """Alpaca's names: a fill; exercise, assignment or expiry of options; the shares or the cash that follow."""

    FILL = "FILL"
    EXERCISE = "OPEXC"
    ASSIGNMENT = "OPASN"
    EXPIRY = "OPEXP"
    OPTION_TRADE = "OPTRD"
    CASH_SETTLEMENT = "OPCSH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A trade of one instrument. `price` USD per share; `order_id` is the leg's where the order has legs."""

    id: str
    transaction_time: datetime
    instrument: Instrument
    side: Side
    qty: int
    price: Decimal
    order_id: str
    order_status: Status
    cum_qty: int
    leaves_qty: int
    type: ActivityType = ActivityType.FILL

    @property
    def visible_from(self) -> datetime:
        """Return when the API shows it: at once."""
        return self.transaction_time

    @property
    def signed_qty(self) -> int:
        """Return what it added to the position."""
        return self.side.sign * self.qty

    @property
    def net_usd(self) -> Decimal:
        """Return what it added to cash."""
        return -self.signed_qty * self.price * self.instrument.multiplier


@dataclass(frozen=True, slots=True, kw_only=True)
class NonTrade:
    """A movement that no order caused. `qty` is signed: −1 takes a long contract away, +1 a short one.

    `visible_from`: on paper such activities appear at the start of the next day, while cash and positions move at once.
    """

    id: str
    type: ActivityType
    instrument: Instrument
    date: date
    occurred_at: datetime
    visible_from: datetime
    qty: int
    net_usd: Decimal
    description: str
    price: Decimal | None = None

    @property
    def signed_qty(self) -> int:
        """Return what it added to the position."""
        return self.qty


Activity = Fill | NonTrade
