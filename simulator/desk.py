"""The trading desk: joins clock, market and account, and tells journal and stream what happens.

Every change of the account goes through here, on one event loop, so requests and ticks never interleave.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from kernel.domain.calendar import market_day
from kernel.domain.money import CONTRACT_MULTIPLIER
from simulator.clock import SimClock
from simulator.faults import FaultKind, Faults
from simulator.hub import UpdateHub
from simulator.journal import AccountJournal
from simulator.market_view import MarketView
from simulator.passage import pass_time
from simulator.told_refusals import Request, reasons_for, refusal_for
from simulator.venue.account import Account
from simulator.venue.configuration import Configuration
from simulator.venue.instruments import Instrument, instrument_of
from simulator.venue.intake import read_order
from simulator.venue.lifecycle import Changes, Timing
from simulator.venue.limits import NO_LIMITS, Limits
from simulator.venue.money_text import money_text
from simulator.venue.orders import (
    WORKING_STATUSES,
    Intent,
    Order,
    OrderEvent,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
)
from simulator.venue.quotes import QuoteOf
from simulator.venue.refusals import Refusal, not_found, unprocessable
from simulator.venue.replacement import request_after
from simulator.venue.rules import Hours, check_expiry, check_tradable, expiry_of
from simulator.wire_orders import trade_update

_REFUSE = frozenset({FaultKind.REFUSE})
_ORDERS = "/v2/orders"
_NO_FIGURES: Mapping[str, str] = {}


def _nobody_keeps() -> None:
    """Keep nothing: the account lives in memory."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """The venue's parts, joined. `at` is always the instant the answer is made for.

    A reset puts another account, and its journal, in their place. `before_telling` keeps the account on disk.
    """

    clock: SimClock
    view: MarketView
    account: Account
    journal: AccountJournal
    faults: Faults
    hub: UpdateHub
    before_telling: Callable[[], None] = _nobody_keeps
    limits: Limits = NO_LIMITS

    def submit(self, body: Mapping[str, Any], at: datetime) -> Order | Refusal:
        """Take an order in, or refuse it; both are journalled."""
        request = read_order(body)
        outcome = request if isinstance(request, Refusal) else self._submit(request, at)
        return self._answer(outcome, body, at)

    def close_position(self, symbol: str, qty: int | None, at: datetime) -> Order | Refusal:
        """Send a market order that closes `qty` of a position, or all of it."""
        held = self.account.held_qty(symbol)
        if not held:
            return not_found("position does not exist")
        side = Side.SELL if held > 0 else Side.BUY
        request = OrderRequest(
            instrument=instrument_of(symbol),
            side=side,
            type=OrderType.MARKET,
            time_in_force=TimeInForce.DAY,
            qty=qty or abs(held),
        )
        refusal = self.account.check_close(symbol, request.qty)
        told = {"symbol": symbol, "side": side, "qty": str(request.qty)}
        return self._answer(refusal or self._submit(request, at), told, at)

    def cancel(self, order_id: str, at: datetime, *, at_once: bool = False) -> Refusal | None:
        """End an order when the cancel has reached the market, or `at_once`."""
        order = self.account.order(order_id)
        refusal = self._told_refusal(Request.CANCEL, order.parts) if order else None
        if refusal is not None:
            return refusal
        way = timedelta(0) if at_once else self._latency(f"{order_id}:cancel")
        outcome = self.account.cancel(order_id, at, at + way)
        if isinstance(outcome, Refusal):
            return outcome
        for event in outcome:
            self._announce(event)
        return None

    def cancel_all(self, at: datetime, *, at_once: bool = False) -> list[tuple[str, Refusal | None]]:
        """End every open order; return each id with the reason why it could not be, if any."""
        order_ids = list(self.account.open_orders)
        return [(order_id, self.cancel(order_id, at, at_once=at_once)) for order_id in order_ids]

    def replace(self, order_id: str, changes: Changes, at: datetime) -> Order | Refusal:
        """End an order in favour of a changed one."""
        order = self.account.order(order_id)
        if order is None:
            return not_found(f"order not found for {order_id}")
        hours = [self.view.hours(part.instrument, at) for part in order.parts if part.instrument]
        refusal = self._told_refusal(Request.REPLACE, order.parts) or self._check_changed(
            order, changes, hours, at
        )
        if refusal is not None:
            return refusal
        expires_at = (
            expiry_of(changes.time_in_force, hours=hours, now=at)
            if changes.time_in_force
            else order.expires_at
        )
        timing = Timing(live_at=at + self._latency(f"{order_id}:replace"), expires_at=expires_at)
        outcome = self.account.replace(order_id, changes, now=at, timing=timing, quote_of=self._quotes(at))
        if isinstance(outcome, Refusal):
            return outcome
        for event in outcome:
            self._announce(event)
        return outcome[1].order

    def exercise(self, symbol: str, at: datetime) -> Refusal | None:
        """Exercise a long option at once."""
        instrument = instrument_of(symbol)
        spot = self.view.spot(instrument.underlying, at)
        if spot is None:
            return unprocessable(f'underlying asset "{instrument.underlying}" not found')
        refusal = self._told_refusal(Request.EXERCISE, (instrument,), self._exercise_figures(instrument))
        if refusal is not None:
            return refusal
        after_close = self.view.is_after_close(at)
        return self.account.exercise(symbol, spot=spot, after_close=after_close, now=at)

    def configure(self, configuration: Configuration, at: datetime) -> None:
        """Let the owner's settings hold."""
        self.account.configure(configuration)
        self.journal.write("configured", at, asdict(configuration))

    def do_not_exercise(self, symbol: str) -> Refusal | None:
        """Let a long option expire unexercised."""
        return self.account.do_not_exercise(symbol)

    def tick(self) -> None:
        """Let time pass up to the clock's present."""
        for event in pass_time(self.account, self.view, self.clock.now()):
            self._announce(event)

    def _told_refusal(
        self, request: Request, parts: Sequence[Order | Instrument], figures: Mapping[str, str] = _NO_FIGURES
    ) -> Refusal | None:
        """Return the refusal that a fault asks for, if one does."""
        instruments = [part.instrument if isinstance(part, Order) else part for part in parts]
        named = [instrument for instrument in instruments if instrument is not None]
        symbols = [text for each in named for text in (each.symbol, each.underlying)]
        reasons = reasons_for(request, has_legs=len(named) > 1)
        strike = self.faults.take(_REFUSE, _ORDERS, symbols=symbols, reasons=reasons)
        if strike is None or strike.fault.reason is None:
            return None
        return refusal_for(strike.fault.reason, named[0].symbol, **figures)

    def _exercise_figures(self, instrument: Instrument) -> dict[str, str]:
        """Return what an exercise would cost and what is there for it, in text."""
        strike = instrument.option.strike if instrument.option else Decimal(0)
        required = strike * CONTRACT_MULTIPLIER * abs(self.account.held_qty(instrument.symbol))
        available = self.account.options_buying_power_usd
        return {"required": money_text(required), "available": money_text(available)}

    def _submit(self, request: OrderRequest, at: datetime) -> OrderEvent | Refusal:
        told = self._told_refusal(Request.SUBMIT, request.instruments)
        if told is not None:
            return told
        hours = [self.view.hours(instrument, at) for instrument in request.instruments]
        refusal = self._check_tradable(request, hours, at) or self._check_opening(request, hours, at)
        if refusal is not None:
            return refusal
        timing = self._timing(request, hours, at)
        return self.account.submit(request, now=at, timing=timing, quote_of=self._quotes(at))

    def _check_tradable(self, request: OrderRequest, hours: list[Hours], at: datetime) -> Refusal | None:
        for instrument, its_hours in zip(request.instruments, hours, strict=True):
            listed = self.view.is_listed(instrument, at)
            if request.legs and not listed and (its_hours.last_close is None or at < its_hours.last_close):
                return unprocessable(f"asset not found for {instrument.symbol}")
            if instrument.option and instrument.underlying not in self.view.market.underlyings():
                return unprocessable(f'underlying asset "{instrument.underlying}" not found')
            refusal = check_tradable(instrument, request.type, listed=listed, hours=its_hours, now=at)
            if refusal is not None:
                return refusal
        return None

    def _check_opening(self, request: OrderRequest, hours: list[Hours], at: datetime) -> Refusal | None:
        intents = self.account.intents_of(request)
        if isinstance(intents, Refusal):
            return intents
        return _check_expiries(request, intents, hours, at) or self.limits.check(
            self.account, request, intents, today=market_day(at), quote_of=self._quotes(at)
        )

    def _check_changed(
        self, order: Order, changes: Changes, hours: list[Hours], at: datetime
    ) -> Refusal | None:
        """Refuse a replacement that could not be sent as an order now; the account judges what does not work."""
        if order.parent_id is not None or order.status not in WORKING_STATUSES:
            return None
        request = request_after(order, changes)
        intents = [part.intent for part in order.parts if part.intent]
        return self._check_tradable(request, hours, at) or _check_expiries(request, intents, hours, at)

    def _timing(self, request: OrderRequest, hours: list[Hours], at: datetime) -> Timing:
        symbols = ",".join(instrument.symbol for instrument in request.instruments)
        key = request.client_order_id or f"{symbols}:{len(self.account.orders)}"
        is_open = all(each.is_open for each in hours)
        live_at = at + self._latency(key) if is_open else max(each.opens_at for each in hours)
        expires_at = expiry_of(request.time_in_force, hours=hours, now=at)
        return Timing(live_at=live_at, expires_at=expires_at, queued=not is_open)

    def _quotes(self, at: datetime) -> QuoteOf:
        return lambda symbol: self.view.nbbo(symbol, at)

    def _latency(self, key: str) -> timedelta:
        """Market time that passes on an order's way: the real latency at the clock's speed, none while it stands."""
        return self.account.fills.latency(key) * self.clock.speed

    def _answer(
        self, outcome: OrderEvent | Refusal, asked: Mapping[str, Any], at: datetime
    ) -> Order | Refusal:
        if isinstance(outcome, Refusal):
            self._journal_refusal(outcome, asked, at)
            return outcome
        self._announce(outcome)
        return outcome.order

    def _announce(self, event: OrderEvent) -> None:
        self.before_telling()
        self.journal.write_event(event, self.account.fills.model)
        self.hub.publish(trade_update(event))

    def _journal_refusal(self, refusal: Refusal, body: Mapping[str, Any], at: datetime) -> None:
        named = {key: body.get(key) for key in ("client_order_id", "symbol", "side", "qty")}
        told = {"status": refusal.http_status, "code": refusal.code, "message": refusal.message}
        self.journal.write("order_rejected", at, {**named, "price": body.get("limit_price"), **told})


def _check_expiries(
    request: OrderRequest, intents: Sequence[Intent], hours: Sequence[Hours], at: datetime
) -> Refusal | None:
    for instrument, its_hours, intent in zip(request.instruments, hours, intents, strict=True):
        refusal = check_expiry(instrument.symbol, intent, hours=its_hours, now=at)
        if refusal is not None:
            return refusal
    return None
