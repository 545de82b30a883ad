"""One account as a state machine: cash, positions, and orders from request to end.

Entry points: `submit`, `cancel`, `replace`, `advance`; each takes `now` and the quotes it may use, and returns
what happened or why not. There is no clock, IO or randomness in here.

1. A client order id is accepted at most once, for ever, whatever became of the first order.
2. Cash + (contracts × price × 100 of every trade, signed) is constant.
3. Options buying power = cash − what open buys hold; it is never negative, and neither is a position.
4. An order that ended never changes again.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from kernel.domain.money import CONTRACT_MULTIPLIER
from simulator.venue import lifecycle
from simulator.venue.fills import FillRules, Nbbo, fill_price
from simulator.venue.identity import uuid_of
from simulator.venue.lifecycle import Changes, Timing
from simulator.venue.orders import WORKING_STATUSES, EventKind, Intent, Order, OrderEvent, OrderRequest, Side
from simulator.venue.permissions import (
    check_buying_power,
    check_quantity,
    check_replaceable,
    infer_intent,
    replacement_cost_usd,
    reserve_price_of,
)
from simulator.venue.positions import Position, bought, sold
from simulator.venue.refusals import Refusal, invalid, not_found, unprocessable

QuoteOf = Callable[[str], Nbbo]


class Account:
    """The account's state; every figure in USD."""

    def __init__(self, *, account_id: str, cash_usd: Decimal, fills: FillRules) -> None:
        """Open an account with `cash_usd`, trading by `fills`."""
        self.account_id = account_id
        self.starting_cash_usd = cash_usd
        self.cash_usd = cash_usd
        self.fills = fills
        self.positions: dict[str, Position] = {}
        self.orders: dict[str, Order] = {}
        self._open: dict[str, Order] = {}
        self._by_client_id: dict[str, str] = {}
        self._events = 0

    @property
    def open_orders(self) -> Mapping[str, Order]:
        """The orders that can still trade, oldest first."""
        return self._open

    @property
    def options_buying_power_usd(self) -> Decimal:
        """Cash that no open order holds."""
        return self.cash_usd - sum((order.held_usd for order in self._open.values()), Decimal(0))

    def by_client_id(self, client_order_id: str) -> Order | None:
        """Return the order sent under this id."""
        order_id = self._by_client_id.get(client_order_id)
        return None if order_id is None else self.orders[order_id]

    def held_qty(self, symbol: str) -> int:
        """Return the contracts held."""
        return self.positions[symbol].qty if symbol in self.positions else 0

    def available_qty(self, symbol: str) -> int:
        """Return the contracts held and not promised to an open sell."""
        selling = (o.open_qty for o in self._open.values() if o.symbol == symbol and o.side is Side.SELL)
        return self.held_qty(symbol) - sum(selling)

    def intent_of(self, request: OrderRequest) -> Intent | Refusal:
        """Tell what a request would do to the position, or why it may not."""
        return infer_intent(request, self.available_qty(request.symbol))

    def submit(
        self, request: OrderRequest, *, now: datetime, timing: Timing, quote: Nbbo
    ) -> OrderEvent | Refusal:
        """Take an order in, holding its buying power, or refuse it."""
        if request.client_order_id in self._by_client_id:
            return invalid("client_order_id must be unique")
        intent = self.intent_of(request)
        if isinstance(intent, Refusal):
            return intent
        reserve_price = reserve_price_of(request, quote)
        refusal = self._check_funds(request, reserve_price)
        if refusal is not None:
            return refusal
        order = lifecycle.opened(
            request,
            parent=self.account_id,
            sequence=len(self.orders) + 1,
            intent=intent,
            reserve_price=reserve_price,
            now=now,
            timing=timing,
        )
        return self._tell(EventKind.ACCEPTED if timing.queued else EventKind.PENDING_NEW, order, now)

    def cancel(self, order_id: str, now: datetime) -> OrderEvent | Refusal:
        """End an open order and release what it holds."""
        order = self.orders.get(order_id)
        if order is None:
            return not_found(f"order not found for {order_id}")
        if not order.is_open:
            return unprocessable(f'order is already in "{order.status}" state')
        return self._tell(EventKind.CANCELED, lifecycle.canceled(order, now), now)

    def replace(
        self, order_id: str, changes: Changes, *, now: datetime, live_at: datetime
    ) -> tuple[OrderEvent, OrderEvent] | Refusal:
        """End a working order in favour of a new one; return the end of the old and the start of the new."""
        order = self.orders.get(order_id)
        if order is None:
            return not_found(f"order not found for {order_id}")
        if changes.client_order_id in self._by_client_id:
            return invalid("client_order_id must be unique")
        refusal = check_replaceable(order, changes) or self._check_change(order, changes)
        if refusal is not None:
            return refusal
        old, new = lifecycle.replaced(order, changes, sequence=len(self.orders) + 1, now=now, live_at=live_at)
        ended = self._tell(EventKind.REPLACED, old, now)
        return ended, self._tell(EventKind.PENDING_NEW, new, now)

    def advance(self, now: datetime, *, is_open: bool, quote_of: QuoteOf) -> list[OrderEvent]:
        """Let time pass: routes arrive, orders expire, and marketable ones trade. `quote_of` tells the present."""
        events: list[OrderEvent] = []
        for order in list(self._open.values()):
            if now >= order.expires_at:
                events.append(self._tell(EventKind.EXPIRED, lifecycle.expired(order, now), now))
            elif now >= order.live_at:
                events += self._work(order, now, quote_of if is_open else None)
        return events

    def _check_funds(self, request: OrderRequest, reserve_price: Decimal) -> Refusal | None:
        if request.side is Side.SELL:
            available, held = self.available_qty(request.symbol), self.held_qty(request.symbol)
            return check_quantity(request.symbol, request.qty, available=available, held=held)
        required = reserve_price * CONTRACT_MULTIPLIER * request.qty
        return check_buying_power(required, self.options_buying_power_usd)

    def _check_change(self, order: Order, changes: Changes) -> Refusal | None:
        if order.side is Side.SELL:
            available = self.available_qty(order.symbol) + order.open_qty
            asked = (changes.qty or order.qty) - order.filled_qty
            held = self.held_qty(order.symbol)
            return check_quantity(order.symbol, asked, available=available, held=held)
        required = replacement_cost_usd(order, changes)
        return check_buying_power(required, self.options_buying_power_usd + order.held_usd)

    def _work(self, order: Order, now: datetime, quote_of: QuoteOf | None) -> list[OrderEvent]:
        events: list[OrderEvent] = []
        if order.status not in WORKING_STATUSES:
            order = lifecycle.routed(order, now)
            events.append(self._tell(EventKind.NEW, order, now))
        quote = quote_of(order.symbol) if quote_of else None
        price = fill_price(self.fills.model, order, quote) if quote else None
        if price is not None:
            events.append(self._trade(order, price, now))
        return events

    def _trade(self, order: Order, price: Decimal, now: datetime) -> OrderEvent:
        qty = self.fills.quantity(order)
        if order.side is Side.BUY and not self._can_pay(order, price, qty):
            reason = "insufficient options buying power"
            return self._tell(EventKind.REJECTED, lifecycle.rejected(order, now), now, reason=reason)
        self._settle(order, price, qty)
        after = lifecycle.filled(order, qty, price, now)
        kind = EventKind.PARTIAL_FILL if after.is_open else EventKind.FILL
        held = self.held_qty(order.symbol)
        return self._tell(kind, after, now, price=price, qty=qty, position_qty=held)

    def _can_pay(self, order: Order, price: Decimal, qty: int) -> bool:
        """Only a market order can fail here: the ask may have risen beyond what was held for it."""
        beyond_held = (price - order.reserve_price) * CONTRACT_MULTIPLIER * qty
        return beyond_held <= self.options_buying_power_usd

    def _settle(self, order: Order, price: Decimal, qty: int) -> None:
        held = self.positions.pop(order.symbol, None)
        amount = price * CONTRACT_MULTIPLIER * qty
        after: Position | None
        if order.side is Side.BUY:
            after, amount = bought(held, order.symbol, qty, price), -amount
        else:
            assert held is not None, "a sell was accepted against a position that is gone"
            after = sold(held, qty)
        self.cash_usd += amount
        if after is not None:
            self.positions[order.symbol] = after

    def _tell(
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
        self.orders[order.id] = order
        self._by_client_id[order.client_order_id] = order.id
        if order.is_open:
            self._open[order.id] = order
        else:
            self._open.pop(order.id, None)
        self._events += 1
        return OrderEvent(
            kind=kind,
            order=order,
            at=now,
            execution_id=uuid_of(order.id, f"execution:{self._events}"),
            price=price,
            qty=qty,
            position_qty=position_qty,
            reason=reason,
        )
