"""The trading desk: joins clock, market and account, and tells journal and stream what happens.

Every change of the account goes through here, on one event loop, so requests and ticks never interleave.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulator.clock import SimClock
from simulator.faults import Faults
from simulator.hub import UpdateHub
from simulator.journal import Journal
from simulator.market_view import MarketView
from simulator.venue.account import Account
from simulator.venue.intake import read_order
from simulator.venue.lifecycle import Changes, Timing
from simulator.venue.orders import Order, OrderEvent, OrderRequest
from simulator.venue.refusals import Refusal
from simulator.venue.rules import Hours, check_expiry, check_tradable, expiry_of
from simulator.wire_orders import trade_update


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The venue's parts, joined. `at` is always the instant the answer is made for."""

    clock: SimClock
    view: MarketView
    account: Account
    journal: Journal
    faults: Faults
    hub: UpdateHub

    def submit(self, body: Mapping[str, Any], at: datetime) -> Order | Refusal:
        """Take an order in, or refuse it; both are journalled."""
        request = read_order(body)
        outcome = request if isinstance(request, Refusal) else self._submit(request, at)
        if isinstance(outcome, Refusal):
            self._journal_refusal(outcome, body, at)
            return outcome
        self._announce(outcome)
        return outcome.order

    def cancel(self, order_id: str, at: datetime) -> Order | Refusal:
        """End an order."""
        outcome = self.account.cancel(order_id, at)
        if isinstance(outcome, Refusal):
            return outcome
        self._announce(outcome)
        return outcome.order

    def replace(self, order_id: str, changes: Changes, at: datetime) -> Order | Refusal:
        """End an order in favour of a changed one."""
        live_at = at + self._latency(f"{order_id}:replace")
        outcome = self.account.replace(order_id, changes, now=at, live_at=live_at)
        if isinstance(outcome, Refusal):
            return outcome
        for event in outcome:
            self._announce(event)
        return outcome[1].order

    def tick(self) -> None:
        """Let time pass up to the clock's present."""
        if not self.account.open_orders:
            return
        at = self.clock.now()
        events = self.account.advance(
            at,
            is_open=self.view.market.calendar.is_open(at),
            quote_of=lambda symbol: self.view.nbbo(symbol, at),
        )
        for event in events:
            self._announce(event)

    def _submit(self, request: OrderRequest, at: datetime) -> OrderEvent | Refusal:
        hours = self.view.hours(request.option, at)
        listed = self.view.contract(request.symbol, at) is not None
        refusal = check_tradable(request, listed=listed, hours=hours, now=at)
        if refusal is None:
            refusal = self._check_opening(request, hours, at)
        if refusal is not None:
            return refusal
        quote = self.view.nbbo(request.symbol, at)
        return self.account.submit(request, now=at, timing=self._timing(request, hours, at), quote=quote)

    def _check_opening(self, request: OrderRequest, hours: Hours, at: datetime) -> Refusal | None:
        intent = self.account.intent_of(request)
        return (
            intent
            if isinstance(intent, Refusal)
            else check_expiry(request.symbol, intent, hours=hours, now=at)
        )

    def _timing(self, request: OrderRequest, hours: Hours, at: datetime) -> Timing:
        key = request.client_order_id or f"{request.symbol}:{len(self.account.orders)}"
        live_at = at + self._latency(key) if hours.is_open else hours.opens_at
        expires_at = expiry_of(request.time_in_force, hours=hours, now=at)
        return Timing(live_at=live_at, expires_at=expires_at, queued=not hours.is_open)

    def _latency(self, key: str) -> timedelta:
        """Market time that passes on an order's way: the real latency at the clock's speed, none while it stands."""
        return self.account.fills.latency(key) * self.clock.speed

    def _announce(self, event: OrderEvent) -> None:
        self.journal.write_event(event, self.account.fills.model)
        self.hub.publish(trade_update(event))

    def _journal_refusal(self, refusal: Refusal, body: Mapping[str, Any], at: datetime) -> None:
        named = {key: body.get(key) for key in ("client_order_id", "symbol", "side", "qty")}
        told = {"status": refusal.http_status, "code": refusal.code, "message": refusal.message}
        self.journal.write("order_rejected", at, {**named, "price": body.get("limit_price"), **told})
