"""One account as a state machine: cash, positions, and orders from request to end.

Entry points: `submit`, `cancel`, `replace`, `advance`; `settle`, `exercise`, `do_not_exercise`. Each takes `now` and
the quotes it may use, and returns what happened or why not. There is no clock, IO or randomness in here.

1. A client order id is accepted at most once, for ever, whatever became of the first order.
2. Cash and every position are the sum of the activities: starting cash + Σ net_usd, Σ signed_qty.
3. Options buying power = cash − margin of short options − what open orders hold. Nothing is accepted or traded that
   would leave it below 0, so only a settlement across expirations can; it is then told as 0.
4. Stock is never short, and every short option is covered by a long one, by shares, or by cash.
5. An order that ended never changes again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from simulator.venue import expiry, lifecycle, transit
from simulator.venue.activities import Activity
from simulator.venue.configuration import Configuration
from simulator.venue.daybook import Daybook, PriceOf, equity_usd
from simulator.venue.exercise import check_exercise, check_waiver
from simulator.venue.fills import Execution, FillRules, is_triggered
from simulator.venue.funds import check_power, check_priced, required_usd
from simulator.venue.instruments import Instrument, instrument_of
from simulator.venue.ledger import Ledger
from simulator.venue.lifecycle import Changes, Timing
from simulator.venue.orders import (
    PENDING_END_STATUSES,
    WORKING_STATUSES,
    EventKind,
    Intent,
    Order,
    OrderEvent,
    OrderRequest,
    Status,
)
from simulator.venue.permissions import TradingRights, check, check_closable, parts_of
from simulator.venue.positions import Position
from simulator.venue.quotes import QuoteOf
from simulator.venue.refusals import Refusal, invalid, not_found, unprocessable
from simulator.venue.replacement import check_replaceable, request_after
from simulator.venue.settlement import Fate, Outcome
from simulator.venue.standing import Standing


class Account:
    """The account's state; every figure in USD."""

    def __init__(self, *, account_id: str, cash_usd: Decimal, fills: FillRules) -> None:
        """Open an account with `cash_usd`, trading by `fills`."""
        self.account_id = account_id
        self.starting_cash_usd = cash_usd
        self.fills = fills
        self.configuration = Configuration()
        self.rights = TradingRights()
        self.days = Daybook()
        #: Contracts whose exercise the owner waived.
        self.waived: set[str] = set()
        #: The books; only whoever keeps and restores the account reads them from outside.
        self.ledger = Ledger(account_id, cash_usd)

    @property
    def cash_usd(self) -> Decimal:
        """Cash, what is held for orders included."""
        return self.ledger.portfolio.cash_usd

    @property
    def realised_usd(self) -> Decimal:
        """Gain of everything that was closed."""
        return self.ledger.portfolio.realised_usd

    @property
    def positions(self) -> Mapping[str, Position]:
        """What is held, by symbol."""
        return self.ledger.portfolio.positions

    @property
    def activities(self) -> Sequence[Activity]:
        """Everything that moved cash or positions, oldest first, whether the API shows it yet or not."""
        return self.ledger.portfolio.activities

    @property
    def orders(self) -> Mapping[str, Order]:
        """Every order, oldest first; legs are found in their parents."""
        return self.ledger.book.orders

    @property
    def open_orders(self) -> Mapping[str, Order]:
        """The orders that can still trade, oldest first."""
        return self.ledger.book.open

    @property
    def margin_usd(self) -> Decimal:
        """What the short options need of the cash."""
        return self.ledger.portfolio.margin_usd

    @property
    def held_usd(self) -> Decimal:
        """What open orders hold of the cash."""
        return self.ledger.book.held_usd

    @property
    def options_buying_power_usd(self) -> Decimal:
        """Cash that neither open orders nor short options need."""
        return max(self.ledger.standing().power_usd, Decimal(0))

    def configure(self, configuration: Configuration) -> None:
        """Let the owner's settings hold from now on; what is open stays."""
        self.configuration = configuration
        self.rights = replace(
            self.rights,
            max_level=configuration.max_options_trading_level,
            is_suspended=configuration.suspend_trade,
        )

    def order(self, order_id: str) -> Order | None:
        """Return an order or a leg."""
        return self.ledger.book.find(order_id)

    def by_client_id(self, client_order_id: str) -> Order | None:
        """Return the order or leg sent under this id."""
        return self.ledger.book.by_client_id(client_order_id)

    def held_qty(self, symbol: str) -> int:
        """Return the signed quantity held."""
        return self.ledger.portfolio.qty(symbol)

    def available_qty(self, symbol: str) -> int:
        """Return the signed quantity held and not promised to an open order, nor to a short call."""
        return self.ledger.standing().available_qty(symbol)

    def check_close(self, symbol: str, qty: int) -> Refusal | None:
        """Return why `qty` of a position cannot be closed now, or None."""
        return check_closable(instrument_of(symbol), qty, self.ledger.standing())

    def intents_of(self, request: OrderRequest) -> tuple[Intent, ...] | Refusal:
        """Tell what each part of a request would do to the position, or why it may not."""
        parts = parts_of(request, self.ledger.standing())
        return parts if isinstance(parts, Refusal) else tuple(part.intent for part in parts)

    def submit(
        self, request: OrderRequest, *, now: datetime, timing: Timing, quote_of: QuoteOf
    ) -> OrderEvent | Refusal:
        """Take an order in, holding its buying power, or refuse it."""
        if self.ledger.book.knows(request.client_order_id):
            return invalid("client_order_id must be unique")
        judged = self._judge(request, self.ledger.standing(), quote_of)
        if isinstance(judged, Refusal):
            return judged
        intents, required = judged
        order = lifecycle.opened(
            request,
            parent=self.account_id,
            sequence=self.ledger.next_sequence,
            intents=intents,
            reserve_usd=required,
            now=now,
            timing=timing,
        )
        kind = EventKind.ACCEPTED if timing.queued else EventKind.PENDING_NEW
        return self.ledger.tell(kind, order, now)

    def cancel(
        self, order_id: str, now: datetime, effective_at: datetime | None = None
    ) -> list[OrderEvent] | Refusal:
        """End an open order when the cancel reaches the market (`effective_at`, None at once); it may trade before."""
        order = self.order(order_id)
        if order is None:
            return not_found(f"order not found for {order_id}")
        if order.parent_id is not None:
            return unprocessable(f"leg order is already in {order.status} state")
        if not order.is_open:
            return unprocessable(f'order is already in "{order.status}" state')
        return transit.cancel(self.ledger, order, now, effective_at or now)

    def replace(
        self, order_id: str, changes: Changes, *, now: datetime, timing: Timing, quote_of: QuoteOf
    ) -> tuple[OrderEvent, OrderEvent] | Refusal:
        """Send a replacement of a working order on its way; return what becomes of the old and the start of the new."""
        order = self.order(order_id)
        if order is None:
            return not_found(f"order not found for {order_id}")
        if self.ledger.book.knows(changes.client_order_id):
            return invalid("client_order_id must be unique")
        refusal = check_replaceable(order, changes)
        if refusal is not None:
            return refusal
        request = request_after(order, changes)
        judged = self._judge(request, self.ledger.standing(without=order.id), quote_of)
        if isinstance(judged, Refusal):
            return judged
        new = lifecycle.replacement(
            order,
            changes,
            reserve_usd=judged[1],
            sequence=self.ledger.next_sequence,
            now=now,
            timing=timing,
        )
        return transit.begin_replacement(self.ledger, order, new, now)

    def advance(self, now: datetime, *, quote_of: QuoteOf) -> list[OrderEvent]:
        """Let time pass: what was sent arrives, orders expire, stops are elected, and marketable orders trade."""
        events: list[OrderEvent] = []
        for order in list(self.open_orders.values()):
            events += self._pass(order, now, quote_of)
        return events

    def settle(
        self, ending: Mapping[Instrument, int], *, spot: Decimal, now: datetime, quote_of: QuoteOf
    ) -> list[OrderEvent]:
        """End held contracts of one underlying (signed quantities) whose last close it is, at its price `spot`.

        Assigning a short one early is the same with that contract alone. Returns the trades it took, if any.
        """
        waived = frozenset(self.waived)
        self.waived -= {instrument.symbol for instrument in ending}
        return expiry.settle(self.ledger, ending, spot=spot, waived=waived, now=now, quote_of=quote_of)

    def exercise(self, symbol: str, *, spot: Decimal, after_close: bool, now: datetime) -> Refusal | None:
        """Exercise all that is available of a long option at once, or refuse."""
        instrument = instrument_of(symbol)
        qty = check_exercise(instrument, self.ledger.standing(), spot=spot, after_close=after_close)
        if isinstance(qty, Refusal):
            return qty
        fate = Fate.PAYS_CASH if instrument.is_cash_settled else Fate.DELIVERS
        outcome = Outcome(instrument=instrument, qty=qty, fate=fate)
        expiry.record_outcome(self.ledger, outcome, spot, now)
        return None

    def do_not_exercise(self, symbol: str) -> Refusal | None:
        """Let a long option expire at its end whatever it is worth, or refuse."""
        refusal = check_waiver(instrument_of(symbol), self.ledger.standing())
        if refusal is None:
            self.waived.add(symbol)
        return refusal

    def equity_usd(self, price_of: PriceOf) -> Decimal:
        """Return cash plus what is held long less what is owed short."""
        return equity_usd(self.ledger.portfolio, price_of)

    def mark(self, at: datetime, price_of: PriceOf) -> None:
        """Keep what the account is worth at `at`."""
        self.days.mark(self.ledger.portfolio, at, price_of)

    def close_day(self, at: datetime, price_of: PriceOf) -> None:
        """Keep what the account and each position are worth at a close."""
        self.days.close(self.ledger.portfolio, at, price_of)

    def start_day(self) -> None:
        """Count the day's gains from the last close."""
        self.days.start(self.ledger.portfolio)

    def last_equity_usd(self, day: date) -> Decimal:
        """Return the equity at the last close before `day`; what the account was opened with before the first."""
        return self.days.last_equity_usd(day) or self.starting_cash_usd

    def _judge(
        self, request: OrderRequest, standing: Standing, quote_of: QuoteOf
    ) -> tuple[list[Intent], Decimal] | Refusal:
        """Return the intents of a request's parts and the buying power it holds, or why it is refused."""
        parts = parts_of(request, standing)
        if isinstance(parts, Refusal):
            return parts
        refusal = check(request, parts, standing, self.rights) or check_priced(request, parts, quote_of)
        if refusal is not None:
            return refusal
        required = required_usd(request, parts, standing, quote_of)
        refusal = check_power(required, parts, standing)
        return refusal or ([part.intent for part in parts], required)

    def _pass(self, order: Order, now: datetime, quote_of: QuoteOf) -> list[OrderEvent]:
        if now >= order.expires_at:
            events = [self.ledger.tell(EventKind.EXPIRED, lifecycle.expired(order, now), now)]
        else:
            events = transit.arrive(self.ledger, order, now)
            present = self.orders[order.id]
            if present.status is Status.REPLACED:
                return events + self._pass(self.orders[present.replaced_by or ""], now, quote_of)
            if present.is_open and now >= present.live_at:
                events += self._work(present, now, quote_of)
        return events + transit.aftermath(self.ledger, order, now)

    def _work(self, order: Order, now: datetime, quote_of: QuoteOf) -> list[OrderEvent]:
        events: list[OrderEvent] = []
        if order.status not in WORKING_STATUSES | PENDING_END_STATUSES:
            order = lifecycle.routed(order, now)
            events.append(self.ledger.tell(EventKind.NEW, order, now))
        if order.stop_price is not None and order.triggered_at is None:
            if not is_triggered(order, quote_of(order.symbol)):
                return events
            order = lifecycle.triggered(order, now)
            self.ledger.book.keep(order)
        execution = self.fills.execution(order, quote_of, now)
        if execution is not None:
            events.append(self._trade(order, execution, now))
        return events

    def _trade(self, order: Order, execution: Execution, now: datetime) -> OrderEvent:
        """Trade, unless prices ran beyond what was held for the order and the account cannot pay the rest."""
        power = self.ledger.power_after(order, execution)
        if power < 0 and power < self.ledger.standing().power_usd:
            reason = "insufficient options buying power"
            return self.ledger.tell(EventKind.REJECTED, lifecycle.rejected(order, now), now, reason=reason)
        return self.ledger.trade(order, execution, now)
