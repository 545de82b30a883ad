"""What the model database holds, and the ports of the stages over it. Constraints raise UniqueViolationError at the commit."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from kernel.contracts.codec import Codec
from kernel.contracts.messages import OrderStatus, Signal
from kernel.domain.control import EVERYTHING, ControlState, Switch
from kernel.domain.errors import InvariantBroken
from kernel.stream.stage import Emission, Emissions
from kernel.testing.builders import NOW
from services.executor.core.order_life import Order
from services.executor.core.steps import Step
from services.signals.ports import KeptAlert
from services.sizer.adapters.postgres_budget import EXPIRY_GRACE
from services.sizer.core.facts import Reservation
from tests.simulation.database import ModelDatabase, Transaction


class UniqueViolationError(Exception):
    """A second row under one key."""


@dataclass
class HeldMoney:
    """A reservation and what became of it."""

    reservation: Reservation
    state: str = "in_flight"
    reason: str | None = None


@dataclass
class OutboxRow:
    """A message that waits to be published, or has been."""

    message_id: str
    topic: str
    payload: bytes
    published: bool = False


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A step as it was written; `at` is the database's time."""

    at: datetime
    step: Step


ACTIVE = Switch(
    scope=EVERYTHING,
    state=ControlState.ACTIVE,
    reason="the first start",
    by="nobody",
    since=NOW,
    version=1,
    counts_from=NOW,
)


@dataclass
class Tables:
    """Everything committed."""

    alerts: dict[str, KeptAlert] = field(default_factory=dict)
    decisions: dict[tuple[str, str], Emissions] = field(default_factory=dict)
    reservations: dict[str, HeldMoney] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    ledger: dict[str, list["LedgerRow"]] = field(default_factory=lambda: defaultdict(list))
    #: The id of the order that each attempt's id belongs to.
    order_of_attempt: dict[str, str] = field(default_factory=dict)
    redeliveries: list[datetime] = field(default_factory=list)
    day_premiums_usd: dict[date, Decimal] = field(default_factory=dict)
    #: The highest equity a decision has seen, and when.
    equity_high: tuple[Decimal, datetime] | None = None
    switch: Switch = ACTIVE
    #: By a number given out when the row was staged, which need not be the order of the commits.
    outbox: dict[int, OutboxRow] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    numbers: int = 0

    def number(self) -> int:
        """Return the next number of the outbox, as a sequence gives them: at once, whatever becomes of it."""
        self.numbers += 1
        return self.numbers

    def waiting(self) -> list[tuple[int, OutboxRow]]:
        """Return the rows nobody has published, by number."""
        return sorted((n, row) for n, row in self.outbox.items() if not row.published)


class ModelAlerts:
    """services.signals.ports.Alerts."""

    def __init__(self, database: ModelDatabase, tables: Tables) -> None:
        self._database = database
        self._tables = tables

    async def keep(self, external_id: str, content_hash: str, signal: Signal, body: bytes) -> KeptAlert:
        """Insert, or find what was inserted first."""
        alerts = self._tables.alerts
        async with self._database.transaction() as transaction:
            await transaction.lock(("alert", external_id))
            kept = alerts.get(external_id)
            if kept is None:
                kept = KeptAlert(content_hash=content_hash, signal=signal, body=body, published=False)
                new = kept
                transaction.stage(lambda: _insert(alerts, external_id, new))
        return kept

    async def mark_published(self, external_id: str) -> None:
        """Mark, and drop the body."""
        alerts = self._tables.alerts
        async with self._database.transaction() as transaction:
            await transaction.lock(("alert", external_id))
            marked = replace(alerts[external_id], published=True, body=None)
            transaction.stage(lambda: alerts.update({external_id: marked}))

    async def unpublished(self) -> Sequence[KeptAlert]:
        """Return those that wait."""
        async with self._database.transaction() as transaction:
            await transaction.statement()
            return [kept for kept in self._tables.alerts.values() if not kept.published]


