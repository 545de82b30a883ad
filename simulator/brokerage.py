"""The venue's accounts: one for all keys, or one for each, on one market, clock and journal.

1. A key always means the same account; under "one" every key means the shared one.
2. Whatever changed an account is on disk before it is told (`StateFile`), if there is a state file.
3. Market time goes on after a restart from where it stood, never from before anything that was told.
4. An account that is reset is a new one: another id, no orders, every client order id free again.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import partial

from simulator.account_rules import SHARED, AccountRules
from simulator.clock import SimClock
from simulator.desk import Desk
from simulator.fault_gate import FaultGate
from simulator.faults import Fault, Faults
from simulator.hub import UpdateHub
from simulator.journal import Journal
from simulator.keys import KeyRing
from simulator.market_view import MarketView
from simulator.recovery import activity_fields, missing_rows
from simulator.state import ClockMemory, StateFile
from simulator.venue.account import Account
from simulator.venue.activities import NonTrade
from simulator.venue.fills import FillRules
from simulator.venue.identity import uuid_of
from simulator.venue.limits import NO_LIMITS, Limits
from simulator.venue.memory import facts_of, restored
from simulator.venue.money_text import money_text

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Holding:
    """An account with its desk; `generation` counts its resets, `activities` those in the journal.

    `journalled` counts the activities of which every row is there, those of fills included.
    `kept` is what the account was marked by when it was last kept. `has_failed`: a tick failed, it trades no longer.
    """

    desk: Desk
    opened_at: datetime
    generation: int = 0
    activities: int = 0
    journalled: int = 0
    kept: object = None
    has_failed: bool = False


class Brokerage:
    """Every account of the venue; all figures in USD."""

    def __init__(
        self,
        *,
        clock: SimClock,
        view: MarketView,
        journal: Journal,
        faults: Faults,
        fills: FillRules,
        rules: AccountRules,
        parent: str,
        state: StateFile | None = None,
        limits: Limits = NO_LIMITS,
    ) -> None:
        """Bring back what `state` has and open what `rules` list; account ids follow from `parent`."""
        self.clock = clock
        self.view = view
        self.journal = journal
        self.faults = faults
        self.keys = KeyRing()
        self._fills = fills
        self._rules = rules
        self._parent = parent
        self._state = state
        self._limits = limits
        self._holdings: dict[str, Holding] = {}
        self._restore()
        for holder, equity_usd in ((SHARED, rules.equity_usd), *rules.listed):
            if holder not in self._holdings:
                self.open(holder, equity_usd)

    @property
    def shared(self) -> Desk:
        """The desk of the account that all keys without their own share."""
        return self._holdings[SHARED].desk

    @property
    def is_single(self) -> bool:
        """Tell whether every key means the shared account."""
        return not self._rules.by_key and len(self._holdings) == 1

    @property
    def is_trading(self) -> bool:
        """Tell whether every account still trades."""
        return not any(holding.has_failed for holding in self._holdings.values())

    @property
    def holdings(self) -> dict[str, Holding]:
        """Every account by its holder's key id; `SHARED` is everyone else's."""
        return dict(self._holdings)

    def desk_of(self, key: str) -> Desk:
        """Return the desk of an APCA key id, opening its account if the rules have it so."""
        holding = self._holdings.get(key)
        if holding is None:
            return self.open(key, self._rules.equity_usd).desk if self._rules.by_key else self.shared
        return holding.desk

    def holder_of(self, key: str) -> str:
        """Return the holder of the account that an APCA key id means, whether it is open yet or not."""
        return key if self._rules.by_key or key in self._holdings else SHARED

    def account_id_of(self, key: str | None) -> str | None:
        """Return the id of a key's own account, for the journal, where no key id stands; None without a key.

        A key without one gets the id that its account would have.
        """
        if not key:
            return None
        holding = self._holdings.get(key)
        named = f"{self._parent}:{key.encode().hex()}"
        return holding.desk.account.account_id if holding else uuid_of(named, "key")

    def open(self, holder: str, equity_usd: Decimal) -> Holding:
        """Open an account."""
        return self._add(holder, self._new_account(holder, 0, equity_usd, self._fills), self.clock.now())

    def reset(self, holder: str, equity_usd: Decimal | None = None) -> Holding:
        """Begin an account anew, with what it started with or `equity_usd`; its listeners stay. Raises KeyError."""
        holding = self._holdings[holder]
        self.keys.forget(lambda key: self.holder_of(key) == holder)
        cash_usd = equity_usd or holding.desk.account.starting_cash_usd
        if self._state is not None:
            self._state.forget(holder)
        holding.generation += 1
        holding.activities, holding.journalled, holding.kept = 0, 0, None
        holding.opened_at = self.clock.now()
        holding.has_failed = False
        account = self._new_account(holder, holding.generation, cash_usd, holding.desk.account.fills)
        holding.desk.account, holding.desk.journal = account, self.journal.of_account(account.account_id)
        holding.desk.journal.write("account_reset", holding.opened_at, {"equity_usd": money_text(cash_usd)})
        self.keep(holder)
        return holding

    def tick(self) -> None:
        """Let time pass for every account up to the clock's present; one that fails stops trading, alone."""
        for holder, holding in self._holdings.items():
            if holding.has_failed:
                continue
            try:
                holding.desk.tick()
                self._settle_up(holder, holding)
            except Exception:  # noqa: BLE001  whatever failed, the other accounts trade on
                holding.has_failed = True
                _log.exception("account %s no longer trades: a tick failed", holding.desk.account.account_id)

    def settle_up(self, desk: Desk) -> None:
        """Keep an account after a request, before its answer is sent."""
        for holder, holding in self._holdings.items():
            if holding.desk is desk:
                self._settle_up(holder, holding)

    def keep(self, holder: str) -> None:
        """Put what changed of an account on disk, and what happened to it beside orders into the journal."""
        holding = self._holdings[holder]
        account = holding.desk.account
        if holding.kept == _mark_of(account):
            return
        if self._state is not None:
            facts = facts_of(
                account,
                opened_at=holding.opened_at,
                generation=holding.generation,
                journalled=holding.journalled,
            )
            self._state.keep(holder, account, facts, self._clock_memory())
        account.ledger.book.changed.clear()
        for activity in account.activities[holding.activities :]:
            if isinstance(activity, NonTrade):
                _write_activity(holding.desk, activity)
        holding.activities, holding.kept = len(account.activities), _mark_of(account)

    def keep_clock(self) -> None:
        """Put the market's time on disk."""
        if self._state is not None:
            self._state.keep_clock(self._clock_memory())

    def close(self) -> None:
        """Keep everything and close the files."""
        self.journal.close()
        self.keep_clock()
        if self._state is not None:
            self._state.close()

    def _settle_up(self, holder: str, holding: Holding) -> None:
        """Keep an account once everything that happened was announced."""
        self.keep(holder)
        holding.journalled = len(holding.desk.account.activities)

    def _restore(self) -> None:
        if self._state is None:
            return
        for holder, memory in self._state.accounts().items():
            account = restored(memory, self._fills)
            holding = self._add(holder, account, memory.facts.opened_at)
            holding.generation, holding.activities = memory.facts.generation, len(account.activities)
            for row in missing_rows(account, memory.facts.journalled, self.journal):
                holding.desk.journal.write(row.kind, row.at, row.fields)
            holding.journalled = len(account.activities)

    def _add(self, holder: str, account: Account, opened_at: datetime) -> Holding:
        journal = self.journal.of_account(account.account_id)
        faults = self.faults.seen_by(
            lambda key: self.holder_of(key) == holder, partial(self._witness, account.account_id)
        )
        account.fills = replace(self._fills, gate=FaultGate(faults))
        desk = Desk(
            clock=self.clock,
            view=self.view,
            account=account,
            journal=journal,
            faults=faults,
            hub=UpdateHub(faults),
            before_telling=partial(self.keep, holder),
            limits=self._limits,
        )
        self._holdings[holder] = Holding(desk=desk, opened_at=opened_at)
        if not account.orders:
            self.keep(holder)
        return self._holdings[holder]

    def _new_account(self, holder: str, generation: int, equity_usd: Decimal, fills: FillRules) -> Account:
        named = f"{self._parent}:{holder}" if holder else self._parent
        step = f"account:{generation}" if generation else "account"
        return Account(account_id=uuid_of(named, step), cash_usd=equity_usd, fills=fills)

    def _clock_memory(self) -> ClockMemory:
        return ClockMemory(at=self.clock.now(), speed=self.clock.speed, numbers=self.journal.numbers)

    def _witness(self, account_id: str, fault: Fault, subject: str) -> None:
        self.journal.write(
            "fault_struck", self.clock.now(), {"fault": fault.kind, "subject": subject}, account=account_id
        )


def _mark_of(account: Account) -> tuple[object, ...]:
    """Return what differs whenever the account does; nothing of it is left in `changed` once it was kept."""
    days = account.days
    return (
        account.ledger.events,
        len(account.ledger.book.changed),
        len(account.activities),
        len(days.marks),
        len(days.closes),
        len(days.closing_prices),
        account.configuration,
        frozenset(account.waived),
    )


def _write_activity(desk: Desk, activity: NonTrade) -> None:
    desk.journal.write("activity", activity.occurred_at, activity_fields(activity))
