"""Every order of an account, and what the open ones hold.

1. A client order id belongs to one order for ever.
2. An order that ended never changes.
3. `held_usd` is the sum of what open orders hold.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from simulator.venue.orders import Intent, Order


class OrderBook:
    """Orders by id, by client id and by underlying; legs are found through their parents."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        #: What can trade: not a replacement that is on its way.
        self.open: dict[str, Order] = {}
        self.held_usd = Decimal(0)
        #: Orders that became something else since whoever keeps them emptied this.
        self.changed: dict[str, Order] = {}
        self._by_client_id: dict[str, str] = {}
        self._parent_of: dict[str, str] = {}
        #: Open orders by what they are on: each underlying, and each symbol they trade.
        self._open_on: dict[str, dict[str, Order]] = {}
        self._open_in: dict[str, dict[str, Order]] = {}

    def keep(self, order: Order) -> None:
        """Keep an order as it now is."""
        before = self.orders.get(order.id)
        if before is not None and not before.is_open:
            msg = f"order {order.id} ended as {before.status} and cannot become {order.status}"
            raise ValueError(msg)
        self.held_usd += order.held_usd - (before.held_usd if before else 0)
        self.orders[order.id] = self.changed[order.id] = order
        if before is None:
            self._index(order)
        if _is_out(order):
            self.open[order.id] = order
        else:
            self.open.pop(order.id, None)
        for part in order.parts:
            if part.instrument is not None:
                _put(self._open_on.setdefault(part.instrument.underlying, {}), order)
                _put(self._open_in.setdefault(part.symbol, {}), order)

    def find(self, order_id: str) -> Order | None:
        """Return an order or a leg."""
        if order_id in self.orders:
            return self.orders[order_id]
        parent_id = self._parent_of.get(order_id)
        if parent_id is None:
            return None
        return next(leg for leg in self.orders[parent_id].legs if leg.id == order_id)

    def by_client_id(self, client_order_id: str) -> Order | None:
        """Return the order or leg known under this client order id."""
        order_id = self._by_client_id.get(client_order_id)
        return None if order_id is None else self.find(order_id)

    def knows(self, client_order_id: str | None) -> bool:
        """Tell whether a client order id is used up."""
        return client_order_id in self._by_client_id

    def open_on(self, underlying: str, *, without: str | None = None) -> Iterator[Order]:
        """Yield the open orders on an underlying, oldest first, but for the one with the id `without`."""
        return (order for order in self._open_on.get(underlying, {}).values() if order.id != without)

    def open_in(self, symbol: str, *, without: str | None = None) -> Iterator[Order]:
        """Yield the open orders that trade a symbol, alone or as a leg, likewise."""
        return (order for order in self._open_in.get(symbol, {}).values() if order.id != without)

    def _index(self, order: Order) -> None:
        self._by_client_id[order.client_order_id] = order.id
        for leg in order.legs:
            self._parent_of[leg.id] = order.id
            self._by_client_id[leg.client_order_id] = leg.id


def open_parts(orders: Iterable[Order], symbol: str) -> Iterator[Order]:
    """Yield what of `orders` trades `symbol`: orders, or the legs of some."""
    return (part for order in orders for part in order.parts if part.symbol == symbol)


def closing_qty(orders: Iterable[Order], symbol: str) -> Mapping[Intent, int]:
    """Return how much of a position open orders are about to close, by intent."""
    promised = {Intent.SELL_TO_CLOSE: 0, Intent.BUY_TO_CLOSE: 0}
    for part in open_parts(orders, symbol):
        if part.intent in promised:
            promised[part.intent] += part.promised_qty
    return promised


def _is_out(order: Order) -> bool:
    """Tell whether it can trade by itself; a replacement on its way cannot until it took the other's place."""
    return order.is_open and order.waits_for is None


def _put(orders: dict[str, Order], order: Order) -> None:
    if _is_out(order):
        orders[order.id] = order
    else:
        orders.pop(order.id, None)
