"""The pass over fakes: whose a fill is, what is asked again, and that nothing is sent."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from kernel.domain.errors import VenueUnavailable
from kernel.testing.clock import FixedClock
from services.executor.core.reconciling.activities import Activity, Kind
from services.executor.core.reconciling.books import Baseline, Event, LedgerView, Outcome, OwnOrder
from services.executor.core.reconciling.found import ForeignOrder, Swept
from services.executor.ports import BookReading, PassRecord
from services.executor.reconciliation import Reconciler
from services.executor.statement_reading import StatementReader
from services.executor.stream_watch import StreamWatch
from tests.fakes.executor import FakeTradeUpdates
from tests.fakes.statement import CALL, NOW, READ_AT, a_fill, a_ledger


@dataclass
class FakeStatement:
    """A venue's statement in the hands of the test; `later` fills are seen by the second listing alone."""

    listed: list[Activity] = field(default_factory=list)
    later: list[Activity] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)
    cash: str = "1000"
    orders: dict[str, ForeignOrder] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    failures: int = 0
    breaks_at: str | None = None

    async def fills(self, after: datetime) -> Sequence[Activity]:
        self.asked.append(f"fills after {after:%H:%M:%S}")
        if self.failures:
            self.failures -= 1
            raise VenueUnavailable("the venue did not answer")
        second = sum(line.startswith("fills") for line in self.asked) % 2 == 0
        return [*self.listed, *(self.later if second else [])]

    async def movements(self, after: datetime) -> Sequence[Activity]:
        del after
        return []

    async def positions(self) -> Mapping[str, Decimal]:
        return {symbol: Decimal(quantity) for symbol, quantity in self.held.items()}

    async def cash_usd(self) -> Decimal:
        return Decimal(self.cash)

    async def order(self, venue_order_id: str) -> ForeignOrder | None:
        self.asked.append(venue_order_id)
        if venue_order_id == self.breaks_at:
            self.breaks_at = None
            raise VenueUnavailable("the venue did not answer")
        return self.orders.get(venue_order_id)


@dataclass
class FakeBooks:
    """Books that keep what passes wrote. `sent` are the ids of orders of ours, `shown` those with a venue's id.

    `filled` is what the ledger counts of each order, and `stepped_at` when it last changed (machine time).
    """

    ledger: LedgerView = field(default_factory=a_ledger)
    sent: set[str] = field(default_factory=set)
    shown: dict[str, str] = field(default_factory=dict)
    filled: dict[str, int] = field(default_factory=dict)
    stepped_at: dict[str, datetime] = field(default_factory=dict)
    pass_at: datetime = READ_AT
    strangers: set[str] = field(default_factory=set)
    kept: list[Outcome] = field(default_factory=list)
    adopted: list[ForeignOrder] = field(default_factory=list)
    begun: list[Baseline] = field(default_factory=list)
    beats: list[bool] = field(default_factory=list)
    is_current: bool = True

    async def lead(self, account_id: str) -> int:
        del account_id
        return 1

    async def beat(self, account_id: str, epoch: int, *, stream_ready: bool) -> None:
        del account_id, epoch
        self.beats.append(stream_ready)

    async def read(self, account_id: str) -> BookReading:
        del account_id
        return BookReading(self.ledger, version=1, fills_since=NOW, pass_at=self.pass_at)

    async def unknown(self, account_id: str, event_ids: Collection[str]) -> set[str]:
        del account_id
        return set(event_ids) - {event.id for outcome in self.kept for event in outcome.events}

    async def owners(self, venue_order_ids: Collection[str]) -> Mapping[str, str]:
        return {i: self.shown[i] for i in venue_order_ids if i in self.shown}

    async def owner_of(self, client_order_id: str) -> str | None:
        return client_order_id if client_order_id in self.sent else None

    async def foreign(self, account_id: str, venue_order_ids: Collection[str]) -> set[str]:
        del account_id
        return self.strangers & set(venue_order_ids)

    async def filled_since(self, account_id: str, since: datetime) -> Mapping[str, OwnOrder]:
        del account_id
        return {i: self._own(i) for i, at in self.stepped_at.items() if at >= since}

    async def own(self, account_id: str, client_order_ids: Collection[str]) -> Mapping[str, OwnOrder]:
        del account_id
        return {i: self._own(i) for i in client_order_ids}

    def _own(self, name: str) -> OwnOrder:
        fills = [e for o in self.kept for e in o.events if e.kind is Kind.FILL and e.client_order_id == name]
        return OwnOrder(
            client_order_id=name,
            ledger_contracts=Decimal(self.filled.get(name, 0)),
            taken_contracts=sum((abs(fill.quantity) for fill in fills), Decimal(0)),
        )

    async def quantities(self, account_id: str) -> Mapping[str, Decimal]:
        del account_id
        return {}

    async def adopt(self, account_id: str, order: ForeignOrder, found: Event) -> None:
        del account_id
        assert not found.quantity
        self.strangers.add(order.venue_order_id)

    async def begin(self, baseline: Baseline, held: Mapping[str, Decimal], record: PassRecord) -> bool:
        del held, record
        self.begun.append(baseline)
        return True

    async def keep(self, outcome: Outcome, foreign: Sequence[ForeignOrder], record: PassRecord) -> bool:
        del record
        if self.is_current:
            self.kept.append(outcome)
            self.adopted += foreign
        return self.is_current


