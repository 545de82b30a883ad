"""The life of an order: its states, the table of its transitions, and how the venue's reports move it.

NEW ──▶ SENDING ──▶ ACKNOWLEDGED ──▶ PARTIALLY_FILLED ──▶ FILLED, CANCELED, EXPIRED or REJECTED
 │        │  ▲ proved absent
 │        ▼  │
 │       UNKNOWN ──▶ whatever the venue reports
 └──▶ REJECTED (a gate said no)

Entry points: `new_order`, `advance` (our own steps), `apply` (the venue's reports), and for the attempts after the
first `begin_attempt`, `send_attempt`, `plan_anew`.
1. Every change is a transition of TRANSITIONS (an attempt after the first: ATTEMPT_TRANSITIONS) and counts `sequence`
   up by one; any other raises InvariantBroken.
2. Filled contracts never fall and never exceed what was ordered; the same report twice is one step. An end counts with
   fewer fills, too: then a trade was busted, the figure stays, and the reconciliation finds the difference.
3. An order never moves backwards: the reports of one history, in any order and number, lead to the same end.
4. A report outweighs our own word: an attempt we closed without the venue ever having shown it (no `venue_order_id`)
   comes back to life when it turns up there after all.
5. Status, fills and average price are those of all attempts together. An attempt that ended does not end the order
   while the next one follows; only the venue's word, or ours that nothing follows, ends an order the venue has shown.
6. The next attempt begins only when every earlier one has ended, or as the replacement of the last: two are never alive.
   A replacement that has not reached the market counts for nothing yet: the order before it works on, and may end first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from kernel.contracts.messages import OrderStatus, Ticket
from kernel.domain.errors import InvariantBroken
from services.executor.core.attempts import (
    Attempt,
    fills_of,
    first_attempt,
    next_attempt,
    reported,
    request_of_attempt,
)
from services.executor.core.orders import OrderRequest, client_order_id_of
from services.executor.core.venue_reports import VenueReport

S = OrderStatus
ENDED = frozenset({S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED})
#: The venue holds these: they can be filled, and cancelled.
WORKING = frozenset({S.ACKNOWLEDGED, S.PARTIALLY_FILLED})
#: Whether the venue has these is not settled; the stage does not let go of a ticket before it is.
UNANSWERED = frozenset({S.SENDING, S.UNKNOWN})

_REPORTED = WORKING | ENDED
TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    S.NEW: frozenset({S.SENDING, S.REJECTED}),
    S.SENDING: _REPORTED | {S.UNKNOWN},
    # To itself: the venue may call the id taken while the order is in doubt already.
    S.UNKNOWN: _REPORTED | {S.SENDING, S.UNKNOWN},
    # To themselves: by the next attempt.
    S.ACKNOWLEDGED: _REPORTED,
    S.PARTIALLY_FILLED: _REPORTED - {S.ACKNOWLEDGED},
    # More fills than were known when the order ended are still fills.
    S.FILLED: ENDED,
    # To work again: an attempt that had been closed on our own word.
    S.CANCELED: _REPORTED,
    S.EXPIRED: _REPORTED,
    S.REJECTED: _REPORTED,
}
#: An attempt after the first is NEW until the one before has ended; the venue may show it whatever we thought of it.
ATTEMPT_TRANSITIONS: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    **TRANSITIONS,
    S.NEW: TRANSITIONS[S.NEW] | _REPORTED,
    S.SENDING: TRANSITIONS[S.SENDING] | {S.NEW},
    S.UNKNOWN: TRANSITIONS[S.UNKNOWN] | {S.NEW},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order after `sequence` steps. Prices are USD per share; `reason` is why it is in this state, if there is a why.

    `client_order_id` is the order's own and its first attempt's; `venue_order_id` that of the attempt shown last.
    """

    ticket: Ticket
    client_order_id: str
    status: OrderStatus
    sequence: int
    attempts: tuple[Attempt, ...]
    venue_order_id: str | None = None
    filled_contracts: int = 0
    average_fill_price: Decimal | None = None
    venue_at: datetime | None = None
    reason: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected to happen to it."""
        return self.status in ENDED

    @property
    def current(self) -> Attempt:
        """The attempt begun last."""
        return self.attempts[-1]

    @property
    def alive(self) -> Attempt | None:
        """The attempt that works at the venue, as far as is known."""
        return next((a for a in reversed(self.attempts) if a.status in WORKING), None)

    @property
    def unfilled_contracts(self) -> int:
        """What is left of the ticket."""
        return self.ticket.contracts - self.filled_contracts

    def attempt_under(self, client_order_id: str) -> Attempt | None:
        """Return the attempt with this id, or None."""
        return next((a for a in self.attempts if a.client_order_id == client_order_id), None)


def new_order(ticket: Ticket) -> Order:
    """Return the order of a ticket before its first step."""
    return Order(
        ticket=ticket,
        client_order_id=client_order_id_of(ticket.meta.id),
        status=OrderStatus.NEW,
        sequence=0,
        attempts=(first_attempt(ticket),),
    )


def advance(order: Order, status: OrderStatus, reason: str | None = None, *, claimed: bool = False) -> Order:
    """Return `order` after a step of our own, of its current attempt, to `status`; `claimed`: its id is said taken."""
    attempt = order.current
    requests = attempt.requests + (status is S.SENDING)
    moved = replace(attempt, status=status, requests=requests, id_claimed=claimed or attempt.id_claimed)
    return _with(order, moved, reason)


def begin_attempt(order: Order, limit: Decimal, at: datetime, reason: str, *, replaces: bool) -> Order:
    """Return `order` with the intent of its next attempt, while one works at the venue and no other is intended."""
    before, number = order.alive, order.current.number + 1
    if before is None or order.current.status not in WORKING | ENDED:
        msg = f"order {order.client_order_id} has no working attempt that another could follow"
        raise InvariantBroken(msg)
    attempt = next_attempt(order.ticket, number, before, limit, at, replaces=replaces)
    return _summed(order, replace(order, attempts=(*order.attempts, attempt)), reason)


def plan_anew(order: Order, reason: str, *, refused: bool) -> Order:
    """Return `order` whose replacement the venue did not make: it follows once the attempt before is cancelled.

    `refused`: the venue said so, and no request for it is under way any more.
    """
    requests = 0 if refused else order.current.requests
    return _with(order, replace(order.current, status=S.NEW, replaces=False, requests=requests), reason)


def send_attempt(order: Order) -> Order:
    """Return `order` whose current attempt is sent for what is left, all attempts before it having ended."""
    attempt = order.current
    if any(before.status not in ENDED for before in order.attempts[:-1]) or not order.unfilled_contracts:
        msg = f"attempt {attempt.number} of order {order.client_order_id} cannot be sent beside another"
        raise InvariantBroken(msg)
    rest = replace(attempt, contracts=order.unfilled_contracts, replaces=False)
    return advance(replace(order, attempts=(*order.attempts[:-1], rest)), S.SENDING)


def apply(order: Order, report: VenueReport) -> Order | None:
    """Return `order` as the venue's `report` of one of its attempts leaves it, or None when it brings nothing new."""
    attempt = order.attempt_under(report.client_order_id)
    if attempt is None or not _is_news(attempt, report):
        return None
    if report.waits and attempt.venue_order_id is None:
        return None
    moved = reported(attempt, report)
    shown = replace(order, attempts=_ended_before(moved, order.attempts))
    if moved.number == max(a.number for a in order.attempts if a is attempt or a.venue_order_id is not None):
        shown = replace(shown, venue_order_id=report.venue_order_id, venue_at=report.updated_at)
    return _with(order, moved, _reason(report), shown)


