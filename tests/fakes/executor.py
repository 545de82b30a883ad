"""The executor's ports in memory, with a venue that keeps Alpaca's promises and breaks the ones networks break."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from kernel.adapters.control import Lease
from kernel.contracts.messages import Evidence, Execution, OrderStatus, Rejection, RejectionCode, Ticket
from kernel.domain.clock import Clock
from kernel.domain.control import EVERYTHING, ControlState, Switch, tightened
from kernel.domain.errors import DatabaseUnavailable, UnprocessableError, VenueUnavailable
from kernel.domain.ids import derive_id
from kernel.testing.builders import NOW
from services.executor.core.answers import Accepted, Answer, NotAccepted, Stopped, Unanswered, read_refusal
from services.executor.core.facts import Quote
from services.executor.core.gates import Refusal
from services.executor.core.order_life import WORKING, Order
from services.executor.core.orders import OrderRequest, client_order_id_of, request_hash, request_of
from services.executor.core.risk_book import AsOf, RiskBook
from services.executor.core.steps import Reservation, Step
from services.executor.core.venue_reports import VenueReport
from services.executor.ports import Arrival, Decide, Held, Judge, Open
from tests.fakes.executor_facts import a_book


class Crash(Exception):
    """The process dies here: nothing after this line happens."""


class Outcome(StrEnum):
    """What happens to one POST."""

    ACCEPT = "accept"
    ACCEPT_AND_STAY_SILENT = "accept and stay silent"
    STAY_SILENT = "stay silent"
    RATE_LIMIT = "rate limit"
    REFUSE = "refuse"
    CALL_IT_MALFORMED = "call it malformed"
    CLAIM_DUPLICATE = "claim duplicate"
    STOP = "stop"
    CANNOT_REPLACE = "cannot replace"


_NOTHING_MADE: dict[Outcome, Answer] = {
    Outcome.STAY_SILENT: Unanswered("time-out"),
    Outcome.RATE_LIMIT: NotAccepted("the venue answered 429"),
    Outcome.REFUSE: read_refusal(403, 40310000, "insufficient options buying power"),
    Outcome.CANNOT_REPLACE: read_refusal(422, 42210000, "cannot replace order in pending_new status"),
    Outcome.CALL_IT_MALFORMED: read_refusal(422, 40010001, "qty must be > 0"),
}


@dataclass
class FakeBroker:
    """A venue that makes one order per client order id. `plan` holds the outcomes of the next POSTs; then it accepts.

    `finds_before_arrival` look-ups see a replacement on its way, while the order before works on;
    `finds_before_cancelled` a cancel on its way: of the replacement if one is, and then of both. `rejects_replacements`: once they are there; the order before works on.
    `hidden_finds[id]` look-ups do not see an order yet; `finds_to_fail` look-ups fail. `traded` counts what was filled in all.
    `trap(point)` may raise Crash.
    """

    clock: Clock
    plan: deque[Outcome] = field(default_factory=deque)
    orders: dict[str, VenueReport] = field(default_factory=dict)
    foreign: list[VenueReport] = field(default_factory=list)
    posts: list[OrderRequest] = field(default_factory=list)
    patches: list[tuple[str, OrderRequest]] = field(default_factory=list)
    accepted: Counter[str] = field(default_factory=Counter)
    finds: list[str] = field(default_factory=list)
    hidden_finds: Counter[str] = field(default_factory=Counter)
    finds_to_fail: int = 0
    cancelled: list[str] = field(default_factory=list)
    fills_before_cancel: int = 0
    fills_before_replace: int = 0
    finds_before_arrival: int = 0
    finds_before_cancelled: int = 0
    rejects_replacements: bool = False
    _cancelling: dict[str, int] = field(default_factory=dict)
    traded: int = 0
    _on_its_way: dict[str, tuple[str, int]] = field(default_factory=dict)
    trap: Callable[[str], None] = lambda _point: None

    async def submit(self, request: OrderRequest) -> Answer:
        self.trap("before the post")
        if self.plan and self.plan[0] is Outcome.STOP:
            self.plan.popleft()
            return Stopped(Refusal(code=RejectionCode.TRADING_HALTED, message="trading is halted"))
        self.posts.append(request)
        answer = self._answer(request, self.plan.popleft() if self.plan else Outcome.ACCEPT)
        self.trap("after the post")
        return answer

    async def replace(self, venue_order_id: str, request: OrderRequest) -> Answer:
        self.trap("before the patch")
        if self.plan and self.plan[0] is Outcome.STOP:
            self.plan.popleft()
            return Stopped(Refusal(code=RejectionCode.TRADING_HALTED, message="trading is halted"))
        self.patches.append((venue_order_id, request))
        outcome = self.plan.popleft() if self.plan else Outcome.ACCEPT
        (old,) = [o for o in self.orders.values() if o.venue_order_id == venue_order_id]
        if self.fills_before_replace:
            old = self.fill(old.client_order_id, self.fills_before_replace)
        answer = self._answer(request, outcome, replacing=old)
        self.trap("after the patch")
        return answer

    async def find(self, client_order_id: str) -> VenueReport | None:
        self.finds.append(client_order_id)
        self._travel()
        if self.finds_to_fail:
            self.finds_to_fail -= 1
            raise VenueUnavailable("the venue did not answer")
        if self.hidden_finds[client_order_id]:
            self.hidden_finds[client_order_id] -= 1
            return None
        return self.orders.get(client_order_id)

    async def open_orders(self) -> Sequence[VenueReport]:
        working = (OrderStatus.ACKNOWLEDGED, OrderStatus.PARTIALLY_FILLED)
        return [r for r in [*self.orders.values(), *self.foreign] if r.status in working]

    async def cancel(self, venue_order_id: str) -> bool:
        self.trap("before the cancellation")
        self.cancelled.append(venue_order_id)
        (order,) = [o for o in self.orders.values() if o.venue_order_id == venue_order_id]
        if self.fills_before_cancel:
            self.fill(order.client_order_id, self.fills_before_cancel)
        if self.orders[order.client_order_id].status not in WORKING:
            return False
        if self.finds_before_cancelled:
            coming = [new for new, (old, _) in self._on_its_way.items() if old == order.client_order_id]
            target = coming[0] if coming else order.client_order_id
            self._put(self.orders[target], word="pending_cancel")
            self._cancelling.setdefault(target, self.finds_before_cancelled)
            return True
        self.end(order.client_order_id, OrderStatus.CANCELED)
        for new_id, (old_id, _) in list(self._on_its_way.items()):
            if old_id == order.client_order_id:
                del self._on_its_way[new_id]
                self.end(new_id, OrderStatus.CANCELED)
        return True

    def fill(self, client_order_id: str, contracts: int, price: str = "2.50") -> VenueReport:
        """Fill an order up to `contracts` in all."""
        order = self.orders[client_order_id]
        self.traded += contracts - order.filled_contracts
        done = contracts == order.contracts
        return self._put(
            order,
            status=OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED,
            word="filled" if done else "partially_filled",
            filled_contracts=contracts,
            average_fill_price=Decimal(price),
        )

    def end(self, client_order_id: str, status: OrderStatus, word: str | None = None) -> VenueReport:
        """End an order, whatever is filled of it; nobody of ours has asked for it."""
        return self._put(self.orders[client_order_id], status=status, word=word or status.value.lower())

    def accept(self, request: OrderRequest) -> VenueReport:
        """Make the order."""
        self.accepted[request.client_order_id] += 1
        report = VenueReport(
            client_order_id=request.client_order_id,
            venue_order_id=derive_id(request.client_order_id, "venue"),
            occ_symbol=request.occ_symbol,
            side=request.side,
            contracts=request.contracts,
            limit_price=request.limit_price,
            status=OrderStatus.ACKNOWLEDGED,
            word="pending_new",
            filled_contracts=0,
            average_fill_price=None,
            updated_at=self.clock.now(),
        )
        self.orders[request.client_order_id] = report
        return report

    def replace_late(self, client_order_id: str, request: OrderRequest) -> None:
        """Make a replacement whose request nobody saw answered."""
        self._replace(self.orders[client_order_id], request)

    def _replace(self, old: VenueReport, request: OrderRequest) -> VenueReport:
        new = self.accept(request)
        new = self._put(new, replaces=old.venue_order_id)
        if self.finds_before_arrival:
            self._on_its_way[new.client_order_id] = (old.client_order_id, self.finds_before_arrival)
            self._put(old, word="pending_replace")
            return new
        return self._arrive(old, new)

    def _arrive(self, old: VenueReport, new: VenueReport) -> VenueReport:
        """Let a replacement take the place of its order in the market, unless that has ended."""
        filled = old.filled_contracts
        if old.status not in WORKING:
            return self.end(new.client_order_id, OrderStatus.REJECTED)
        if self.rejects_replacements:
            self._put(old, word="partially_filled" if filled else "new")
            return self.end(new.client_order_id, OrderStatus.REJECTED)
        self._put(old, status=OrderStatus.CANCELED, word="replaced")
        return self._put(
            new,
            word="partially_filled" if filled else "new",
            filled_contracts=filled,
            average_fill_price=old.average_fill_price,
            status=OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.ACKNOWLEDGED,
        )

    def _travel(self) -> None:
        for order_id, finds in list(self._cancelling.items()):
            self._cancelling[order_id] = finds - 1
            if finds <= 1:
                del self._cancelling[order_id]
                old_id, _ = self._on_its_way.pop(order_id, (order_id, 0))
                for ends in {old_id, order_id}:
                    if self.orders[ends].status in WORKING:
                        self.end(ends, OrderStatus.CANCELED)
        for new_id, (old_id, finds) in list(self._on_its_way.items()):
            self._on_its_way[new_id] = (old_id, finds - 1)
            if finds <= 1:
                del self._on_its_way[new_id]
                self._arrive(self.orders[old_id], self.orders[new_id])

    def _answer(
        self, request: OrderRequest, outcome: Outcome, replacing: VenueReport | None = None
    ) -> Answer:
        if outcome in _NOTHING_MADE:
            return _NOTHING_MADE[outcome]
        taken = request.client_order_id in self.orders
        if outcome is Outcome.CLAIM_DUPLICATE and not taken:
            self.accept(request) if replacing is None else self._replace(replacing, request)
        if taken or outcome is Outcome.CLAIM_DUPLICATE:
            return read_refusal(422, 40010001, "client_order_id must be unique")
        if replacing is not None and replacing.status not in WORKING:
            return read_refusal(422, 42210000, f"cannot replace order in {replacing.word} status")
        report = self.accept(request) if replacing is None else self._replace(replacing, request)
        return Accepted(report) if outcome is Outcome.ACCEPT else Unanswered("time-out")

    def _put(self, order: VenueReport, **changes: object) -> VenueReport:
        changed = replace(order, updated_at=self.clock.now(), **changes)  # type: ignore[arg-type]
        self.orders[order.client_order_id] = changed
        return changed


@dataclass
class FakeOrders:
    """Orders in a dict; `steps` is the ledger. `commits_to_lose` commits fail, `commits_to_doubt` happen and fail.

    Every decision is shown `book`; `redelivered` has the tickets that came again.
    """

    orders: dict[str, Order] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    commits_to_lose: int = 0
    commits_to_doubt: int = 0
    trap: Callable[[str], None] = lambda _point: None
    before_change: Callable[[], None] = lambda: None
    book: RiskBook = field(default_factory=a_book)
    asked: list[AsOf] = field(default_factory=list)
    redelivered: list[str] = field(default_factory=list)

    async def time(self) -> datetime:
        return NOW

    async def known(self, ticket: Ticket, *, redelivered: bool) -> Arrival | None:
        order = self.orders.get(client_order_id_of(ticket.meta.id))
        if order is None:
            return None
        if request_hash(request_of(order.ticket)) != request_hash(request_of(ticket)):
            raise UnprocessableError("another content")
        self.redelivered += [ticket.meta.id] if redelivered else []
        return Arrival(Held(order, written=False), traffic=len(self.redelivered))

    async def begin(self, ticket: Ticket, as_of: AsOf, decide: Open) -> Held:
        self.asked.append(as_of)
        known = await self.known(ticket, redelivered=False)
        return self._commit(decide(self.book)) if known is None else known.held

    async def judge(self, order: Order, as_of: AsOf, decide: Judge) -> Held | None:
        self.asked.append(as_of)
        return await self.change(order.client_order_id, lambda stored: decide(stored, self.book))

    async def change(self, client_order_id: str, decide: Decide) -> Held | None:
        before_change, self.before_change = self.before_change, lambda: None
        before_change()
        order = next((o for o in self.orders.values() if o.attempt_under(client_order_id)), None)
        if order is None:
            return None
        step = decide(order)
        return Held(order, written=False) if step is None else self._commit(step)

    async def unsettled(self) -> Sequence[Order]:
        return [order for order in self.orders.values() if not order.ended]

    @property
    def executions(self) -> list[Execution]:
        """The Execution messages, in the order they were written."""
        return [m for m in self.messages if isinstance(m, Execution)]

    @property
    def rejections(self) -> list[Rejection]:
        """The Rejection messages."""
        return [m for m in self.messages if isinstance(m, Rejection)]

    @property
    def evidence(self) -> list[Evidence]:
        """What the gates saw, decision by decision."""
        return [m for m in self.messages if isinstance(m, Evidence)]

    @property
    def messages(self) -> list[Evidence | Execution | Rejection]:
        """Everything in the outbox."""
        return [m for step in self.steps for m in step.messages]

    @property
    def reservation(self) -> Reservation | None:
        """What the steps left of the reservation."""
        kept = [s.reservation for s in self.steps if s.reservation is not Reservation.KEEP]
        return kept[-1] if kept else None

    def _commit(self, step: Step) -> Held:
        status = step.order.status
        self.trap(f"before {status} is committed")
        if self.commits_to_lose:
            self.commits_to_lose -= 1
            raise DatabaseUnavailable("connection lost before the commit")
        self.orders[step.order.client_order_id] = step.order
        self.steps.append(step)
        self.trap(f"after {status} is committed")
        if self.commits_to_doubt:
            self.commits_to_doubt -= 1
            raise DatabaseUnavailable("connection lost after the commit")
        return Held(step.order, written=True)


@dataclass
class FakeQuotes:
    """One quote for every contract, of `age_s` ago; `bid_ask` None: there is none."""

    clock: Clock
    bid_ask: tuple[str, str] | None = ("2.40", "2.60")
    age_s: float = 0.0

    async def nbbo(self, occ_symbol: str) -> Quote | None:
        del occ_symbol
        if self.bid_ask is None:
            return None
        bid, ask = map(Decimal, self.bid_ask)
        return Quote(bid=bid, ask=ask, quoted_at=self.clock.now() - timedelta(seconds=self.age_s))


class FakeSwitch:
    """The switch of an executor, in memory; `tripped` is what was asked of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.switch = Switch(
            scope=EVERYTHING,
            state=ControlState.ACTIVE,
            reason="never stopped",
            by="migration",
            since=clock.now(),
            version=1,
            counts_from=clock.now(),
        )
        self.holders = 0
        self.holds = 0
        self.leases_over = False
        self.trouble: Exception | None = None
        self.tripped: list[tuple[ControlState, str]] = []

    def set(self, state: ControlState, *, cancel_orders: bool = False) -> None:
        """What a person does."""
        self.switch = replace(
            self.switch, state=state, reason="a drill", by="ada", cancel_orders=cancel_orders
        )

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Lease]:
        if self.trouble is not None:
            raise self.trouble
        self.holders, self.holds = self.holders + 1, self.holds + 1
        try:
            yield Lease(self.switch, ends_at_s=0.0 if self.leases_over else 1.0, time_s=lambda: 0.5)
        finally:
            self.holders -= 1

    async def read(self) -> Switch:
        if self.trouble is not None:
            raise self.trouble
        return self.switch

    async def trip(self, state: ControlState, reason: str) -> Switch:
        self.tripped.append((state, reason))
        if self.trouble is not None:
            raise self.trouble
        self.switch = tightened(self.switch, state, reason=reason, by="executor", now=self._clock.now())
        return self.switch


class FakePause:
    """Waits in no time; keeps how long, and lets the clock of the test run on."""

    def __init__(self, advance: Callable[[timedelta], None] = lambda _delta: None) -> None:
        self.waited_s: list[float] = []
        self._advance = advance

    async def __call__(self, seconds: float) -> None:
        self.waited_s.append(seconds)
        self._advance(timedelta(seconds=seconds))


class FakeTradeUpdates:
    """A stream in the hands of the test: `connect()` and `hint(id)` once somebody listens."""

    def __init__(self) -> None:
        self.listening = asyncio.Event()
        self.hint: Callable[[str], None]
        self.connect: Callable[[], None]
        self.disconnect: Callable[[], None]

    async def listen(
        self,
        on_order: Callable[[str], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[], None],
    ) -> None:
        self.hint, self.connect, self.disconnect = on_order, on_connect, on_disconnect
        self.listening.set()
        await asyncio.Event().wait()