class Desk:
    """A reconciler over fakes."""

    def __init__(self) -> None:
        self.statement, self.books, self.updates = FakeStatement(), FakeBooks(), FakeTradeUpdates()
        self.followed: list[str] = []
        self.on_follow: Callable[[str], None] = lambda _id: None
        self.stream = StreamWatch(self.updates)

    def reconciler(self, reconcile_s: float = 60) -> Reconciler:
        return Reconciler(
            reader=StatementReader(
                statement=self.statement,
                books=self.books,
                sweep=self.sweep,
                follow=self.follow,
                clock=FixedClock(NOW),
                account_id=lambda: "PA1",
            ),
            books=self.books,
            stream=self.stream,
            account_id=lambda: "PA1",
            reconcile_s=reconcile_s,
        )

    async def passes_later(
        self, seconds: int, positions: Mapping[str, int] | None = None, cash_usd: str = "1000"
    ) -> Outcome:
        """A pass so long after the first; the books then hold the given, and the pass's suspects."""
        now = READ_AT + timedelta(seconds=seconds)
        self.books.ledger = replace(self.books.ledger, read_at=now)
        outcome = await self.reconciler().compare(1)
        assert outcome is not None
        self.books.ledger = replace(a_ledger(positions, cash_usd, after=outcome), read_at=now)
        self.books.pass_at = now
        return outcome

    async def sweep(self) -> Swept:
        return Swept()

    async def follow(self, client_order_id: str) -> None:
        self.followed.append(client_order_id)
        self.on_follow(client_order_id)


def an_order(client_order_id: str) -> ForeignOrder:
    return ForeignOrder(
        venue_order_id="venue-order-1",
        client_order_id=client_order_id,
        symbol=CALL,
        side="buy",
        contracts=Decimal(2),
        word="filled",
    )


def unnamed(fill: Activity) -> Activity:
    return replace(fill, client_order_id=None, kind=Kind.FILL)


async def test_a_fill_whose_order_the_books_cannot_name_yet_is_ours_if_its_id_is() -> None:
    """The order was sent and filled, and its answer is still on its way into the ledger."""
    desk = Desk()
    desk.statement.listed = [unnamed(a_fill(2, ours="order-1"))]
    desk.statement.held, desk.statement.cash = {CALL: 2}, "500"
    desk.statement.orders = {"venue-order-1": an_order("order-1")}
    desk.books.sent, desk.books.filled = {"order-1"}, {"order-1": 2}

    outcome = await desk.reconciler().compare(1)

    assert outcome is not None
    assert outcome.is_clean
    assert [(e.kind, e.client_order_id) for e in outcome.events] == [(Kind.FILL, "order-1")]
    assert not desk.books.adopted


async def test_a_fill_of_an_order_that_was_never_sent_from_here_is_foreign() -> None:
    desk = Desk()
    desk.statement.listed = [unnamed(a_fill(2, ours="order-1"))]
    desk.statement.held, desk.statement.cash = {CALL: 2}, "500"
    desk.statement.orders = {"venue-order-1": an_order("somebody")}

    outcome = await desk.reconciler().compare(1)

    assert outcome is not None
    assert outcome.is_clean
    assert [e.kind for e in outcome.events] == [Kind.FOREIGN_FILL, Kind.FOREIGN_ORDER]
    assert [order.client_order_id for order in desk.books.adopted] == ["somebody"]


async def test_a_stranger_is_looked_up_once() -> None:
    desk = Desk()
    desk.books.strangers = {"venue-order-1"}
    desk.statement.listed = [unnamed(a_fill(2, ours="order-1"))]
    desk.statement.held, desk.statement.cash = {CALL: 2}, "500"
    await desk.reconciler().compare(1)
    assert "venue-order-1" not in desk.statement.asked


async def test_strangers_found_by_a_pass_that_was_cut_short_are_not_looked_up_again() -> None:
    desk = Desk()
    names = [f"venue-order-{n}" for n in range(5)]
    desk.statement.listed = [
        replace(unnamed(a_fill(1, name=name)), venue_order_id=name, kind=Kind.FILL) for name in names
    ]
    desk.statement.held, desk.statement.cash = {CALL: 5}, "-250"
    desk.statement.orders = {name: replace(an_order(name), venue_order_id=name) for name in names}
    desk.statement.breaks_at = "venue-order-3"
    with pytest.raises(VenueUnavailable):
        await desk.reconciler().compare(1)
    desk.statement.asked.clear()

    outcome = await desk.reconciler().compare(1)

    assert outcome is not None
    assert outcome.is_clean
    assert [line for line in desk.statement.asked if line in names] == names[3:]


