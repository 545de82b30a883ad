"""What the executor's gates see from outside, good but for what a test says."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from kernel.contracts.messages import Ticket
from kernel.domain.calendar import market_day
from kernel.domain.clock import Clock
from kernel.domain.control import EVERYTHING, ControlState, Switch
from kernel.testing.builders import NOW, a_leg, a_ticket, an_idea
from services.executor.core.facts import AccountFacts, Facts, Position, Quote
from services.executor.core.gates import Limits
from services.executor.core.readiness import Readiness
from services.executor.core.risk_book import RiskBook
from services.executor.ports import FactsOf
from tests.fakes.executor_sessions import weekdays
from tests.fakes.params import PARAMS

LIMITS = Limits.of(PARAMS)
READY = Readiness(stream_ready=True, reconciled=True)


def a_switch(state: ControlState = ControlState.ACTIVE, **values: Any) -> Switch:
    """The kill switch; ACTIVE for ever."""
    epoch = datetime(2026, 1, 1, tzinfo=UTC)
    defaults: dict[str, Any] = {
        "scope": EVERYTHING,
        "state": state,
        "reason": "never stopped",
        "by": "migration",
        "since": epoch,
        "version": 1,
        "counts_from": epoch,
    }
    return Switch(**(defaults | values))


def a_book(**values: Any) -> RiskBook:
    """The book of an account without other orders."""
    return RiskBook(**({"switch": a_switch()} | values))


def account_facts(**values: Any) -> AccountFacts:
    """The $100,000 account that `a_ticket` is for."""
    defaults: dict[str, Any] = {
        "account_id": "PA0000000001",
        "equity_usd": Decimal(100000),
        "last_equity_usd": Decimal(100000),
        "options_buying_power_usd": Decimal(100000),
    }
    return AccountFacts(**(defaults | values))


def a_quote(**values: Any) -> Quote:
    """2.49 x 2.51, just now."""
    return Quote(**({"bid": Decimal("2.49"), "ask": Decimal("2.51"), "quoted_at": NOW} | values))


def some_facts(**values: Any) -> Facts:
    """Facts on which every gate says yes to `long_lived()`."""
    defaults: dict[str, Any] = {
        "now": NOW,
        "calendar": weekdays(market_day(NOW)),
        "clock_skew_s": None,
        "venue_url": "http://127.0.0.1:1",
        "account": account_facts(),
        "positions": (),
        "quote": a_quote(),
        "price_usd": Decimal(520),
        "readiness": READY,
        "book": a_book(),
    }
    return Facts(**(defaults | values))


def long_lived(symbol: str = "SPY260612C00520000", **values: Any) -> Ticket:
    """A ticket for four contracts at 2.50 that lives a week and expires in one."""
    end = NOW + timedelta(days=7)
    defaults: dict[str, Any] = {
        "legs": (a_leg(occ_symbol=symbol),),
        "idea": an_idea(expires_at=end),
        "expires_at": end,
    }
    return a_ticket(**(defaults | values))


def facts_at(clock: Clock) -> FactsOf:
    """Good facts of whatever the moment is when they are asked for."""

    async def facts(_ticket: Ticket) -> Facts:
        now = clock.now()
        return some_facts(
            now=now, calendar=weekdays(market_day(now)), quote=a_quote(quoted_at=now), book=None
        )

    return facts


@dataclass
class FakeAccounts:
    """An account that answers what the test has put there; `fails_with` is raised instead."""

    answer: AccountFacts | None = field(default_factory=account_facts)
    held: tuple[Position, ...] | None = ()
    fails_with: Exception | None = None

    async def account(self) -> AccountFacts | None:
        if self.fails_with is not None:
            raise self.fails_with
        return self.answer

    async def positions(self) -> tuple[Position, ...] | None:
        return self.held


@dataclass
class FakePrices:
    """One quote and one price for everything, always of this moment unless `quoted_at` says otherwise."""

    clock: Clock
    bid: Decimal | None = Decimal("2.49")
    ask: Decimal | None = Decimal("2.51")
    quoted_at: datetime | None = None
    price: Decimal | None = Decimal(520)
    asked: list[str] = field(default_factory=list)

    async def option(self, occ_symbol: str) -> Quote | None:
        self.asked.append(occ_symbol)
        return Quote(bid=self.bid, ask=self.ask, quoted_at=self.quoted_at or self.clock.now())

    async def price_usd(self, underlying: str) -> Decimal | None:
        self.asked.append(underlying)
        return self.price


@dataclass
class FakeReadiness:
    """`answers` are given one after the other, the last one for ever."""

    answers: list[Readiness] = field(default_factory=lambda: [READY])
    asked: int = 0

    async def readiness(self) -> Readiness:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]
