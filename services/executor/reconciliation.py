"""The listener's pass: everything the venue says of the account, held against the books.

1. A pass runs when a listener begins, after every (re)connect of the stream, every `reconcile_s`, and soon after one
   that found something it cannot explain.
2. A pass counts from when it read the books; so the books are told of a connect before its pass begins, and of a
   stream that fell and came up again between two heartbeats as of one that fell.
3. In a pass the venue's fills are listed, then our orders compared, then positions and cash read, then its fills listed
   again: what is read while orders trade is compared with all that came in between (see core.reconciling.comparing).
4. A fill is ours if its order is, which is asked of the books by the venue's id and, where they do not know it yet, of
   the venue for our own id: the intent of every order of ours is in the books before the venue hears of it. That an
   order is not ours is written down at once: a pass that is cut short is no work lost.
5. Our orders are judged that have new fills, those the ledger moved since the last pass, and those that differed in it:
   a difference of an order goes when it is gone, or when a person accepts it.
6. Nothing is sent from here: a foreign order, a strange position are written down and left alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from prometheus_client import Counter, Gauge, Histogram

from kernel.domain.clock import Clock
from kernel.domain.errors import TransientError
from kernel.runtime.logging import get_logger
from services.executor.core.reconciling.activities import Activity, Kind
from services.executor.core.reconciling.books import Orders, Outcome, OwnOrder, Suspect, VenueView, order_of
from services.executor.core.reconciling.comparing import baseline, reconcile
from services.executor.core.reconciling.found import (
    ForeignOrder,
    Swept,
    foreign_from,
    foreign_order,
    found_order,
)
from services.executor.core.reconciling.telling import told
from services.executor.ports import BookReading, Books, PassRecord, Statement, TradeUpdates

_log = get_logger()
PASS_S = Histogram("dispatch_reconciliation_seconds", "How long a comparison with the venue took.")
DRIFT = Gauge("dispatch_reconciliation_drift", "Differences to the venue that nothing explains.")
EXPLAINED = Counter("dispatch_reconciliation_events_total", "What explained the venue's figures.", ["kind"])
#: After an unexplained difference, and after a pass that could not end.
_CONFIRM_S, _AGAIN_S = 2.0, 0.5
#: How often standing drift is looked at again.
_DRIFT_S = 10.0
_BEAT_S = 1.0
#: Fills are listed anew from so long before the last one that was taken: a venue may tell them out of order.
_OVERLAP = timedelta(seconds=5)
#: ... and from so long before it while something is unexplained.
_DEEP = timedelta(minutes=10)
#: Movements without an order appear by the day, and late.
_MOVEMENTS = timedelta(days=5)
_FIRST_FILLS, _FIRST_MOVEMENTS = timedelta(minutes=1), timedelta(days=6)
#: The books' own clock against the moment a step was committed.
_COMMITTED = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a pass gathered, before it is judged. `quantities` is what the ledger holds, `newest` its last fill's time."""

    venue: VenueView
    swept: Swept
    early: Mapping[str, OwnOrder]
    quantities: Mapping[str, Decimal]
    foreign: Sequence[ForeignOrder]
    newest: datetime


class StreamWatch:
    """TradeUpdates that are also watched: whether the stream is up, how often it came up, and when that last changed."""

    def __init__(self, updates: TradeUpdates) -> None:
        self._updates = updates
        self.is_up = False
        self.connects = 0
        self.changed = asyncio.Event()

    async def listen(
        self,
        on_order: Callable[[str], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[], None],
    ) -> None:
        """Listen as the port says."""

        def up() -> None:
            self.connects += 1
            self._set(is_up=True)
            on_connect()

        def down() -> None:
            self._set(is_up=False)
            on_disconnect()

        try:
            await self._updates.listen(on_order, up, down)
        finally:
            self._set(is_up=False)

    def _set(self, *, is_up: bool) -> None:
        self.is_up = is_up
        self.changed.set()


