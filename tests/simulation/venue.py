"""A venue in memory, spoken to as to Alpaca's REST API.

1. One order per client order id, for ever: whoever sends an id again is refused, whatever became of the first. A
   replacement is an order of its own, whose quantity and fills count those of the one it came in the place of.
2. What it did is in `orders` and `asked_for`; what it answered may be something else, or nothing, or late.
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
from tests.fakes.sizer import account_answer
from tests.simulation.loop import Incarnation, SimulatedLoop
from tests.simulation.trace import Trace

#: Bid and ask by the strike's digits of the symbol.
QUOTES = {
    "00515000": (Decimal("5.10"), Decimal("5.20")),
    "00520000": (Decimal("2.49"), Decimal("2.51")),
    "00525000": (Decimal("0.98"), Decimal("1.02")),
}
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
    accepted_s: float
    filled: int = 0
    price: Decimal | None = None
    #: The order that this one came in the place of: its fills are counted here, too.
    replaces: str | None = None
    ended_s: float | None = None

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
            "replaces": self.replaces,
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
    """One account's venue."""

    loop: SimulatedLoop
    rng: random.Random
    trace: Trace
    cash: Decimal
    moods: Moods = field(default_factory=Moods)
    orders: dict[str, VenueOrder] = field(default_factory=dict)
    #: Every id an order was asked for under, as often as it was.
    asked_for: list[str] = field(default_factory=list)
    feed: Feed | None = None
    hints_lost: float = 0.0

    def now(self) -> datetime:
        """Return the venue's time, which all go by."""
        return NOW + timedelta(seconds=self.loop.time())

    def answer(self, method: str, path: str, fields: Mapping[str, Any]) -> Any:
        """Carry a request out and return its answer's JSON; raises VenueSaysNoError."""
        last = path.rpartition("/")[2]
        routes: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "clock"): lambda: {"timestamp": self.now().isoformat()},
            ("GET", "account"): self._account,
            ("GET", "positions"): self._positions,
            ("GET", "snapshot"): lambda: {fields["symbol"]: {"latestTrade": {"p": 520.0}}},
            ("GET", "orders:by_client_order_id"): lambda: self._found(fields["client_order_id"]).document(),
            ("GET", "orders"): lambda: [o.document() for o in self.orders.values() if o.open],
            ("GET", "filled"): lambda: [o.client_order_id for o in self.orders.values() if o.filled],
            ("POST", "orders"): lambda: self._moody(fields, lambda: self._accept(fields)),
            ("GET", "quotes"): lambda: self._quote(fields["symbol"]),
        }
        if (method, last) in routes:
            return routes[method, last]()
        if method == "PATCH":
            return self._moody(fields, lambda: self._replace(last, fields))
        assert method == "DELETE", f"the model knows no {method} {path}"
        return self._cancel(last)

    def _account(self) -> Any:
        equity = plain(self.cash)  # what was bought counts at its cost
        return account_answer(plain(self.buying_power()), equity=equity, last_equity=equity)

    def _positions(self) -> Any:
        """Return what the fills add up to; a replacement counts those of the order before."""
        paid: dict[str, Decimal] = {}
        for order in self.orders.values():
            if order.filled and order.status != "replaced":
                paid[order.symbol] = paid.get(order.symbol, Decimal(0)) + order.filled * 100 * (
                    order.price or 0
                )
        return [
            {
                "symbol": symbol,
                "asset_class": "us_option",
                "cost_basis": plain(usd),
                "market_value": plain(usd),
            }
            for symbol, usd in paid.items()
        ]

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

    def _moody(self, fields: Mapping[str, Any], make: Callable[[], VenueOrder]) -> Any:
        """Make an order, or not; and say so, or not."""
        client_order_id, moods, drawn = fields["client_order_id"], self.moods, self.rng.random()
        self.asked_for.append(client_order_id)
        self._note("asked", client_order_id)
        if drawn < moods.rate_limit:
            raise VenueSaysNoError(429, None, "too many requests")
        drawn -= moods.rate_limit
        if drawn < moods.error_before:
            raise VenueSaysNoError(self.rng.choice((500, 503, 504)), None, "before")
        order = make()
        drawn -= moods.error_before
        if drawn < moods.error_after:
            raise VenueSaysNoError(504, None, "after")
        drawn -= moods.error_after
        return {"half": "an answer"} if drawn < moods.garbled else order.document()

    def _accept(self, fields: Mapping[str, Any]) -> VenueOrder:
        contracts, limit = int(fields["qty"]), Decimal(fields["limit_price"])
        self._check_id(fields["client_order_id"])
        self._check_money(limit * contracts * 100, fields["client_order_id"])
        return self._enter(fields, fields["symbol"], fields["side"])

    def _replace(self, venue_order_id: str, fields: Mapping[str, Any]) -> VenueOrder:
        old = self._under(venue_order_id)
        contracts, limit = int(fields["qty"]), Decimal(fields["limit_price"])
        self._check_id(fields["client_order_id"])
        if not old.open or contracts <= old.filled:
            raise VenueSaysNoError(422, 42210000, f"cannot replace order in {old.status} status")
        self._check_money(
            (limit - old.limit_price) * (contracts - old.filled) * 100, fields["client_order_id"]
        )
        self._move(old, "replaced")
        return self._enter(fields, old.symbol, old.side, old=old)

    def _enter(
        self,
        fields: Mapping[str, Any],
        symbol: str,
        side: str,
        *,
        old: VenueOrder | None = None,
    ) -> VenueOrder:
        order = VenueOrder(
            venue_order_id=f"v{len(self.orders) + 1:03}",
            client_order_id=fields["client_order_id"],
            symbol=symbol,
            side=side,
            contracts=int(fields["qty"]),
            limit_price=Decimal(fields["limit_price"]),
            status="new" if old is None or not old.filled else "partially_filled",
            updated_at=self.now(),
            accepted_s=self.loop.time(),
            filled=0 if old is None else old.filled,
            price=None if old is None else old.price,
            replaces=None if old is None else old.venue_order_id,
        )
        self.orders[order.client_order_id] = order
        self._note("accept" if old is None else "replace", order.client_order_id)
        self._plan(order)
        return order

    def _check_id(self, client_order_id: str) -> None:
        if client_order_id in self.orders:
            raise VenueSaysNoError(422, 40010001, "client_order_id must be unique")

    def _check_money(self, more_usd: Decimal, client_order_id: str) -> None:
        if more_usd > self.buying_power() or self.rng.random() < self.moods.refuse:
            self._note("refuse", client_order_id)
            raise VenueSaysNoError(403, 40310000, "insufficient options buying power")

    def _quote(self, symbol: str) -> Any:
        """Return a quote around the chain's, now and then none at all."""
        if self.rng.random() < 0.05:
            return {}
        bid, ask = QUOTES[symbol[-8:]]
        moved = Decimal("0.01") * self.rng.randint(-2, 3)
        return {symbol: {"t": self.now().isoformat(), "bp": float(bid + moved), "ap": float(ask + moved)}}

    def _plan(self, order: VenueOrder) -> None:
        """Decide by the seed what becomes of an order, unless it is cancelled or replaced before."""
        rng, at_s, rest = self.rng, 0.0, order.contracts - order.filled
        kind = rng.random()
        if kind < 0.1:
            self.loop.at(rng.random() * 20, self._end, order, rng.choice(("canceled", "rejected", "expired")))
            return
        left = rest if kind < 0.7 else rng.randrange(rest + 1)
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

    def _under(self, venue_order_id: str) -> VenueOrder:
        found = [o for o in self.orders.values() if o.venue_order_id == venue_order_id]
        if not found:
            raise VenueSaysNoError(*_NOT_FOUND)
        return found[0]

    def _cancel(self, venue_order_id: str) -> Any:
        order = self._under(venue_order_id)
        if not order.open:
            raise VenueSaysNoError(422, 42210000, "order is not cancelable")
        self.loop.at(self.rng.random() * self.rng.choice((0.01, 2.0)), self._end, order, "canceled")
        return None

    def _move(self, order: VenueOrder, status: str) -> None:
        order.status, order.updated_at = status, self.now()
        if not order.open:
            order.ended_s = self.loop.time()
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
    if order.status == "replaced":
        return Decimal(0)  # whatever came in its place holds it
    paid = (order.price or Decimal(0)) * order.filled
    resting = order.limit_price * (order.contracts - order.filled) if order.open else Decimal(0)
    return (paid + resting) * 100
