"""Holds what was seen against what must be: pure. A violation names the ids it is about.

1. Each alert is one signal, and each signal has exactly one answer of selector and sizer: a no, or a ticket.
2. Each ticket has one order in the ledger, and each order of the venue is an attempt of one of them; none was taken twice.
3. What the venue filled is what the ledger says, for each order and for each position; so are the positions it keeps,
   and its last comparison with the venue, cash among it, left nothing unexplained.
4. Nothing waits: no record unacknowledged, no message unpublished, no order in doubt.
5. Dead are the planted ones and no others; the switch was not touched.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kernel.contracts.messages import Execution, Rejection, Selection, Signal, Ticket
from services.executor.core.orders import client_order_id_of
from tests.chaos.nemesis.facts import Facts, Order
from tests.chaos.nemesis.feed import Sent

IN_DOUBT = frozenset({"NEW", "SENDING", "UNKNOWN"})
WORKING = frozenset({"ACKNOWLEDGED", "PARTIALLY_FILLED"})
_SHOWN = 5
#: Of a stage that answers with a no: the same signal may also have an order, refused later.
_LATE = "executor"


@dataclass(frozen=True, slots=True)
class Violation:
    """What must not be, with some of the ids it is about."""

    what: str
    ids: tuple[str, ...]

    def __str__(self) -> str:
        more = f" and {len(self.ids) - _SHOWN} more" if len(self.ids) > _SHOWN else ""
        return f"{self.what}: {len(self.ids)}: {', '.join(self.ids[:_SHOWN])}{more}"


def audit(facts: Facts, sent: Sequence[Sent], poison: dict[str, list[bytes]]) -> list[Violation]:
    """Return everything that is not as it must be."""
    found = [
        *_signals(facts, sent),
        *_decisions(facts),
        *_orders(facts),
        *_fills(facts),
        *_settled(facts),
        *_dead_and_switch(facts, poison),
    ]
    return [violation for violation in found if violation.ids]


def _signals(facts: Facts, sent: Sequence[Sent]) -> Iterable[Violation]:
    in_log = {w.message.meta.id for w in facts.log if isinstance(w.message, Signal)}
    expected = {each.signal_id for each in sent if each.signal_id}
    yield _violation("alerts never accepted", (each.alert_id for each in sent if each.signal_id is None))
    yield _violation("signals accepted but not in the log", expected - in_log)
    yield _violation("signals nobody sent", in_log - expected)
    twice = [
        signal_id for signal_id, n in Counter(each.signal_id for each in sent).items() if signal_id and n > 1
    ]
    yield _violation("alerts that became one signal", twice)


def _decisions(facts: Facts) -> Iterable[Violation]:
    selections, tickets = _answers(facts, Selection), _answers(facts, Ticket)
    noes = _answers(facts, Rejection)
    yield _violation("signals with two selections", (s for s, m in selections.items() if len(m) > 1))
    yield _violation("signals with two tickets", (s for s, m in tickets.items() if len(m) > 1))
    yield _violation("signals with two rejections", (s for s, m in noes.items() if len(m) > 1))
    early = {s for s, m in noes.items() if any(f"/{_LATE}" not in each for each in m)}
    yield _violation("signals both refused and sized", early & tickets.keys())
    signals = {w.message.meta.id for w in facts.log if isinstance(w.message, Signal)}
    yield _violation("signals without an answer", signals - early - tickets.keys())
    yield _violation("answers to no signal", (selections.keys() | tickets.keys() | noes.keys()) - signals)


def _answers(facts: Facts, kind: type[Selection | Ticket | Rejection]) -> dict[str, set[str]]:
    """Return by signal the different answers of a kind: id, content and stage."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for w in facts.log:
        if isinstance(w.message, kind):
            content = w.message.model_dump_json(exclude={"meta": {"revision"}})
            found[w.message.meta.correlation_id].add(f"{content}/{w.message.meta.stage}")
    return found