class _Answers:
    """kernel.adapters.decision_log.DecisionLog."""

    def __init__(self, tables: Tables, stage: str) -> None:
        self._decisions = tables.decisions
        self._stage = stage
        self._codec = Codec()

    def recall(self, input_id: str) -> Emissions | None:
        return self._decisions.get((self._stage, input_id))

    def stage(self, transaction: Transaction, input_id: str, emissions: Emissions) -> None:
        kept = [Emission(e.topic, e.message, wire=self._codec.encode(e.topic, e.message)) for e in emissions]
        transaction.stage(lambda: _insert(self._decisions, (self._stage, input_id), kept))


class ModelDecisions:
    """services.selector.ports.Decisions."""

    def __init__(self, database: ModelDatabase, tables: Tables) -> None:
        self._database = database
        self._answers = _Answers(tables, "selector")

    async def recall(self, signal_id: str) -> Emissions | None:
        """Return what was answered."""
        async with self._database.transaction() as transaction:
            await transaction.statement()
            return self._answers.recall(signal_id)

    async def record(self, signal_id: str, emissions: Emissions) -> Emissions:
        """Keep, or return what was kept first."""
        async with self._database.transaction() as transaction:
            await transaction.lock(("selector", signal_id))
            standing = self._answers.recall(signal_id)
            if standing is None:
                self._answers.stage(transaction, signal_id, emissions)
        return emissions if standing is None else standing


class ModelBudget:
    """services.sizer.ports.Budget."""

    def __init__(self, database: ModelDatabase, tables: Tables) -> None:
        self._database = database
        self._tables = tables
        self._answers = _Answers(tables, "sizer")
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def locked(self, account_id: str) -> AsyncIterator["_LockedBudget"]:
        """Yield the budget in one transaction that holds the account's row."""
        async with self._turn, self._database.transaction() as transaction:
            await transaction.lock(("account", account_id))
            yield _LockedBudget(transaction, self._tables, self._answers)


class _LockedBudget:
    def __init__(self, transaction: Transaction, tables: Tables, answers: _Answers) -> None:
        self._transaction = transaction
        self._tables = tables
        self._answers = answers

    async def recall(self, selection_id: str) -> Emissions | None:
        self._transaction.check()
        return self._answers.recall(selection_id)

    async def in_flight(self, now: datetime) -> Sequence[Reservation]:
        await self._transaction.statement()
        found: list[Reservation] = []
        for held in self._tables.reservations.values():
            if held.state != "in_flight":
                continue
            if held.reservation.expires_at < now - EXPIRY_GRACE and not self._in_doubt(held):
                self._transaction.stage(lambda held=held: _release(held, "TICKET_EXPIRED"))  # type: ignore[misc]
            else:
                found.append(held.reservation)
        return found

    def _in_doubt(self, held: HeldMoney) -> bool:
        ticket_id = held.reservation.ticket_id
        doubtful = (OrderStatus.SENDING, OrderStatus.UNKNOWN)
        return any(
            o.ticket.meta.id == ticket_id and o.status in doubtful for o in self._tables.orders.values()
        )

    async def reserve(self, reservation: Reservation) -> None:
        held = HeldMoney(reservation)
        self._transaction.stage(lambda: _insert(self._tables.reservations, reservation.ticket_id, held))

    async def record(self, selection_id: str, emissions: Emissions) -> None:
        self._transaction.check()
        if self._answers.recall(selection_id) is not None:
            raise InvariantBroken(f"selection {selection_id} was answered by another worker under the lock")
        self._answers.stage(self._transaction, selection_id, emissions)


def _insert(table: dict[Any, Any], key: Any, row: Any) -> None:
    if key in table:
        raise UniqueViolationError(f"{key} is there already")
    table[key] = row


def _release(held: HeldMoney, reason: str) -> None:
    if held.state != "released":
        held.state, held.reason = "released", reason
