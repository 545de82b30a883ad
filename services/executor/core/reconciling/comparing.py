"""One pass: the venue's activities are taken, and what they leave unexplained is looked at.

Entry points: `baseline` at first sight, `reconcile` ever after.
1. The books follow the activities: what the ledger expects to find is its baseline and everything taken since. So a
   fill of a foreign order, a fee, a transfer explain themselves.
2. Positions and cash are read between two listings of activities, while orders trade. A figure agrees if it is one the
   account passed through between the two; no stillness is needed. Cash agrees to half a cent: the price of a fraction
   of a share has more digits than the venue's cash.
3. What the figures show in two passes before an activity tells it (see `pending`) is taken as a synthetic event; the
   activity that comes later confirms it and moves nothing a second time.
4. An order of ours has as many contracts filled in the ledger as its fills at the venue add up to: not fewer, and not
   more.
5. An activity of the baseline's day or before may be of what the baseline already shows: it is taken as that when the
   figures agree only without it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from kernel.domain.calendar import market_day
from services.executor.core.reconciling.activities import Activity, Kind, option_of
from services.executor.core.reconciling.books import (
    CASH,
    Baseline,
    Difference,
    Event,
    Expected,
    LedgerView,
    Orders,
    Outcome,
    OwnOrder,
    VenueView,
    cash_agrees,
    event_key,
    order_key,
    position_key,
)
from services.executor.core.reconciling.confirming import confirmed, is_apart
from services.executor.core.reconciling.pending import renamed, settled

#: An activity is expected the next day; over a long weekend that is the fourth.
OVERDUE_AFTER = timedelta(days=4)
_NOTHING = Decimal(0)


def baseline(venue: VenueView) -> Baseline | None:
    """Return the venue's figures as the ledger's first; None while activities come in, because it is not clear then
    which of them the figures contain.
    """
    if venue.between:
        return None
    return Baseline(
        positions=dict(venue.positions),
        cash_usd=venue.cash_usd,
        events=[_before_baseline(activity) for activity in venue.before],
    )


def reconcile(ledger: LedgerView, venue: VenueView, orders: Orders) -> Outcome:
    """Return what explains the venue's figures and what does not."""
    doubtful = _doubtful(ledger, venue)
    taken = _take(ledger, venue, frozenset())
    if doubtful and taken.differences:
        without = _take(ledger, venue, doubtful)
        taken = taken if without.differences else without
    events = [*taken.events, *_pending(ledger, venue, taken.differences)]
    differences = [
        *_remaining(taken.differences, events[len(taken.events) :]),
        *_order_differences(events, orders),
        *_overdue(taken.expected, venue),
    ]
    return Outcome(
        events=events, suspects=confirmed(ledger.suspects, differences, _touched(events), ledger.read_at)
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    events: Sequence[Event]
    expected: Sequence[Expected]
    differences: Sequence[Difference]


def _take(ledger: LedgerView, venue: VenueView, ignored: Collection[str]) -> _Taken:
    """Take all new activities, those `ignored` without effect, and compare."""
    expected = list(ledger.expected)
    early = _events(venue.before, expected, ignored)
    late = _events(venue.between, expected, ignored)
    return _Taken([*early, *late], expected, list(_differences(ledger, venue, early, late)))


def _events(
    activities: Iterable[Activity], expected: list[Expected], ignored: Collection[str]
) -> list[Event]:
    return [
        _before_baseline(activity) if activity.id in ignored else _event(activity, expected)
        for activity in activities
    ]


def _event(activity: Activity, expected: list[Expected]) -> Event:
    """Return an activity as an event, less what a synthetic one did already; `expected` shrinks by that.

    What a person accepted comes last: it may wait for ever, the others are overdue one day.
    """
    event = Event(
        id=activity.id,
        kind=activity.kind,
        at=activity.at,
        symbol=activity.symbol,
        quantity=activity.quantity,
        cash_usd=activity.cash_usd,
        venue_order_id=activity.venue_order_id,
        client_order_id=activity.client_order_id,
    )
    if activity.is_fill:
        return event
    for n, waiting in sorted(enumerate(expected), key=lambda each: each[1].kind is Kind.ACCEPTED):
        if _confirms(event, waiting):
            expected[n] = replace(
                waiting,
                quantity=waiting.quantity - event.quantity,
                cash_usd=waiting.cash_usd - event.cash_usd,
            )
            return replace(
                event,
                quantity=_NOTHING,
                cash_usd=_NOTHING,
                expects=-event.quantity,
                expects_usd=-event.cash_usd,
                confirms=waiting.event_id,
                note=f"confirms {waiting.kind.value}",
            )
    return event


def _confirms(event: Event, waiting: Expected) -> bool:
    """Tell whether an activity is (a part of) what is waited for: so much of it, in proportion."""
    if event.symbol != waiting.symbol or event.quantity * waiting.quantity <= 0:
        return False
    return (
        abs(event.quantity) <= abs(waiting.quantity)
        and event.cash_usd * waiting.quantity == waiting.cash_usd * event.quantity
    )


def _before_baseline(activity: Activity) -> Event:
    return Event(
        id=activity.id,
        kind=Kind.BEFORE_BASELINE,
        at=activity.at,
        symbol=activity.symbol,
        venue_order_id=activity.venue_order_id,
    )


def _doubtful(ledger: LedgerView, venue: VenueView) -> frozenset[str]:
    assert ledger.baseline_at is not None, "without a baseline there is nothing to compare with"
    day = market_day(ledger.baseline_at)
    return frozenset(a.id for a in (*venue.before, *venue.between) if not a.is_fill and a.day <= day)


def _differences(
    ledger: LedgerView, venue: VenueView, early: Sequence[Event], late: Sequence[Event]
) -> Iterable[Difference]:
    before, after = _by_symbol(early), _by_symbol(late)
    for symbol in sorted({*ledger.positions, *venue.positions, *before, *after}):
        start = ledger.positions.get(symbol, _NOTHING)
        path = _path(start, before.get(symbol, ()), after.get(symbol, ()))
        found = venue.positions.get(symbol, _NOTHING)
        if found not in path:
            yield Difference(key=position_key(symbol), expected=path[-1], found=found)
    path = _path(ledger.cash_usd, [e.cash_usd for e in early], [e.cash_usd for e in late])
    if not any(cash_agrees(venue.cash_usd, figure) for figure in path):
        yield Difference(key=CASH, expected=path[-1], found=venue.cash_usd)


def _by_symbol(events: Iterable[Event]) -> dict[str, list[Decimal]]:
    """Return what moved each symbol, in order."""
    moved: dict[str, list[Decimal]] = {}
    for event in events:
        if event.symbol:
            moved.setdefault(event.symbol, []).append(event.quantity)
    return moved


def _path(start: Decimal, early: Iterable[Decimal], late: Iterable[Decimal]) -> list[Decimal]:
    """Return the figures passed through from the first listing to the second, the last one last."""
    path = [start + sum(early, _NOTHING)]
    for change in late:
        path.append(path[-1] + change)
    return path


def _pending(ledger: LedgerView, venue: VenueView, differences: Sequence[Difference]) -> list[Event]:
    """Return what explains differences no activity tells of, if they stood in the pass before: a fill may be on its way."""
    positions = _stood(ledger, differences)
    swapped = renamed(ledger.account_id, positions, venue.now)
    left = {symbol: d for symbol, d in positions.items() if symbol not in {e.symbol for e in swapped}}
    cash_usd = sum((d.amount for d in differences if d.key == CASH), _NOTHING)
    return [*swapped, *settled(ledger.account_id, left, cash_usd, venue.now)]


def _stood(ledger: LedgerView, differences: Sequence[Difference]) -> dict[str, Difference]:
    """Return the positions' differences that stood in the pass before, and whose underlying's did, by symbol."""
    before = {s.difference.key: s.difference.amount for s in ledger.suspects if is_apart(s, ledger.read_at)}
    positions = {
        d.key.removeprefix(position_key("")): d for d in differences if d.key.startswith(position_key(""))
    }
    moving = {symbol for symbol, d in positions.items() if before.get(d.key) != d.amount}
    return {
        s: d for s, d in positions.items() if not moving & {s, option.root if (option := option_of(s)) else s}
    }


def _remaining(differences: Sequence[Difference], explained: Sequence[Event]) -> list[Difference]:
    """Return the differences that are left when `explained` is added to what was expected."""
    moved: dict[str, Decimal] = {}
    for event in explained:
        assert event.symbol is not None, "a synthetic event is about a contract or shares"
        key = position_key(event.symbol)
        moved[key] = moved.get(key, _NOTHING) + event.quantity
        moved[CASH] = moved.get(CASH, _NOTHING) + event.cash_usd
    known = {difference.key: difference for difference in differences}
    adjusted = [replace(d, expected=d.expected + moved.get(d.key, _NOTHING)) for d in known.values()]
    return [d for d in adjusted if (not cash_agrees(d.found, d.expected) if d.key == CASH else d.amount)]


def _order_differences(events: Sequence[Event], orders: Orders) -> Iterable[Difference]:
    new: dict[str, Decimal] = {}
    for event in events:
        if event.kind is Kind.FILL and event.client_order_id is not None:
            new[event.client_order_id] = new.get(event.client_order_id, _NOTHING) + abs(event.quantity)
    for client_order_id in sorted({*orders.early, *orders.late}):
        yield from _order_difference(
            orders.early.get(client_order_id),
            orders.late.get(client_order_id),
            new.get(client_order_id, _NOTHING),
        )


def _order_difference(early: OwnOrder | None, late: OwnOrder | None, new: Decimal) -> Iterable[Difference]:
    """The ledger may learn of a fill between the two readings: it must not be ahead before, nor behind after."""
    order = late or early
    assert order is not None, "it is of one of them"
    filled = order.taken_contracts + new
    ahead = early is not None and early.ledger_contracts > filled
    behind = late is not None and late.ledger_contracts < filled
    if ahead or behind:
        yield Difference(key=order_key(order.client_order_id), expected=order.ledger_contracts, found=filled)


def _overdue(expected: Sequence[Expected], venue: VenueView) -> Iterable[Difference]:
    """What was taken from the figures alone, and no activity ever told of: then something else moved them."""
    for waiting in expected:
        is_due = waiting.kind is not Kind.ACCEPTED and venue.now - waiting.since > OVERDUE_AFTER
        if is_due and waiting.quantity:
            yield Difference(key=event_key(waiting.event_id), expected=waiting.quantity, found=_NOTHING)


def _touched(events: Sequence[Event]) -> set[str]:
    """Return the keys of what new events moved."""
    keys = {position_key(event.symbol) for event in events if event.symbol and event.quantity}
    keys |= {CASH for event in events if event.cash_usd}
    return keys | {order_key(event.client_order_id) for event in events if event.client_order_id}
