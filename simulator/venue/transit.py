"""Cancels and replacements on their way to the market: until they are there the order works on, and may trade first.

Entry points: `cancel`, `begin_replacement`, `arrive` and `aftermath`; each writes the ledger and returns what happened.

1. An order whose cancel is under way is `pending_cancel`; if it fills first, the cancel is told as rejected.
2. An order that is being replaced is `pending_replace` and is the one that works; its replacement waits outside the
   market. Both have one hold and one promise: the larger of the two.
3. The replacement takes over what was filled on the way. If the order ended before, or filled all that the replacement
   asks for, the replacement is rejected, and told as such of the order too.
4. A cancel of either order of such a pair is a cancel of both.
"""

from datetime import datetime

from simulator.venue import lifecycle
from simulator.venue.ledger import Ledger
from simulator.venue.orders import EventKind, Order, OrderEvent, Status
from simulator.venue.refusals import Refusal, unprocessable

_TOO_LATE = "the order ended before its replacement reached the market"
_FILLED_ALREADY = "qty must be > filled_qty"


def cancel(ledger: Ledger, order: Order, now: datetime, effective_at: datetime) -> list[OrderEvent] | Refusal:
    """End an open order, at once if nothing of it is in the market or no time passes on the way."""
    old = ledger.book.orders.get(order.waits_for or "") or order
    new = ledger.book.orders.get(old.replaced_by or "") if old.status is Status.PENDING_REPLACE else None
    target = new or old
    if target.status is Status.PENDING_CANCEL:
        return unprocessable(f'order is already in "{target.status}" state')
    if effective_at > now and target.status is not Status.ACCEPTED:
        ends_at = max(effective_at, target.live_at)
        return [ledger.tell(EventKind.PENDING_CANCEL, lifecycle.pending_cancel(target, now, ends_at), now)]
    pair = (old, new) if new else (old,)
    return [ledger.tell(EventKind.CANCELED, lifecycle.canceled(each, now), now) for each in pair]


def begin_replacement(ledger: Ledger, old: Order, new: Order, now: datetime) -> tuple[OrderEvent, OrderEvent]:
    """Send a replacement on its way, or put it in place at once if no time passes on it."""
    if new.live_at <= now:
        ended = ledger.tell(EventKind.REPLACED, lifecycle.replaced(old, new, now), now)
        return ended, ledger.tell(EventKind.PENDING_NEW, new, now)
    waiting = lifecycle.waiting_for(new, old)
    pending = ledger.tell(EventKind.PENDING_REPLACE, lifecycle.pending_replace(old, new, now), now)
    return pending, ledger.tell(EventKind.PENDING_NEW, waiting, now)


def arrive(ledger: Ledger, order: Order, now: datetime) -> list[OrderEvent]:
    """Let what is on its way for `order` take effect, if it is there by now."""
    if order.cancel_at is not None and now >= order.cancel_at:
        return [ledger.tell(EventKind.CANCELED, lifecycle.canceled(order, now), now)]
    if order.status is not Status.PENDING_REPLACE:
        return []
    new = ledger.book.orders[order.replaced_by or ""]
    if now < new.live_at:
        return []
    if new.qty <= order.filled_qty:
        working = lifecycle.working_again(order, now)
        ledger.book.keep(working)
        return [
            ledger.repeat(EventKind.ORDER_REPLACE_REJECTED, working, now, reason=_FILLED_ALREADY),
            _reject(ledger, new, now, _FILLED_ALREADY),
        ]
    event = ledger.tell(EventKind.REPLACED, lifecycle.replaced(order, new, now), now)
    ledger.book.keep(lifecycle.taken_over(new, order))
    return [event]


def aftermath(ledger: Ledger, before: Order, now: datetime) -> list[OrderEvent]:
    """Reject what was on its way for an order that has ended otherwise."""
    after = ledger.book.orders[before.id]
    if after.is_open or after.status in {Status.REPLACED, Status.CANCELED}:
        return []
    events = []
    if before.cancel_at is not None and after.status is Status.FILLED:
        events.append(ledger.repeat(EventKind.ORDER_CANCEL_REJECTED, after, now, reason="order is filled"))
    if before.status is Status.PENDING_REPLACE and after.replaced_by is not None:
        new = ledger.book.orders[after.replaced_by]
        events.append(ledger.repeat(EventKind.ORDER_REPLACE_REJECTED, after, now, reason=_TOO_LATE))
        events.append(_reject(ledger, new, now, _TOO_LATE))
    return events


def _reject(ledger: Ledger, new: Order, now: datetime, reason: str) -> OrderEvent:
    return ledger.tell(EventKind.REJECTED, lifecycle.rejected(new, now), now, reason=reason)