async def test_an_order_the_ledger_is_behind_with_is_looked_up_before_it_is_judged() -> None:
    desk = Desk()
    desk.statement.listed = [unnamed(a_fill(2, ours="order-1"))]
    desk.statement.held, desk.statement.cash = {CALL: 2}, "500"
    desk.books.shown = {"venue-order-1": "order-1"}
    desk.on_follow = lambda name: desk.books.filled.update({name: 2})

    outcome = await desk.reconciler().compare(1)

    assert desk.followed == ["order-1"]
    assert outcome is not None
    assert outcome.is_clean


async def test_an_order_the_ledger_stays_behind_with_is_drift_and_looked_up_in_every_pass() -> None:
    """Its fill was taken in the first pass, so that later ones list nothing new of it."""
    desk = Desk()
    desk.statement.listed = [unnamed(a_fill(2, ours="order-1"))]
    desk.statement.held, desk.statement.cash = {CALL: 2}, "500"
    desk.books.shown = {"venue-order-1": "order-1"}

    outcomes = [await desk.passes_later(seconds, {CALL: 2}, "500") for seconds in (0, 2, 12, 22)]

    assert [[s.is_drift for s in outcome.suspects] for outcome in outcomes] == [
        [False],
        [True],
        [True],
        [True],
    ]
    assert desk.followed == ["order-1"] * 4
    desk.on_follow = lambda name: desk.books.filled.update({name: 2})
    assert (await desk.passes_later(32, {CALL: 2}, "500")).is_clean


async def test_an_order_the_ledger_stays_ahead_with_is_drift_long_after_its_last_step() -> None:
    desk = Desk()
    desk.books.filled = {"order-1": 2}
    desk.books.stepped_at = {"order-1": READ_AT - timedelta(seconds=1)}
    outcomes = [await desk.passes_later(seconds) for seconds in (0, 2, 22, 42, 62)]
    assert [[s.is_drift for s in outcome.suspects] for outcome in outcomes] == [[False], *[[True]] * 4]


async def test_figures_read_before_a_fill_of_the_second_listing_agree() -> None:
    desk = Desk()
    desk.statement.later = [unnamed(a_fill(2, ours="order-1"))]
    desk.books.shown, desk.books.filled = {"venue-order-1": "order-1"}, {"order-1": 2}
    outcome = await desk.reconciler().compare(1)
    assert outcome is not None
    assert outcome.is_clean


async def test_a_pass_whose_books_changed_meanwhile_is_run_again() -> None:
    desk = Desk()
    desk.books.is_current = False
    assert await desk.reconciler().compare(1) is None


async def test_a_new_account_is_taken_as_it_is() -> None:
    desk = Desk()
    desk.books.ledger = replace(a_ledger(), baseline_at=None)
    desk.statement.held = {CALL: 7}
    await desk.reconciler().compare(1)
    assert [first.positions for first in desk.books.begun] == [{CALL: 7}]


async def test_while_something_is_unexplained_fills_are_listed_from_further_back() -> None:
    desk = Desk()
    desk.statement.held = {CALL: 1}
    first = await desk.reconciler().compare(1)
    assert first is not None
    desk.books.ledger = a_ledger(after=first, passes_later=1)
    await desk.reconciler().compare(1)
    assert [line for line in desk.statement.asked if line.startswith("fills")][::2] == [
        "fills after 17:59:55",
        "fills after 17:50:00",
    ]


async def test_a_pass_runs_at_once_at_every_connect_and_after_a_failure() -> None:
    desk = Desk()
    desk.statement.failures = 1
    listening = asyncio.create_task(desk.stream.listen(lambda _id: None, lambda: None, lambda: None))
    running = asyncio.create_task(desk.reconciler().run())
    try:
        await until(lambda: len(desk.books.kept) == 1)
        desk.updates.connect()
        await until(lambda: len(desk.books.kept) == 2)
        assert desk.books.beats[-1]
        desk.updates.disconnect()
        await until(lambda: not desk.books.beats[-1])
        desk.updates.connect()
        await until(lambda: len(desk.books.kept) == 3)
    finally:
        for task in (running, listening):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_a_stream_that_fell_and_came_up_between_two_heartbeats_is_told_and_compared() -> None:
    desk = Desk()
    listening = asyncio.create_task(desk.stream.listen(lambda _id: None, lambda: None, lambda: None))
    running = asyncio.create_task(desk.reconciler().run())
    try:
        await until(lambda: len(desk.books.kept) == 1)
        desk.updates.connect()
        await until(lambda: len(desk.books.kept) == 2)
        beats = len(desk.books.beats)
        desk.updates.disconnect()
        desk.updates.connect()
        await until(lambda: len(desk.books.kept) == 3)
        assert desk.books.beats[beats:][:2] == [False, True]
    finally:
        for task in (running, listening):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - the fakes tell nobody
            await asyncio.sleep(0.01)