class Reconciler:
    """Holds the venue against the books, for the worker that listens for all."""

    def __init__(
        self,
        *,
        statement: Statement,
        books: Books,
        stream: StreamWatch,
        sweep: Callable[[], Awaitable[Swept]],
        follow: Callable[[str], Awaitable[None]],
        clock: Clock,
        account_id: Callable[[], str],
        reconcile_s: float,
    ) -> None:
        self._statement = statement
        self._books = books
        self._stream = stream
        self._sweep = sweep
        self._follow = follow
        self._clock = clock
        self._account_id = account_id
        self._reconcile_s = reconcile_s

    async def run(self) -> None:
        """Compare for ever: the leader's work."""
        epoch, now = await self._lead(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat_for_ever(epoch, now))
            group.create_task(self._compare_for_ever(epoch, now))

    async def compare(self, epoch: int) -> Outcome | None:
        """Run one pass; None if it has to be run again. Raises TransientError."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        reading = await self._books.read(self._account_id())
        seen = await self._gather(reading)
        record = PassRecord(
            account_id=self._account_id(),
            version=reading.version,
            epoch=epoch,
            read_at=reading.ledger.read_at,
            market_now=seen.venue.now,
            fills_since=seen.newest,
            duration_ms=1000 * (loop.time() - began),
        )
        PASS_S.observe(loop.time() - began)
        if reading.ledger.baseline_at is None:
            return await self._begin(seen, record)
        return await self._keep(reading, seen, record)

    async def _lead(self) -> int:
        while True:
            try:
                return await self._books.lead(self._account_id())
            except TransientError as e:
                _log.warning("the listener could not say that it leads", reason=str(e))
                await asyncio.sleep(_AGAIN_S)

    async def _gather(self, reading: BookReading) -> _Seen:
        now, after = self._clock.now(), _fills_after(reading, self._clock.now())
        listed = await self._statement.fills(after)
        movements = await self._statement.movements(_movements_after(reading, now))
        swept = await self._sweep()
        early = {
            **await self._books.own(self._account_id(), _suspected(reading)),
            **await self._books.filled_since(self._account_id(), _since(reading)),
        }
        quantities = await self._books.quantities(self._account_id())
        positions, cash_usd = await self._statement.positions(), await self._statement.cash_usd()
        again = await self._statement.fills(_newest(listed, after) - _OVERLAP)
        fresh, foreign = await self._fresh(_by_id(listed, movements), _by_id(again))
        venue = VenueView(now=now, before=fresh[0], between=fresh[1], positions=positions, cash_usd=cash_usd)
        return _Seen(
            venue=venue,
            swept=swept,
            early=early,
            quantities=quantities,
            foreign=[*foreign, *map(foreign_from, swept.foreign)],
            newest=_newest([*listed, *again], reading.fills_since or after),
        )

    async def _fresh(
        self, before: Mapping[str, Activity], after: Mapping[str, Activity]
    ) -> tuple[tuple[list[Activity], list[Activity]], list[ForeignOrder]]:
        """Return what was never taken, listed before and only after, each fill with whose it is; and whose they are."""
        unknown = await self._books.unknown(self._account_id(), {*before, *after})
        fresh = {i: a for i, a in {**before, **after}.items() if i in unknown}
        owners, foreign = await self._owners(fresh.values())
        owned = {i: _owned(activity, owners) for i, activity in fresh.items()}
        early = [activity for i, activity in owned.items() if i in before]
        late = [activity for i, activity in owned.items() if i not in before]
        return (early, late), foreign

    async def _owners(self, activities: Iterable[Activity]) -> tuple[dict[str, str], list[ForeignOrder]]:
        """Return the orders of ours that the fills are of, by the venue's id; and those of others not seen before."""
        asked = {a.venue_order_id for a in activities if a.is_fill and a.venue_order_id is not None}
        owners = dict(await self._books.owners(asked))
        strangers = await self._books.foreign(self._account_id(), asked - owners.keys())
        foreign = []
        for venue_order_id in sorted(asked - owners.keys() - strangers):
            order = await self._statement.order(venue_order_id)
            owner = None if order is None else await self._books.owner_of(order.client_order_id)
            if owner is not None:
                owners[venue_order_id] = owner
            elif order is not None:
                await self._books.adopt(self._account_id(), order, foreign_order(order, self._clock.now()))
                foreign.append(order)
        return owners, foreign

    async def _begin(self, seen: _Seen, record: PassRecord) -> Outcome | None:
        first = baseline(seen.venue)
        if first is None or not await self._books.begin(first, seen.quantities, record):
            return None
        _log.info("the account is seen for the first time", positions=len(first.positions))
        return Outcome(events=first.events, suspects=())

    async def _keep(self, reading: BookReading, seen: _Seen, record: PassRecord) -> Outcome | None:
        orders = Orders(early=seen.early, late=await self._late(seen.venue, _suspected(reading)))
        outcome = reconcile(reading.ledger, seen.venue, orders)
        now = seen.venue.now
        found = [e for moved in seen.swept.moved if (e := found_order(moved, now)) is not None]
        strangers = [foreign_order(order, now) for order in seen.foreign]
        outcome = replace(outcome, events=[*outcome.events, *found, *strangers])
        if not await self._books.keep(outcome, seen.foreign, record):
            return None
        _tell(outcome, reading.ledger.suspects)
        return outcome

    async def _late(self, venue: VenueView, suspected: Iterable[str]) -> Mapping[str, OwnOrder]:
        """Return our orders in doubt and those the new fills are of, after looking up what the ledger is behind with."""
        filled = dict.fromkeys(suspected, Decimal(0))
        for activity in (*venue.before, *venue.between):
            if activity.client_order_id is not None:
                filled[activity.client_order_id] = filled.get(activity.client_order_id, Decimal(0)) + abs(
                    activity.quantity
                )
        own = await self._books.own(self._account_id(), filled)
        behind = [i for i, o in own.items() if o.ledger_contracts < o.taken_contracts + filled[i]]
        for client_order_id in behind:
            await self._follow(client_order_id)
        return {**own, **await self._books.own(self._account_id(), behind)} if behind else own

    async def _beat_for_ever(self, epoch: int, now: asyncio.Event) -> None:
        told = -1
        while True:
            is_up, connects = self._stream.is_up, self._stream.connects
            self._stream.changed.clear()
            try:
                if connects != told:
                    await self._books.beat(self._account_id(), epoch, stream_ready=False)
                await self._books.beat(self._account_id(), epoch, stream_ready=is_up)
            except TransientError as e:
                _log.warning("the listener's heartbeat was not written", reason=str(e))
            else:
                if is_up and connects != told:
                    now.set()
                told = connects
            await _wait(self._stream.changed, _BEAT_S)

    async def _compare_for_ever(self, epoch: int, now: asyncio.Event) -> None:
        while True:
            now.clear()
            try:
                pause_s = self._pause_s(await self.compare(epoch))
            except TransientError as e:
                _log.warning("the comparison with the venue was cut short", reason=str(e))
                pause_s = _AGAIN_S
            await _wait(now, pause_s)

    def _pause_s(self, outcome: Outcome | None) -> float:
        if outcome is None:
            return _AGAIN_S
        DRIFT.set(len(outcome.drift))
        if outcome.is_clean:
            return self._reconcile_s
        is_known = len(outcome.drift) == len(outcome.suspects)
        return min(self._reconcile_s, _DRIFT_S if is_known else _CONFIRM_S)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def _fills_after(reading: BookReading, now: datetime) -> datetime:
    baseline_at, since = reading.ledger.baseline_at, reading.fills_since
    if baseline_at is None or since is None:
        return now - _FIRST_FILLS
    back = _DEEP if reading.ledger.suspects else _OVERLAP
    return max(since - back, baseline_at - _FIRST_FILLS)