def is_first_request(order: Order) -> bool:
    """Tell whether the venue is asked for the first time: then its no is about all there ever was of it.

    After an unanswered request it is not: an order that shows late may itself be why the next request is refused.
    """
    return order.sequence == 1 if len(order.attempts) == 1 else order.current.requests == 1


def last_in_market(attempts: Sequence[Attempt]) -> Attempt | None:
    """Return the last of `attempts` that the venue has shown and not rejected."""
    shown = [a for a in attempts if a.venue_order_id is not None and a.status is not S.REJECTED]
    return shown[-1] if shown else None


def requests_begun(before: Order | None, after: Order) -> list[tuple[OrderRequest, str | None]]:
    """Return what the venue is to be asked for by the step from `before` (None: the first step) to `after`.

    With each the venue's id of the order it is to take the place of, None for an order of its own.
    """
    asked = {} if before is None else {a.number: a.requests for a in before.attempts}
    alive = after.alive
    return [
        (request_of_attempt(after.ticket, a), alive.venue_order_id if a.replaces and alive else None)
        for a in after.attempts
        if a.status is S.SENDING and a.requests > asked.get(a.number, 0)
    ]


def _is_news(attempt: Attempt, report: VenueReport) -> bool:
    if attempt.status in ENDED and attempt.venue_order_id is None:
        return report.status is not S.REJECTED
    if attempt.status in ENDED:
        return report.status in ENDED and report.filled_contracts > attempt.filled_contracts
    if report.status in ENDED:
        return True  # with fewer fills, too: the venue may bust a trade, but not the end
    known = (attempt.filled_contracts, _phase(attempt.status))
    return (report.filled_contracts, _phase(report.status)) > known


