"""One account as a state machine: cash, positions, and orders from request to end.

Entry points: `submit`, `cancel`, `replace`, `advance`; each takes `now` and the quotes it may use, and returns
what happened or why not. There is no clock, IO or randomness in here.

1. A client order id is accepted at most once, for ever, whatever became of the first order.
2. Cash + (contracts × price × 100 of every trade, signed) is constant.
3. Options buying power = cash − what open buys hold; it is never negative, and neither is a position.
4. An order that ended never changes again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.options import OptionSymbol, Right
from simulator.venue.fills import FillRules, Nbbo, fill_price
from simulator.venue.identity import uuid_of
from simulator.venue.money_text import money_text
from simulator.venue.orders import (
    WORKING_STATUSES,
    EventKind,
    Intent,
    Order,
    OrderEvent,
    OrderRequest,
    Side,
    Status,
)
from simulator.venue.positions import Position, bought, sold
from simulator.venue.refusals import Refusal, forbidden, invalid, not_found, unprocessable


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When an order reaches the market, when it ends by itself, and whether it waits for the next session."""

    live_at: datetime
    expires_at: datetime
    queued: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a replacement asks for; None keeps the old value."""

    qty: int | None = None
    limit_price: Decimal | None = None
    client_order_id: str | None = None


class Account:
    """The account's state; every figure in USD."""

    def __init__(self, *, account_id: str, cash_usd: Decimal, fills: FillRules) -> None:
        self.account_id = account_id
        self.starting_cash_usd = cash_usd
        self.cash_usd = cash_usd
        self.fills = fills
        self.positions: dict[str, Position] = {}
        self.orders: dict[str, Order] = {}
        self._open: dict[str, Order] = {}
        self._by_client_id: dict[str, str] = {}
        self._executions = 0

    # What a request does

    def submit(
        self, request: OrderRequest, *, now: datetime, timing: Timing, quote: Nbbo
    ) -> OrderEvent | Refusal:
        """Take an order in, holding its buying power, or refuse it."""
        if request.client_order_id in self._by_client_id:
            return invalid("client_order_id must be unique")
        intent = self.infer_intent(request)
        if isinstance(intent, Refusal):
            return intent
        reserve = _reserve_price(request, quote)
        refusal = self._check_affordable(request, reserve)
        if refusal is not None:
            return refusal
        order = self._new_order(request, intent, reserve, now=now, timing=timing)
        self._keep(order)
        kind = EventKind.ACCEPTED if timing.queued else EventKind.PENDING_NEW
        return self._event(kind, order, now)

    def cancel(self, order_id: str, now: datetime) -> OrderEvent | Refusal:
        """End an open order and release what it holds."""
        order = self.orders.get(order_id)
        if order is None:
            return not_found(f"order not found for {order_id}")
        if not order.is_open:
            return unprocessable(f'order is already in "{order.status}" state')
        ended = replace(order, status=Status.CANCELED, canceled_at=now, updated_at=now)
        return self._event(EventKind.CANCELED, self._keep(ended), now)

    def replace(
        self, order_id: str, changes: Changes, *, now: datetime, live_at: datetime
    ) -> tuple[OrderEvent, OrderEvent] | Refusal:
        """End a working order in favour of a new one; return the end of the old and the start of the new."""
        order = self.orders.get(order_id)
        if order is None:
            return not_found(f"order not found for {order_id}")
        refusal = self._check_replaceable(order, changes)
        if refusal is not None:
            return refusal
        new = self._replacement(order, changes, now=now, live_at=live_at)
        ended = replace(order, status=Status.REPLACED, replaced_at=now, replaced_by=new.id, updated_at=now)
        self._keep(ended)
        self._keep(new)
        return self._event(EventKind.REPLACED, ended, now), self._event(EventKind.PENDING_NEW, new, now)

    def advance(self, now: datetime, *, is_open: bool, quote_of: Callable[[str], Nbbo]) -> list[OrderEvent]:
        """Let time pass: routes arrive, orders expire, and marketable ones trade. `quote_of` tells the present."""
        events: list[OrderEvent] = []
        for order_id in list(self._open):
            if now >= self._open[order_id].live_at:
                events += self._advance_order(order_id, now, is_open=is_open, quote_of=quote_of)
        return events

    # What is asked of it

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

    def available_qty(self, symbol: str) -> int:
        """Contracts held and not promised to an open sell."""
        held = self.positions[symbol].qty if symbol in self.positions else 0
        return held - sum(
            o.open_qty for o in self._open.values() if o.symbol == symbol and o.side is Side.SELL
        )

    def infer_intent(self, request: OrderRequest) -> Intent | Refusal:
        """Tell what an order does to the available position, or why it may not."""
        inferred = Intent.BUY_TO_OPEN
        if request.side is Side.SELL:
            available = self.available_qty(request.symbol) > 0
            inferred = Intent.SELL_TO_CLOSE if available else Intent.SELL_TO_OPEN
        if request.intent not in (None, inferred):
            return unprocessable(
                f"position intent mismatch, inferred: {inferred}, specified: {request.intent}"
            )
        return inferred if inferred is not Intent.SELL_TO_OPEN else _uncovered(request)

    # How it is done

    def _check_affordable(self, request: OrderRequest, reserve: Decimal) -> Refusal | None:
        if request.side is Side.SELL:
            return self._check_quantity(request)
        required = reserve * CONTRACT_MULTIPLIER * request.qty
        return self._check_buying_power(required, self.options_buying_power_usd)

    def _check_buying_power(self, required: Decimal, available: Decimal) -> Refusal | None:
        if required <= available:
            return None
        need, have = money_text(required), money_text(available)
        return forbidden(
            f"insufficient options buying power (required: {need}, available: {have})",
            cost_basis=need,
            options_buying_power=have,
        )

    def _check_quantity(self, request: OrderRequest) -> Refusal | None:
        available = self.available_qty(request.symbol)
        if request.qty <= available:
            return None
        held = self.positions[request.symbol].qty
        return forbidden(
            f"insufficient qty available for order (requested: {request.qty}, available: {available})",
            available=str(available),
            existing_qty=str(held),
            held_for_orders=str(held - available),
            symbol=request.symbol,
        )

    def _new_order(
        self, request: OrderRequest, intent: Intent, reserve: Decimal, *, now: datetime, timing: Timing
    ) -> Order:
        sequence = len(self.orders) + 1
        order_id = uuid_of(request.client_order_id or self.account_id, f"order:{sequence}")
        return Order(
            id=order_id,
            client_order_id=request.client_order_id or uuid_of(order_id, "client_order_id"),
            sequence=sequence,
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force,
            intent=intent,
            qty=request.qty,
            limit_price=request.limit_price,
            reserve_price=reserve,
            status=Status.ACCEPTED if timing.queued else Status.PENDING_NEW,
            created_at=now,
            updated_at=now,
            submitted_at=now,
            live_at=timing.live_at,
            expires_at=timing.expires_at,
        )

    def _check_replaceable(self, order: Order, changes: Changes) -> Refusal | None:
        if order.status is Status.REPLACED:
            return unprocessable("order already replaced")
        if order.status not in WORKING_STATUSES:
            return unprocessable(f"cannot replace order in {order.status} status")
        if changes.client_order_id is not None and changes.client_order_id in self._by_client_id:
            return invalid("client_order_id must be unique")
        if changes.qty is not None and changes.qty <= order.filled_qty:
            return unprocessable("qty must be > filled_qty")
        qty, limit = _changed(order, changes)
        if (qty, limit) == (order.qty, order.limit_price):
            return unprocessable("order parameters are not changed")
        return self._check_change(order, qty, limit)

    def _check_change(self, order: Order, qty: int, limit: Decimal | None) -> Refusal | None:
        if order.side is Side.SELL:
            more = qty - order.qty
            fits = more <= self.available_qty(order.symbol)
            return None if fits else forbidden(f"insufficient qty available for order (requested: {qty})")
        price = order.reserve_price if limit is None else limit
        required = price * CONTRACT_MULTIPLIER * (qty - order.filled_qty)
        return self._check_buying_power(required, self.options_buying_power_usd + order.held_usd)

    def _replacement(self, order: Order, changes: Changes, *, now: datetime, live_at: datetime) -> Order:
        qty, limit = _changed(order, changes)
        sequence = len(self.orders) + 1
        order_id = uuid_of(order.id, f"replacement:{sequence}")
        reserve = order.reserve_price if order.side is Side.SELL or limit is None else limit
        return replace(
            order,
            id=order_id,
            client_order_id=changes.client_order_id or uuid_of(order_id, "client_order_id"),
            sequence=sequence,
            qty=qty,
            limit_price=limit,
            reserve_price=reserve,
            status=Status.PENDING_NEW,
            created_at=now,
            updated_at=now,
            submitted_at=now,
            live_at=live_at,
            replaces=order.id,
        )

    def _advance_order(
        self, order_id: str, now: datetime, *, is_open: bool, quote_of: Callable[[str], Nbbo]
    ) -> list[OrderEvent]:
        order, events = self._open[order_id], []
        if order.status not in WORKING_STATUSES:
            order = self._keep(replace(order, status=Status.NEW, updated_at=now))
            events.append(self._event(EventKind.NEW, order, now))
        if now >= order.expires_at:
            ended = replace(order, status=Status.EXPIRED, expired_at=now, updated_at=now)
            events.append(self._event(EventKind.EXPIRED, self._keep(ended), now))
        elif is_open:
            events += self._try_to_fill(order, now, quote_of(order.symbol))
        return events

    def _try_to_fill(self, order: Order, now: datetime, quote: Nbbo) -> list[OrderEvent]:
        price = fill_price(self.fills.model, order, quote)
        if price is None:
            return []
        qty = self.fills.quantity(order)
        if order.side is Side.BUY and not self._can_pay(order, price, qty):
            return [self._reject(order, now)]
        return [self._fill(order, now, price, qty)]

    def _can_pay(self, order: Order, price: Decimal, qty: int) -> bool:
        """Only a market order can fail here: the ask may have risen beyond what was held for it."""
        beyond_held = (price - order.reserve_price) * CONTRACT_MULTIPLIER * qty
        return beyond_held <= self.options_buying_power_usd

    def _reject(self, order: Order, now: datetime) -> OrderEvent:
        ended = replace(order, status=Status.REJECTED, failed_at=now, updated_at=now)
        return self._event(
            EventKind.REJECTED, self._keep(ended), now, reason="insufficient options buying power"
        )

    def _fill(self, order: Order, now: datetime, price: Decimal, qty: int) -> OrderEvent:
        self._settle(order, price, qty)
        filled_qty = order.filled_qty + qty
        done = filled_qty == order.qty
        traded = replace(
            order,
            status=Status.FILLED if done else Status.PARTIALLY_FILLED,
            filled_qty=filled_qty,
            filled_cost=order.filled_cost + price * qty,
            filled_at=now,
            updated_at=now,
        )
        position = self.positions.get(order.symbol)
        return self._event(
            EventKind.FILL if done else EventKind.PARTIAL_FILL,
            self._keep(traded),
            now,
            price=price,
            qty=qty,
            position_qty=position.qty if position else 0,
        )

    def _settle(self, order: Order, price: Decimal, qty: int) -> None:
        held = self.positions.pop(order.symbol, None)
        amount = price * CONTRACT_MULTIPLIER * qty
        if order.side is Side.BUY:
            after: Position | None = bought(held, order.symbol, qty, price)
            self.cash_usd -= amount
        else:
            assert held is not None, "a sell was accepted against a position that is gone"
            after = sold(held, qty)
            self.cash_usd += amount
        if after is not None:
            self.positions[order.symbol] = after

    def _keep(self, order: Order) -> Order:
        self.orders[order.id] = order
        self._by_client_id[order.client_order_id] = order.id
        if order.is_open:
            self._open[order.id] = order
        else:
            self._open.pop(order.id, None)
        return order

    def _event(
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
        self._executions += 1
        return OrderEvent(
            kind=kind,
            order=order,
            at=now,
            execution_id=uuid_of(order.id, f"execution:{self._executions}"),
            price=price,
            qty=qty,
            position_qty=position_qty,
            reason=reason,
        )


def _reserve_price(request: OrderRequest, quote: Nbbo) -> Decimal:
    """A buy holds its limit, a market buy the ask; a sell holds nothing."""
    if request.side is Side.SELL:
        return Decimal(0)
    return request.limit_price or quote.ask or Decimal(0)


def _changed(order: Order, changes: Changes) -> tuple[int, Decimal | None]:
    qty = order.qty if changes.qty is None else changes.qty
    return qty, order.limit_price if changes.limit_price is None else changes.limit_price


def _uncovered(request: OrderRequest) -> Refusal:
    """Selling to open needs cover: shares for a call; cash-secured puts are not traded here."""
    if OptionSymbol.parse(request.symbol).right is Right.PUT:
        return forbidden("account not eligible to trade uncovered option contracts")
    required = str(request.qty * CONTRACT_MULTIPLIER)
    return forbidden(
        f"insufficient underlying qty available for covered call (required: {required}, available: 0)",
        available_qty="0",
        required_qty=required,
        symbol=request.option.root,
    )
