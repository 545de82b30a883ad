"""A venue in memory, spoken to as to Alpaca's REST API, with a journal of its own.

1. One order per client order id, for ever: whoever sends an id again is refused, whatever became of the first.
2. What it did is in `journal` and `orders`; what it answered may be something else, or nothing, or late.
3. An order holds buying power from its acceptance; a fill pays it, an end gives the rest back.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from kernel.domain.money import plain
from kernel.testing.builders import NOW
from tests.fakes.sizer import ACCOUNT_ID, account_answer
from tests.simulation.loop import Incarnation, SimulatedLoop
from tests.simulation.trace import Trace

_OPEN = ("new", "partially_filled")
_NOT_FOUND = (404, 40410000, "order not found")


class VenueSaysNoError(Exception):
    """An answer other than 2xx."""

    def __init__(self, status: int, code: int | None, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.reason = reason


@dataclass
class Moods:
    """Chances, per POST, of what a venue does that is neither yes nor no; and whether a garbled answer comes instead."""

    rate_limit: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    garbled: float = 0.0
    refuse: float = 0.0

    def clear(self) -> None:
        """Be fair from now on."""
        self.rate_limit = self.error_before = self.error_after = self.garbled = self.refuse = 0.0


@dataclass
class VenueOrder:
    """An order as it stands."""

    venue_order_id: str
    client_order_id: str
    symbol: str
    side: str
    contracts: int
    limit_price: Decimal
    status: str
    updated_at: datetime
    filled: int = 0
    price: Decimal | None = None

    @property
    def open(self) -> bool:
        """Whether it can still be filled."""
        return self.status in _OPEN

    def document(self) -> dict[str, Any]:
        """Return what the API shows of it."""
        return {
            "id": self.venue_order_id,
            "client_order_id": self.client_order_id,
            "symbol": self.symbol,
            "asset_class": "us_option",
            "order_class": "simple",
            "side": self.side,
            "qty": str(self.contracts),
            "filled_qty": str(self.filled),
            "filled_avg_price": None if self.price is None else plain(self.price),
            "limit_price": plain(self.limit_price),
            "status": self.status,
            "submitted_at": self.updated_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }


@dataclass(eq=False)
class Feed:
    """One listener's connection to the trade updates; None is its end."""

    owner: Incarnation | None
    push: Callable[[str | None], None]