def _ended_before(moved: Attempt, attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """An attempt whose replacement the venue shows in the market has ended, whether or not its own report has come.

    A replacement that is cancelled may never have been there.
    """
    if not moved.replaces or moved.status not in WORKING | {S.FILLED}:
        return attempts
    return tuple(
        replace(a, status=S.CANCELED) if a.number < moved.number and a.status not in ENDED else a
        for a in attempts
    )


def _with(before: Order, moved: Attempt, reason: str | None, shown: Order | None = None) -> Order:
    """Return the order with one of its attempts moved, checked against the table."""
    known = before.attempts[moved.number - 1]
    table = TRANSITIONS if moved.number == 1 else ATTEMPT_TRANSITIONS
    # An order as it was recorded has a status and no attempts to speak of.
    status = before.status if len(before.attempts) == 1 else known.status
    if moved.status not in table[status]:
        msg = f"attempt {moved.number} of order {before.client_order_id} cannot go from {status} to {moved.status}"
        raise InvariantBroken(msg)
    shown = before if shown is None else shown
    attempts = tuple(moved if a.number == moved.number else a for a in shown.attempts)
    return _summed(before, replace(shown, attempts=attempts), reason)


def _summed(before: Order, after: Order, reason: str | None) -> Order:
    filled, price = fills_of(after.attempts)
    after = replace(after, sequence=before.sequence + 1, filled_contracts=filled, average_fill_price=price)
    after = replace(after, status=_status(after))
    return _checked(before, replace(after, reason=None if after.status is S.FILLED else reason))


def _status(order: Order) -> OrderStatus:
    """Return the status of all attempts together."""
    if len(order.attempts) == 1:
        return order.current.status
    if order.filled_contracts == order.ticket.contracts:
        return S.FILLED
    last = order.current
    if last.status in ENDED and not any(a.status in WORKING for a in order.attempts):
        return _ending(order)
    return S.PARTIALLY_FILLED if order.filled_contracts else S.ACKNOWLEDGED


def _ending(order: Order) -> OrderStatus:
    """Return how the last attempt that was in the market ended: what came after it never was."""
    last = last_in_market(order.attempts)
    if last is None:
        return S.CANCELED if order.filled_contracts else S.REJECTED
    return S.EXPIRED if last.status is S.EXPIRED else S.CANCELED


def _phase(status: OrderStatus) -> int:
    """Return how far along a status is: not known to the venue, working, ended."""
    return 2 if status in ENDED else 1 if status in WORKING else 0


def _reason(report: VenueReport) -> str | None:
    return f"the venue says {report.word}" if report.status in ENDED - {OrderStatus.FILLED} else None


def _checked(before: Order, after: Order) -> Order:
    if after.status not in TRANSITIONS[before.status]:
        msg = f"order {before.client_order_id} cannot go from {before.status} to {after.status}"
        raise InvariantBroken(msg)
    if not before.filled_contracts <= after.filled_contracts <= after.ticket.contracts:
        msg = (
            f"order {before.client_order_id} for {after.ticket.contracts} contracts cannot go from"
            f" {before.filled_contracts} filled to {after.filled_contracts}"
        )
        raise InvariantBroken(msg)
    return after
