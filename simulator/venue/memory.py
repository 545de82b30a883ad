"""An account as something that can be kept and brought back, pure: rows out, rows in.

Orders are kept as they are. Cash, positions and margin are not: they are the sum of the activities, which are
recorded again. What the sum cannot know, the marks that today's gains count from, is kept beside it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from simulator.venue.account import Account
from simulator.venue.activities import Activity
from simulator.venue.configuration import Configuration
from simulator.venue.daybook import EquityMark
from simulator.venue.fills import FillRules
from simulator.venue.orders import Order
from simulator.venue.positions import Position


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """What is one row of an account; `events` counts what was told of orders, so that execution ids go on.

    `journalled` counts the activities that were in the journal for certain when this was kept.
    """

    account_id: str
    starting_cash_usd: Decimal
    opened_at: datetime
    events: int = 0
    generation: int = 0
    journalled: int = 0
    waived: tuple[str, ...] = ()
    configuration: Configuration = field(default_factory=Configuration)
    closing_prices: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMemory:
    """An account's rows; orders, activities and marks oldest first."""

    facts: AccountFacts
    orders: tuple[Order, ...] = ()
    activities: tuple[Activity, ...] = ()
    positions: tuple[Position, ...] = ()
    marks: tuple[EquityMark, ...] = ()
    closes: dict[date, EquityMark] = field(default_factory=dict)
    seen_to: datetime | None = None


def facts_of(account: Account, *, opened_at: datetime, generation: int, journalled: int = 0) -> AccountFacts:
    """Return the facts of an account as it stands."""
    return AccountFacts(
        account_id=account.account_id,
        starting_cash_usd=account.starting_cash_usd,
        opened_at=opened_at,
        events=account.ledger.events,
        generation=generation,
        journalled=journalled,
        waived=tuple(sorted(account.waived)),
        configuration=account.configuration,
        closing_prices=dict(account.days.closing_prices),
    )


def restored(memory: AccountMemory, fills: FillRules) -> Account:
    """Return the account that was kept."""
    facts = memory.facts
    account = Account(account_id=facts.account_id, cash_usd=facts.starting_cash_usd, fills=fills)
    account.configure(facts.configuration)
    account.waived = set(facts.waived)
    _refill(account, memory.orders, memory.activities, memory.positions)
    account.ledger.events = facts.events
    days = account.days
    days.closes, days.marks = dict(memory.closes), list(memory.marks)
    days.closing_prices, days.seen_to = dict(facts.closing_prices), memory.seen_to
    return account


def _refill(
    account: Account, orders: Iterable[Order], activities: Iterable[Activity], positions: Iterable[Position]
) -> None:
    ledger = account.ledger
    for order in orders:
        ledger.book.keep(order)
    ledger.book.changed.clear()
    for activity in activities:
        ledger.portfolio.record(activity)
    for position in positions:
        ledger.portfolio.replace(position)