def _orders(facts: Facts) -> Iterable[Violation]:
    tickets = {w.message.meta.id for w in facts.log if isinstance(w.message, Ticket)}
    ordered = Counter(order.ticket_id for order in facts.ledger.orders)
    told = {w.message.ticket_id for w in facts.log if isinstance(w.message, Execution)}
    known = {attempt.client_order_id for attempt in facts.ledger.attempts}
    yield _violation("tickets without an order in the ledger", tickets - ordered.keys())
    yield _violation("orders of no ticket", ordered.keys() - tickets)
    yield _violation("tickets with two orders", (t for t, n in ordered.items() if n > 1))
    yield _violation("orders nothing was told of", ordered.keys() - told)
    yield _violation("orders at the venue no attempt explains", facts.venue.accepted.keys() - known)
    yield _violation("orders the venue took twice", (i for i, n in facts.venue.accepted.items() if n > 1))
    foreign = (o.order_id for o in facts.ledger.orders if o.order_id != client_order_id_of(o.ticket_id))
    yield _violation("orders whose id does not come from their ticket", foreign)
    yield _violation("acknowledged attempts the venue never had", _not_at_venue(facts))
    yield _violation("orders with several attempts open", _several_open(facts))
    yield _violation("working orders the venue does not have open", _not_open(facts))


def _not_at_venue(facts: Facts) -> Iterable[str]:
    at_venue = {"ACKNOWLEDGED", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED"}
    for attempt in facts.ledger.attempts:
        if attempt.status in at_venue and attempt.client_order_id not in facts.venue.accepted:
            yield attempt.client_order_id


def _several_open(facts: Facts) -> Iterable[str]:
    order_of = {attempt.client_order_id: attempt.order_id for attempt in facts.ledger.attempts}
    still_open = Counter(order_of[i] for i in facts.venue.open_orders if i in order_of)
    return (order_id for order_id, n in still_open.items() if n > 1)


def _not_open(facts: Facts) -> Iterable[str]:
    attempts: defaultdict[str, set[str]] = defaultdict(set)
    for attempt in facts.ledger.attempts:
        attempts[attempt.order_id].add(attempt.client_order_id)
    for order in facts.ledger.orders:
        if order.status in WORKING and not attempts[order.order_id] & facts.venue.open_orders:
            yield order.order_id


def _fills(facts: Facts) -> Iterable[Violation]:
    by_order: Counter[str] = Counter()
    for attempt in facts.ledger.attempts:
        by_order[attempt.order_id] += facts.venue.filled.get(attempt.client_order_id, 0)
    settled = [order for order in facts.ledger.orders if order.status not in IN_DOUBT]
    differ = [
        f"{o.order_id} (ledger {o.filled}, venue {by_order[o.order_id]})"
        for o in settled
        if o.filled != by_order[o.order_id]
    ]
    yield _violation("orders whose fills differ", differ)
    beyond = (o.order_id for o in facts.ledger.orders if by_order[o.order_id] > o.contracts)
    yield _violation("orders filled beyond their contracts", beyond)
    held = facts.venue.positions
    yield _violation("positions that differ", _positions(_bought(facts.ledger.orders), held))
    yield _violation("positions kept that differ", _positions(facts.ledger.positions, held))
    yield _violation("differences to the venue nothing explains", facts.ledger.differences)


def _bought(orders: Sequence[Order]) -> Counter[str]:
    bought: Counter[str] = Counter()
    for order in orders:
        bought[order.occ_symbol] += order.filled
    return bought


def _positions(ours: Mapping[str, int], held: Mapping[str, int]) -> Iterable[str]:
    for symbol in sorted(ours.keys() | held.keys()):
        if ours.get(symbol, 0) != held.get(symbol, 0):
            yield f"{symbol} (ledger {ours.get(symbol, 0)}, venue {held.get(symbol, 0)})"


def _settled(facts: Facts) -> Iterable[Violation]:
    yield _violation("orders in doubt", (o.order_id for o in facts.ledger.orders if o.status in IN_DOUBT))
    yield _violation("stages behind", (f"{stage} ({lag})" for stage, lag in facts.lags.items() if lag))
    waiting = facts.ledger.unpublished
    yield _violation("messages not published", [str(waiting)] if waiting else [])


def _dead_and_switch(facts: Facts, poison: dict[str, list[bytes]]) -> Iterable[Violation]:
    for topic in sorted(facts.dead.keys() | poison.keys()):
        # A worker that dies between the letter and its acknowledgement writes the letter again.
        dead, planted = set(facts.dead.get(topic, [])), set(poison.get(topic, []))
        yield _violation(f"poison in {topic} without a dead letter", map(repr, planted - dead))
        yield _violation(f"dead letters of {topic} nobody planted", map(repr, dead - planted))
    stopped = (
        f"{scope} {state}: {reason}" for scope, state, reason in facts.ledger.switch if state != "ACTIVE"
    )
    yield _violation("trading was stopped", stopped)


def _violation(what: str, ids: Iterable[str]) -> Violation:
    return Violation(what, tuple(sorted(ids)))
