"""What an order is: the request, the order with its history, and what happens to it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.options import OptionSymbol


class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """The types this venue trades."""

    MARKET = "market"
    LIMIT = "limit"


class TimeInForce(StrEnum):
    """How long an order works: to the close, or until cancelled."""

    DAY = "day"
    GTC = "gtc"


class Intent(StrEnum):
    """Whether an order opens or closes a position."""

    BUY_TO_OPEN = "buy_to_open"
    BUY_TO_CLOSE = "buy_to_close"
    SELL_TO_OPEN = "sell_to_open"
    SELL_TO_CLOSE = "sell_to_close"


class Status(StrEnum):
    """An order's state. `ACCEPTED` waits for the next session, `PENDING_NEW` for its route to the market."""

    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"


OPEN_STATUSES = frozenset({Status.PENDING_NEW, Status.ACCEPTED, Status.NEW, Status.PARTIALLY_FILLED})
WORKING_STATUSES = frozenset({Status.NEW, Status.PARTIALLY_FILLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """A well-formed request; whether the account may is not yet known. `limit_price` is USD per share."""

    symbol: str
    option: OptionSymbol
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    qty: int
    limit_price: Decimal | None
    intent: Intent | None
    client_order_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as of its latest change.

    `live_at`: when it reaches the market. `expires_at`: when it ends by itself.
    `reserve_price`: USD per share that a buy holds of the buying power; 0 for a sell.
    """

    id: str
    client_order_id: str
    sequence: int
    symbol: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    intent: Intent
    qty: int
    limit_price: Decimal | None
    reserve_price: Decimal
    status: Status
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime
    live_at: datetime
    expires_at: datetime
    filled_qty: int = 0
    filled_cost: Decimal = Decimal(0)
    filled_at: datetime | None = None
    canceled_at: datetime | None = None
    expired_at: datetime | None = None
    failed_at: datetime | None = None
    replaced_at: datetime | None = None
    replaced_by: str | None = None
    replaces: str | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether anything can still happen to it."""
        return self.status in OPEN_STATUSES

    @property
    def open_qty(self) -> int:
        """Contracts not yet filled; 0 once the order ended."""
        return self.qty - self.filled_qty if self.is_open else 0

    @property
    def held_usd(self) -> Decimal:
        """Buying power this order holds, in USD."""
        return self.reserve_price * CONTRACT_MULTIPLIER * self.open_qty

    @property
    def filled_avg_price(self) -> Decimal | None:
        """Average fill in USD per share; `filled_cost` is the sum of price × qty."""
        return self.filled_cost / self.filled_qty if self.filled_qty else None


class EventKind(StrEnum):
    """What happened to an order, as trade updates name it."""

    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    NEW = "new"
    FILL = "fill"
    PARTIAL_FILL = "partial_fill"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """One step in an order's life. `price`, `qty` and `position_qty` (signed, after it) belong to fills."""

    kind: EventKind
    order: Order
    at: datetime
    execution_id: str
    price: Decimal | None = None
    qty: int | None = None
    position_qty: int | None = None
    reason: str | None = None
