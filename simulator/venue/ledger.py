"""The account's books, and the two ways they are written: an order becomes something else, or trades.

Nothing here asks whether it may; see `permissions` and `funds`.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from simulator.venue import lifecycle
from simulator.venue.book import OrderBook
from simulator.venue.fills import Execution, net_price
from simulator.venue.identity import uuid_of
from simulator.venue.orders import EventKind, Order, OrderEvent
from simulator.venue.portfolio import Portfolio
from simulator.venue.records import fills_of
from simulator.venue.standing import Standing


class Ledger:
    """Orders, cash and positions of one account."""

    def __init__(self, account_id: str, cash_usd: Decimal) -> None:
        self.account_id = account_id
        self.portfolio = Portfolio(cash_usd)
        self.book = OrderBook()
        #: How often something was told of an order; execution ids follow from it.
        self.events = 0

    @property
    def next_sequence(self) -> int:
        """Return the number of the next order."""
        return len(self.book.orders) + 1

    def standing(self, *, without: str | None = None) -> Standing:
        """Return what an order is judged against."""
        return Standing(self.portfolio, self.book, without)

    def power_after(self, order: Order, execution: Execution) -> Decimal:
        """Return the buying power, which may be below 0, if `order` traded so."""
        after = lifecycle.filled(order, execution.qty, execution.prices, order.updated_at)
        deltas, paid = {}, Decimal(0)
        for part, price in zip(order.parts, execution.prices, strict=True):
            assert part.instrument is not None
            assert part.side is not None
            qty = part.side.sign * part.ratio_qty * execution.qty
            deltas[part.instrument] = qty
            paid += price * qty * part.instrument.multiplier
        held = self.book.held_usd - order.held_usd + after.held_usd
        return self.portfolio.cash_usd - paid - self.portfolio.margin_after_usd(deltas) - held

    def trade(self, order: Order, execution: Execution, now: datetime) -> OrderEvent:
        """Let a working order trade."""
        after = lifecycle.filled(order, execution.qty, execution.prices, now)
        for fill in fills_of(after, execution.qty, execution.prices, now):
            self.portfolio.record(fill)
        return self.tell(
            EventKind.PARTIAL_FILL if after.is_open else EventKind.FILL,
            after,
            now,
            price=net_price(order, execution.prices),
            qty=execution.qty,
            position_qty=None if order.legs else self.portfolio.qty(order.symbol),
        )

    def tell(
        self,
        kind: EventKind,
        order: Order,
        now: datetime,
        *,
        price: Decimal | None = None,
        qty: int | None = None,
        position_qty: int | None = None,
        reason: str | None = None,
    ) -> OrderEvent:
        """Keep the order as it now is, and return what happened to it."""
        self.book.keep(order)
        event = self.repeat(kind, order, now, reason=reason)
        return replace(event, price=price, qty=qty, position_qty=position_qty)

    def repeat(
        self, kind: EventKind, order: Order, now: datetime, *, reason: str | None = None
    ) -> OrderEvent:
        """Return what happened about an order that is kept already, and may have ended."""
        self.events += 1
        execution_id = uuid_of(order.id, f"execution:{self.events}")
        return OrderEvent(kind=kind, order=order, at=now, execution_id=execution_id, reason=reason)
