"""What a pass of the reconciliation reads of the venue, in the order in which the comparison relies on it.

1. The venue's fills are listed, then our orders compared, then positions and cash read, then its fills listed again: what
   is read while orders trade is compared with all that came in between (see core.reconciling.comparing).
2. A fill is ours if its order is, which is asked of the books by the venue's id and, where they do not know it yet, of
   the venue for our own id: the intent of every order of ours is in the books before the venue hears of it. That an
   order is not ours is written down at once: a pass that is cut short is no work lost.
3. Our orders are judged that have new fills, those the ledger moved since the last pass, and those that differed in it:
   a difference of an order goes when it is gone, or when a person accepts it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from kernel.domain.clock import Clock
from services.executor.core.reconciling.activities import Activity, Kind
from services.executor.core.reconciling.books import OwnOrder, VenueView, order_of
from services.executor.core.reconciling.found import ForeignOrder, Swept, foreign_from, foreign_order
from services.executor.ports import BookReading, Books, Statement

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
class Seen:
    """What a pass gathered, before it is judged. `quantities` is what the ledger holds, `newest` its last fill's time."""

    venue: VenueView
    swept: Swept
    early: Mapping[str, OwnOrder]
    quantities: Mapping[str, Decimal]
    foreign: Sequence[ForeignOrder]
    newest: datetime


class StatementReader:
    """Reads the venue for the passes of one listener."""

    def __init__(
        self,
        *,
        statement: Statement,
        books: Books,
        sweep: Callable[[], Awaitable[Swept]],
        follow: Callable[[str], Awaitable[None]],
        clock: Clock,
        account_id: Callable[[], str],
    ) -> None:
        """`sweep` compares our orders with the venue's, `follow` looks one of them up."""
        self._statement = statement
        self._books = books
        self._sweep = sweep
        self._follow = follow
        self._clock = clock
        self._account_id = account_id

    async def gather(self, reading: BookReading) -> Seen:
        """Return what the venue says now, and the orders it is about; raises TransientError."""
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
        return Seen(
            venue=venue,
            swept=swept,
            early=early,
            quantities=quantities,
            foreign=[*foreign, *map(foreign_from, swept.foreign)],
            newest=_newest([*listed, *again], reading.fills_since or after),
        )

    async def late(self, reading: BookReading, venue: VenueView) -> Mapping[str, OwnOrder]:
        """Return our orders in doubt and those the new fills are of, after looking up what the ledger is behind with."""
        filled = dict.fromkeys(_suspected(reading), Decimal(0))
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
