"""What an order is: the request, the order with its history, and what happens to it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from kernel.domain.money import CENT
from simulator.venue.instruments import Instrument


class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """Return +1 for what adds to a position, −1 for what takes from it."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """The types this venue trades."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"


class OrderClass(StrEnum):
    """One instrument, or two to four legs that trade together."""

    SIMPLE = "simple"
    MLEG = "mleg"


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


OPENING = frozenset({Intent.BUY_TO_OPEN, Intent.SELL_TO_OPEN})


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
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"


#: Something is on its way to the market that will end the order, unless it trades first.
PENDING_END_STATUSES = frozenset({Status.PENDING_CANCEL, Status.PENDING_REPLACE})
OPEN_STATUSES = PENDING_END_STATUSES | {
    Status.PENDING_NEW,
    Status.ACCEPTED,
    Status.NEW,
    Status.PARTIALLY_FILLED,
}
WORKING_STATUSES = frozenset({Status.NEW, Status.PARTIALLY_FILLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRequest:
    """One leg as asked for: `ratio_qty` contracts for each unit of the order."""

    instrument: Instrument
    side: Side
    ratio_qty: int
    intent: Intent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """A well-formed request; whether the account may is not yet known.

    Prices are USD per share. A simple order has `instrument` and `side`; an mleg order has neither but 2 to 4 `legs`,
    `qty` counts units, and `limit_price` is net: above 0 it is paid, below 0 received.
    """

    instrument: Instrument | None
    side: Side | None
    type: OrderType
    time_in_force: TimeInForce
    qty: int
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    intent: Intent | None = None
    client_order_id: str | None = None
    legs: tuple[LegRequest, ...] = ()

    @property
    def order_class(self) -> OrderClass:
        """Tell a simple order from one with legs."""
        return OrderClass.MLEG if self.legs else OrderClass.SIMPLE

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Return what it trades."""
        return tuple(leg.instrument for leg in self.legs) if self.instrument is None else (self.instrument,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order as of its latest change: simple, the parent of legs, or a leg.

    `instrument`, `side` and `intent` are None for a parent, which holds its `legs`, each an order of its own with
    `ratio_qty` contracts per unit; a leg has `parent_id` and no price of its own.
    `live_at`: when it reaches the market. `expires_at`: when it ends by itself. `triggered_at`: when a stop was elected.
    `cancel_at`: when a cancel that is under way reaches the market. `waits_for`: the order that a replacement replaces,
    until it reaches the market; `extra_qty`: units its replacement would have beyond its own, below 0 for fewer.
    `reserve_usd`: buying power that `reserve_qty` open units hold, fewer their share of it; `pending_hold_usd`: what a
    replacement, or what is being replaced, holds at least until one of both is in the market, for `pending_units`.
    """

    id: str
    client_order_id: str
    sequence: int
    instrument: Instrument | None
    side: Side | None
    type: OrderType
    time_in_force: TimeInForce
    intent: Intent | None
    qty: int
    limit_price: Decimal | None
    status: Status
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime
    live_at: datetime
    expires_at: datetime
    stop_price: Decimal | None = None
    triggered_at: datetime | None = None
    reserve_usd: Decimal = Decimal(0)
    reserve_qty: int = 1
    pending_hold_usd: Decimal = Decimal(0)
    legs: "tuple[Order, ...]" = ()
    parent_id: str | None = None
    ratio_qty: int = 1
    filled_qty: int = 0
    filled_cost: Decimal = Decimal(0)
    filled_at: datetime | None = None
    canceled_at: datetime | None = None
    expired_at: datetime | None = None
    failed_at: datetime | None = None
    replaced_at: datetime | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    cancel_at: datetime | None = None
    waits_for: str | None = None
    extra_qty: int = 0
    pending_units: int = 0

    @property
    def symbol(self) -> str:
        """Return what it trades; "" for a parent of legs, as Alpaca writes it."""
        return self.instrument.symbol if self.instrument else ""

    @property
    def order_class(self) -> OrderClass:
        """Tell a simple order from a parent or a leg."""
        return OrderClass.MLEG if self.legs or self.parent_id else OrderClass.SIMPLE

    @property
    def parts(self) -> "tuple[Order, ...]":
        """Return what trades: the legs, or the order itself."""
        return self.legs or (self,)

    @property
    def is_open(self) -> bool:
        """Tell whether anything can still happen to it."""
        return self.status in OPEN_STATUSES

    @property
    def open_qty(self) -> int:
        """Units not yet filled; 0 once the order ended."""
        return self.qty - self.filled_qty if self.is_open else 0

    @property
    def promised_qty(self) -> int:
        """Units that it, or a replacement on its way, may still trade."""
        return self.open_qty + max(self.extra_qty, 0) if self.is_open else 0

    @property
    def held_usd(self) -> Decimal:
        """Buying power this order holds, in USD; the share of a part that is open is rounded up to the cent."""
        if not self.is_open or self.waits_for is not None:
            return Decimal(0)
        # The total is never divided and multiplied back: that would leave crumbs behind.
        share = self.reserve_usd * self.open_qty
        if self.reserve_qty != 1:
            share /= self.reserve_qty
        if self.open_qty != self.reserve_qty:
            share = share.quantize(CENT, rounding=ROUND_CEILING)
        return max(share, self._pending_share_usd())

    def _pending_share_usd(self) -> Decimal:
        """What of `pending_hold_usd` the units hold that are still open; it was told for `pending_units`, if for any."""
        if not self.pending_units:
            return self.pending_hold_usd
        share = self.pending_hold_usd * max(self.open_qty + self.extra_qty, 0) / self.pending_units
        return share.quantize(CENT, rounding=ROUND_CEILING)

    @property
    def filled_avg_price(self) -> Decimal | None:
        """Average fill in USD per share, net for a parent; `filled_cost` is the sum of price × qty."""
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
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    ORDER_CANCEL_REJECTED = "order_cancel_rejected"
    ORDER_REPLACE_REJECTED = "order_replace_rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """One step in an order's life. `price` (net for a parent) and `qty` belong to fills.

    `position_qty` is the signed position after the fill of a simple order; None for legs, whose positions are several.
    """

    kind: EventKind
    order: Order
    at: datetime
    execution_id: str
    price: Decimal | None = None
    qty: int | None = None
    position_qty: int | None = None
    reason: str | None = None
