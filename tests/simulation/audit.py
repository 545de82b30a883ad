"""What must hold when a seed has calmed down. Each violation is one sentence that begins with the name of its invariant."""

from collections import Counter, defaultdict
from collections.abc import Iterator
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
from services.executor.core.order_life import Order
from services.executor.core.orders import client_order_id_of
from services.executor.core.venue_reports import read_report
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
        """Every ticket has its one order, and there is no order without a ticket."""
        tickets = {ticket.meta.id: ticket for ticket in self._of(TICKETS)}
        known = {order.ticket.meta.id for order in self._tables.orders.values()}
        if known != set(tickets):
            yield f"one order per ticket: {len(tickets)} tickets, {len(known)} orders"
        ours = {client_order_id_of(ticket_id): ticket for ticket_id, ticket in tickets.items()}
        for client_order_id, order in self._outside.venue.orders.items():
            ticket = ours.get(client_order_id)
            if ticket is None:
                yield f"one order per ticket: {client_order_id} stands at the venue for no ticket"
            elif order.contracts > ticket.contracts or order.limit_price > ticket.price_ceiling:
                yield f"no order beyond its ticket: {client_order_id} {order.contracts} at {order.limit_price}"
        for client_order_id in set(self._outside.venue.posts) - ours.keys():
            yield f"one order per ticket: {client_order_id} was sent for no ticket"

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
            yield from self._started_well(order)

    def _started_well(self, order: Order) -> Iterator[str]:
        """No request goes out before its intent is committed: whatever was sent has a SENDING step."""
        sent = order.client_order_id in self._outside.venue.posts
        rows = self._tables.ledger[order.client_order_id]
        if sent and not any(row.step.order.status is OrderStatus.SENDING for row in rows):
            yield f"intent before request: {order.client_order_id} was sent and never meant to be"

    def _venue(self) -> Iterator[str]:
        """What the ledger says of an order is what the venue has."""
        at_venue = self._outside.venue.orders
        for client_order_id, order in self._tables.orders.items():
            found = at_venue.get(client_order_id)
            if found is None:
                if order.status is not OrderStatus.REJECTED or order.filled_contracts:
                    yield f"ledger and venue agree: {client_order_id} is {order.status}, the venue has none"
                continue
            report = read_report(found.document())
            ours = (order.status, order.filled_contracts, order.average_fill_price)
            theirs = (report.status, report.filled_contracts, report.average_fill_price)
            if ours != theirs:
                yield f"ledger and venue agree: {client_order_id} is {ours}, at the venue {theirs}"

    def _money(self) -> Iterator[str]:
        """Every ticket reserved its money, and none is held for an order that has ended."""
        reserved = self._tables.reservations
        for ticket_id in {ticket.meta.id for ticket in self._of(TICKETS)} - reserved.keys():
            yield f"reservations follow tickets: {ticket_id} reserved nothing"
        for ticket_id, held in reserved.items():
            if held.state != "released":
                yield f"reservations follow tickets: {ticket_id} still holds {held.reservation.reserved_usd}"
        if self._outside.venue.cash < sum(
            (o.price or 0) * o.filled * 100 for o in self._outside.venue.orders.values()
        ):
            yield "no order beyond limits: more was paid than there was"