def _movements_after(reading: BookReading, now: datetime) -> datetime:
    if reading.fills_since is None:
        return now - _FIRST_MOVEMENTS
    return min(now, reading.fills_since) - _MOVEMENTS


def _suspected(reading: BookReading) -> list[str]:
    """Return our orders that differed in the last pass: they are judged until the difference is gone."""
    keys = (suspect.difference.key for suspect in reading.ledger.suspects)
    return [name for key in keys if (name := order_of(key)) is not None]


def _since(reading: BookReading) -> datetime:
    """Return the machine's time from which on the ledger's fills are looked at."""
    return (reading.pass_at or reading.ledger.read_at) - _COMMITTED


def _newest(fills: Iterable[Activity], otherwise: datetime) -> datetime:
    return max((fill.at for fill in fills), default=otherwise)


def _by_id(*listings: Iterable[Activity]) -> dict[str, Activity]:
    return {activity.id: activity for listing in listings for activity in listing}


def _owned(activity: Activity, owners: Mapping[str, str]) -> Activity:
    if not activity.is_fill:
        return activity
    owner = owners.get(activity.venue_order_id or "")
    kind = Kind.FOREIGN_FILL if owner is None else Kind.FILL
    return replace(activity, kind=kind, client_order_id=owner)


def _tell(outcome: Outcome, before: Sequence[Suspect]) -> None:
    for event in outcome.events:
        EXPLAINED.labels(event.kind.value).inc()
        if event.kind is not Kind.FILL:
            _log.info(
                "explained", kind=event.kind.value, symbol=event.symbol, note=event.note, event_id=event.id
            )
    known = {suspect.difference.key: suspect for suspect in before}
    for suspect in outcome.suspects:
        old = known.pop(suspect.difference.key, None)
        if old is None:
            _log.info("a difference that nothing explains yet", difference=told(suspect.difference))
        elif suspect.is_drift and not old.is_drift:
            _log.error("drift: nothing explains it", difference=told(suspect.difference))
    for gone in known.values():
        _log.info("a difference is gone", difference=told(gone.difference))
