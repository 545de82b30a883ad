"""What must hold when a seed has calmed down. Each violation is one sentence that begins with the name of its invariant."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

from kernel.contracts.codec import Codec
from kernel.contracts.messages import Execution, OrderStatus
from kernel.contracts.topics import (
    ALL_TOPICS,
    DEFAULT_PREFIX,
    EVIDENCE,
    EXECUTIONS,
    REJECTIONS,
    SELECTIONS,
    SIGNALS,
    TICKETS,
    Topic,
)
from kernel.domain.money import MICRO
from services.executor.core.attempts import attempt_id_of
from services.executor.core.order_life import Order
from services.executor.core.venue_reports import read_report
from tests.simulation.venue import VenueOrder
from tests.simulation.world import World


class Audit:
    """Reads a world that has been run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._outside = world.outside
        self._tables = world.outside.tables
        codec = Codec()
        self._codec = codec
        self._read: dict[str, list[Any]] = {
            topic.name: [codec.decode(topic, r.value or b"") for r in world.topic(topic.name)]
            for topic in ALL_TOPICS
            if topic is not EVIDENCE
        }

    def violations(self) -> list[str]:
        """Return all that does not hold, nothing when all is well."""
        return [
            *self._world.failures,
            *self._signals(),
            *self._ends(),
            *self._messages(),
            *self._orders(),
            *self._ledger(),
            *self._venue(),
            *self._money(),
            *self._stops(),
            *self._limits(),
        ]

    def _of(self, topic: Topic[Any]) -> list[Any]:
        return self._read[topic.name]

    def _signals(self) -> Iterator[str]:
        """Every alert that was accepted is one signal in the log, and no signal is anything else."""
        said = {asked.signal_id for asked in self._world.asked}
        logged = {signal.meta.id for signal in self._of(SIGNALS)}
        if said != logged:
            yield f"accepted alerts are the signals: {len(said)} were accepted, {len(logged)} are in the log"

    def _ends(self) -> Iterator[str]:
        """Every signal has one answer at each stage it reaches, and one end."""
        refused = {(m.meta.stage, m.meta.correlation_id) for m in self._of(REJECTIONS)}
        selected = {m.meta.correlation_id: m.meta.id for m in self._of(SELECTIONS)}
        sized = {m.meta.correlation_id: m.meta.id for m in self._of(TICKETS)}
        orders = {order.ticket.meta.id: order for order in self._tables.orders.values()}
        for signal_id in sorted({signal.meta.id for signal in self._of(SIGNALS)}):
            ends = [stage for stage in ("selector", "sizer") if (stage, signal_id) in refused]
            ticket_id = sized.get(signal_id)
            if ticket_id is not None and ticket_id in orders and orders[ticket_id].ended:
                ends.append("executor")
            if len(ends) != 1:
                yield f"one end per signal: {signal_id} ended at {ends or 'no stage'}"
            if signal_id in sized and signal_id not in selected:
                yield f"one end per signal: {signal_id} has a ticket and no selection"

    def _messages(self) -> Iterator[str]:
        """One message per id, always in the same bytes; one answer per input; nothing in the dead letters."""
        for topic in ALL_TOPICS:
            bodies: dict[str, set[bytes | None]] = defaultdict(set)
            for record, message in zip(
                self._world.topic(topic.name), self._read.get(topic.name, ()), strict=False
            ):
                bodies[message.meta.id].add(record.value)
            for message_id, found in bodies.items():
                if len(found) > 1:
                    yield f"one content per id: {topic.name} {message_id} was written as {len(found)} messages"
            for record in self._outside.log.records(topic.dead_name(DEFAULT_PREFIX)):
                reason = dict(record.headers).get("__streams.errors.message", b"").decode()
                yield f"no dead letters: {topic.name}: {reason}"
        for topic in (SELECTIONS, TICKETS):
            answers = Counter(
                cause for _, cause in {(m.meta.id, m.meta.causation_id) for m in self._of(topic)}
            )
            for cause, count in answers.items():
                if count > 1:
                    yield f"one answer per input: {cause} has {count} in {topic.name}"

    def _orders(self) -> Iterator[str]:
        """Every ticket has its one order, and nothing was asked of the venue but its committed attempts."""
        tickets = {ticket.meta.id for ticket in self._of(TICKETS)}
        known = {order.ticket.meta.id for order in self._tables.orders.values()}
        if known != tickets:
            yield f"one order per ticket: {len(tickets)} tickets, {len(known)} orders"
        asked_for = Counter(self._outside.venue.asked_for)
        for client_order_id in asked_for.keys() - self._tables.order_of_attempt.keys():
            yield f"intent before request: {client_order_id} was asked for, no attempt of that id is committed"
        for order in self._tables.orders.values():
            yield from self._attempts(order)

    def _attempts(self, order: Order) -> Iterator[str]:
        """One attempt at a time, each within the ticket, no more filled than the ticket is for."""
        ticket, at_venue = order.ticket, self._attempts_at_venue(order)
        for found in at_venue:
            if found.contracts > ticket.contracts or found.limit_price > ticket.price_ceiling:
                yield f"no order beyond its ticket: {found.client_order_id} {found.contracts} at {found.limit_price}"
        for before, after in pairwise(sorted(at_venue, key=lambda o: o.accepted_s)):
            if before.ended_s is None or before.ended_s > after.accepted_s:
                yield f"one attempt at a time: {after.client_order_id} came while {before.client_order_id} worked"
        filled, _ = _fills(at_venue)
        if filled > ticket.contracts:
            yield f"no order beyond its ticket: {filled} contracts were filled for {ticket.contracts}"
        ids = [attempt_id_of(ticket.meta.id, number + 1) for number in range(len(order.attempts))]
        if ids != [attempt.client_order_id for attempt in order.attempts]:
            yield f"derived ids: the attempts of {order.client_order_id} have other ids than theirs"

    def _limits(self) -> Iterator[str]:
        """Whoever decided them, all orders together keep to the gates' limits."""
        gates, equity = self._outside.params.executor.gates, self._outside.venue.cash
        paid: Counter[str] = Counter()
        for order in self._tables.orders.values():
            filled, price = _fills(self._attempts_at_venue(order))
            paid[order.ticket.idea.underlying] += filled * 100 * (price or 0)  # type: ignore[assignment]
        for_one = min(gates.underlying_usd_max, gates.underlying_pct_max * equity / 100)
        for_all = min(gates.day_premium_usd_max, gates.day_premium_pct_max * equity / 100)
        for underlying, usd in paid.items():
            if usd > for_one:
                yield f"no order beyond limits: {usd} were paid on {underlying}, {for_one} are allowed"
        if sum(paid.values()) > for_all:
            yield f"no order beyond limits: {sum(paid.values())} were paid, {for_all} are allowed"

    def _attempts_at_venue(self, order: Order) -> list[VenueOrder]:
        orders = self._outside.venue.orders
        return [orders[a.client_order_id] for a in order.attempts if a.client_order_id in orders]

    def _ledger(self) -> Iterator[str]:
        """Steps count up from one without a gap, in the ledger and in the log, and say the same."""
        told: dict[str, dict[int, Execution]] = defaultdict(dict)
        for execution in self._of(EXECUTIONS):
            told[execution.client_order_id].setdefault(execution.sequence, execution)
        for client_order_id, order in self._tables.orders.items():
            steps = [row.step for row in self._tables.ledger[client_order_id]]
            whole = list(range(1, order.sequence + 1))
            if [step.order.sequence for step in steps] != whole:
                yield f"a ledger without gaps: {client_order_id} has {[s.order.sequence for s in steps]}"
            if list(told[client_order_id]) != whole:
                yield f"executions in order: {client_order_id} was told as {list(told[client_order_id])}"
            elif told[client_order_id][order.sequence].status is not order.status:
                yield f"executions say the ledger: {client_order_id}"
            if not any(step.order.status is OrderStatus.SENDING for step in steps):
                sent = order.client_order_id in self._outside.venue.asked_for
                if sent:
                    yield f"intent before request: {client_order_id} was sent and never meant to be"

    def _venue(self) -> Iterator[str]:
        """What the ledger says of an order is what the venue has."""
        for order in self._tables.orders.values():
            at_venue = self._attempts_at_venue(order)
            ours = (order.filled_contracts, order.average_fill_price)
            theirs = _fills(at_venue)
            if ours != theirs:
                yield f"ledger and venue agree: {order.client_order_id} filled {ours}, at the venue {theirs}"
            words = {read_report(found.document()).status for found in at_venue} or {OrderStatus.REJECTED}
            if len(order.attempts) == 1 and order.status not in words:
                yield f"ledger and venue agree: {order.client_order_id} is {order.status}, at the venue {words}"
            if (order.status is OrderStatus.FILLED) != (theirs[0] == order.ticket.contracts):
                yield f"ledger and venue agree: {order.client_order_id} is {order.status} with {theirs[0]} filled"

    def _stops(self) -> Iterator[str]:
        """Nothing is sent after a halt has returned, until somebody resumes."""
        for stopped_s, resumed_s in self._world.stops_s:
            for at_s in self._outside.sent_s:
                if stopped_s < at_s < resumed_s:
                    yield f"nothing sent while stopped: at {at_s:.3f}, stopped from {stopped_s:.3f} to {resumed_s:.3f}"

    def _money(self) -> Iterator[str]:
        """Every ticket reserved its money, and none is held for an order that has ended."""
        reserved = self._tables.reservations
        for ticket_id in {ticket.meta.id for ticket in self._of(TICKETS)} - reserved.keys():
            yield f"reservations follow tickets: {ticket_id} reserved nothing"
        for ticket_id, held in reserved.items():
            if held.state != "released":
                yield f"reservations follow tickets: {ticket_id} still holds {held.reservation.reserved_usd}"
        paid = sum(
            (o.price or 0) * o.filled * 100
            for o in self._outside.venue.orders.values()
            if o.status != "replaced"
        )
        if self._outside.venue.cash < paid:
            yield "no order beyond limits: more was paid than there was"


def _fills(orders: Sequence[VenueOrder]) -> tuple[int, Decimal | None]:
    """Return contracts and average price of all attempts; a replacement counts what it came in the place of."""
    whole = [order for order in orders if order.status != "replaced"]
    filled = sum(order.filled for order in whole)
    paid = sum((order.filled * (order.price or Decimal(0)) for order in whole), Decimal(0))
    return filled, (paid / filled).quantize(MICRO) if filled else None