@dataclass
class ModelVenue:
    """One account's venue. `journal` has what was asked of it and what it did, in its order."""

    loop: SimulatedLoop
    rng: random.Random
    trace: Trace
    cash: Decimal
    moods: Moods = field(default_factory=Moods)
    orders: dict[str, VenueOrder] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    feed: Feed | None = None
    hints_lost: float = 0.0

    def now(self) -> datetime:
        """Return the venue's time, which all go by."""
        return NOW + timedelta(seconds=self.loop.time())

    def answer(self, method: str, path: str, fields: Mapping[str, Any]) -> Any:
        """Carry a request out and return its answer's JSON; raises VenueSaysNoError."""
        match method, path:
            case "GET", "/clock":
                return {"timestamp": self.now().isoformat()}
            case "GET", "/account":
                return account_answer(plain(self.buying_power()), equity=plain(self.cash))
            case "GET", "/orders:by_client_order_id":
                return self._found(fields["client_order_id"]).document()
            case "GET", "/orders":
                return [o.document() for o in self.orders.values() if o.open]
            case "POST", "/orders":
                return self._post(fields)
            case "DELETE", _:
                return self._cancel(path.rpartition("/")[2])
            case _:
                raise VenueSaysNoError(404, None, f"{method} {path}")

    def buying_power(self) -> Decimal:
        """Return what is not paid or held."""
        return max(self.cash - sum((_holds(o) for o in self.orders.values()), Decimal(0)), Decimal(0))

    def hang_up(self, feed: Feed | None) -> None:
        """End a listener's connection."""
        if feed is not None and self.feed is feed:
            self.feed = None
            feed.push(None)

    def settle(self) -> None:
        """Be fair from now on, and lose no hints."""
        self.moods.clear()
        self.hints_lost = 0.0

    def _found(self, client_order_id: str) -> VenueOrder:
        order = self.orders.get(client_order_id)
        if order is None:
            raise VenueSaysNoError(*_NOT_FOUND)
        return order

    def _post(self, fields: Mapping[str, Any]) -> Any:
        client_order_id, moods, drawn = fields["client_order_id"], self.moods, self.rng.random()
        self.posts.append(client_order_id)
        self._note("post", client_order_id)
        if drawn < moods.rate_limit:
            raise VenueSaysNoError(429, None, "too many requests")
        drawn -= moods.rate_limit
        if drawn < moods.error_before:
            raise VenueSaysNoError(self.rng.choice((500, 503, 504)), None, "before")
        order = self._accept(fields)
        drawn -= moods.error_before
        if drawn < moods.error_after:
            raise VenueSaysNoError(504, None, "after")
        drawn -= moods.error_after
        return {"half": "an answer"} if drawn < moods.garbled else order.document()

    def _accept(self, fields: Mapping[str, Any]) -> VenueOrder:
        client_order_id = fields["client_order_id"]
        contracts, limit = int(fields["qty"]), Decimal(fields["limit_price"])
        if client_order_id in self.orders:
            raise VenueSaysNoError(422, 40010001, "client_order_id must be unique")
        if limit * contracts * 100 > self.buying_power() or self.rng.random() < self.moods.refuse:
            self.refused[client_order_id] = self.refused.get(client_order_id, 0) + 1
            self._note("refuse", client_order_id)
            raise VenueSaysNoError(403, 40310000, "insufficient options buying power")
        order = VenueOrder(
            venue_order_id=f"v{len(self.orders) + 1:03}",
            client_order_id=client_order_id,
            symbol=fields["symbol"],
            side=fields["side"],
            contracts=contracts,
            limit_price=limit,
            status="new",
            updated_at=self.now(),
        )
        self.orders[client_order_id] = order
        self._note("accept", client_order_id)
        self._plan(order)
        return order

    def _plan(self, order: VenueOrder) -> None:
        """Decide by the seed what becomes of an order, unless it is cancelled before."""
        rng, at_s = self.rng, 0.0
        kind = rng.random()
        if kind < 0.1:
            self.loop.at(rng.random() * 20, self._end, order, rng.choice(("canceled", "rejected", "expired")))
            return
        left = order.contracts if kind < 0.8 else rng.randrange(order.contracts + 1)
        while left:
            part = left if rng.random() < 0.6 else rng.randint(1, left)
            at_s += rng.random() * rng.choice((0.2, 3.0, 20.0))
            self.loop.at(at_s, self._fill, order, part)
            left -= part

    def _fill(self, order: VenueOrder, contracts: int) -> None:
        if not order.open:
            return
        price = order.limit_price - Decimal("0.01") * self.rng.randrange(3)
        paid = (order.price or Decimal(0)) * order.filled + price * contracts
        order.filled += contracts
        order.price = (paid / order.filled).quantize(Decimal("0.000001"))
        self._move(order, "filled" if order.filled == order.contracts else "partially_filled")

    def _end(self, order: VenueOrder, status: str) -> None:
        if order.open and not (status == "rejected" and order.filled):
            self._move(order, status)

    def _cancel(self, venue_order_id: str) -> Any:
        found = [o for o in self.orders.values() if o.venue_order_id == venue_order_id]
        if not found:
            raise VenueSaysNoError(*_NOT_FOUND)
        (order,) = found
        if not order.open:
            raise VenueSaysNoError(422, 42210000, "order is not cancelable")
        self.loop.at(self.rng.random() * self.rng.choice((0.01, 2.0)), self._end, order, "canceled")
        return None

    def _move(self, order: VenueOrder, status: str) -> None:
        order.status, order.updated_at = status, self.now()
        self._note(status, f"{order.client_order_id} {order.filled}/{order.contracts}")
        copies = 0 if self.rng.random() < self.hints_lost else self.rng.choice((1, 1, 2))
        for _ in range(copies):
            self.loop.at(self.rng.random() * 0.5, self._hint, order.client_order_id)

    def _hint(self, client_order_id: str) -> None:
        if self.feed is not None:
            self.feed.push(client_order_id)

    def _note(self, what: str, detail: str) -> None:
        self.trace.event(self.loop.time(), "venue", what, detail[:8] + detail[32:])


def _holds(order: VenueOrder) -> Decimal:
    paid = (order.price or Decimal(0)) * order.filled
    resting = order.limit_price * (order.contracts - order.filled) if order.open else Decimal(0)
    return (paid + resting) * 100


__all__ = ["ACCOUNT_ID", "Feed", "ModelVenue", "Moods", "VenueOrder", "VenueSaysNoError"]
