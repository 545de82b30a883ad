"""Reads the venue's order JSON into a report; the venue's words are translated here and nowhere else.

1. A word that does not surely end an order leaves it alive: nothing is closed on a word we do not know.
2. A report is whole or it is none: a missing or senseless field raises ValueError naming it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from kernel.contracts.messages import OrderStatus
from kernel.contracts.parts import Side
from kernel.domain.clock import require_utc
from kernel.domain.money import MICRO

#: The venue's words that end an order. `replaced` ends this one: what goes on has another id.
_ENDINGS = {
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
    "replaced": OrderStatus.CANCELED,
}

#: The words of an order that may not have reached the market: one that waits may be cancelled there.
_WAITING = frozenset({"pending_new", "accepted", "pending_review", "held", "pending_cancel"})


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueReport:
    """An order as the venue's REST API shows it. Prices are USD per share; `word` is the venue's own status.

    `replaces` is the venue's id of the order it replaced; what that one filled is in its figures too.
    """

    client_order_id: str
    venue_order_id: str
    occ_symbol: str
    side: Side
    contracts: int
    limit_price: Decimal | None
    status: OrderStatus
    word: str
    filled_contracts: int
    average_fill_price: Decimal | None
    updated_at: datetime
    replaces: str | None = None

    @property
    def waits(self) -> bool:
        """Whether it is a replacement that may not be in the market: the order before works on, and may end first."""
        return self.replaces is not None and self.word in _WAITING


def read_report(order: object) -> VenueReport:
    """Read one order of the venue's answer; raises ValueError when it is not a whole order."""
    if not isinstance(order, Mapping):
        msg = f"the venue's order is no object: {order!r:.100}"
        raise ValueError(msg)  # noqa: TRY004 - every way of not being an order is one kind of failure to callers
    word, contracts, filled = _text(order, "status"), _whole(order, "qty"), _whole(order, "filled_qty")
    if filled > contracts or (word == "filled" and filled != contracts):
        msg = f"filled_qty of the venue's {word} order for {contracts} was {filled}"
        raise ValueError(msg)
    return VenueReport(
        client_order_id=_text(order, "client_order_id"),
        venue_order_id=_text(order, "id"),
        occ_symbol=_text(order, "symbol"),
        side=Side(_text(order, "side")),
        contracts=contracts,
        limit_price=_decimal(order, "limit_price"),
        status=_status(word, filled),
        word=word,
        filled_contracts=filled,
        average_fill_price=_average_price(order) if filled else None,
        updated_at=require_utc(datetime.fromisoformat(_text(order, "updated_at"))),
        replaces=None if order.get("replaces") is None else _text(order, "replaces"),
    )


def _status(word: str, filled: int) -> OrderStatus:
    alive = OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.ACKNOWLEDGED
    return _ENDINGS.get(word, alive)


def _average_price(order: Mapping[object, object]) -> Decimal:
    price = _decimal(order, "filled_avg_price")
    if price is None or price <= 0:
        msg = f"filled_avg_price of a filled order was {price}"
        raise ValueError(msg)
    return price.quantize(MICRO)


def _text(order: Mapping[object, object], name: str) -> str:
    value = order.get(name)
    if not isinstance(value, str) or not value:
        msg = f"{name} of the venue's order was {value!r}"
        raise ValueError(msg)
    return value


def _whole(order: Mapping[object, object], name: str) -> int:
    value = _decimal(order, name)
    if value is None or value < 0 or value != value.to_integral_value():
        msg = f"{name} of the venue's order was {order.get(name)!r}"
        raise ValueError(msg)
    return int(value)


def _decimal(order: Mapping[object, object], name: str) -> Decimal | None:
    value = order.get(name)
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        msg = f"{name} of the venue's order was {value!r}"
        raise ValueError(msg)
    return number
