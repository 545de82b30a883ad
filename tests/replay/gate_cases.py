"""What happens in the cases of the executor's gates: one desk for each ticket, at which all is good but what it asks for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from kernel.contracts.parts import Side
from kernel.contracts.topics import TICKETS
from kernel.domain.control import ControlState
from kernel.domain.params import TradingParams
from kernel.testing.builders import NOW, a_leg, a_ticket, an_idea
from services.executor.core.facts import Position
from services.executor.core.steps import topic_of
from tests.fakes.executor_desk import Desk
from tests.fakes.executor_facts import READY, a_book, a_switch, account_facts
from tests.fakes.memory_log import MemoryLog

Change = Callable[[Desk], object]
D = Decimal


class _Tickets:
    """Numbered tickets for four contracts at 2.50 that live a week, each delivered to a desk of its own."""

    def __init__(self, log: MemoryLog, params: TradingParams, name: str = "signal") -> None:
        self._log, self._params, self._name, self._count = log, params, name, 0

    async def deliver(self, *changes: Change, after: timedelta = timedelta(), **values: Any) -> None:
        self._count += 1
        end = NOW + timedelta(days=7)
        week = {
            "legs": (a_leg(occ_symbol="SPY260612C00520000"),),
            "expires_at": end,
            "idea": an_idea(expires_at=end),
        }
        desk, ticket = Desk(self._params), a_ticket(f"{self._name} {self._count}", **(week | values))
        desk.clock.advance(after)
        for change in changes:
            change(desk)
        await desk.deliver(ticket)
        self._log.write(TICKETS, ticket)
        for step in desk.orders.steps:
            for message in step.messages:
                self._log.write(topic_of(message), message)


async def gates(log: MemoryLog, params: TradingParams) -> None:
    tickets = _Tickets(log, params)
    await tickets.deliver()
    await tickets.deliver(legs=(a_leg(side=Side.SELL),))
    await tickets.deliver(limit_price=D("2.52"))
    await tickets.deliver(contracts=11)
    await tickets.deliver(_skewed(-2.000001))
    await tickets.deliver(_skewed(2.0))
    await tickets.deliver(expires_at=NOW + timedelta(minutes=2), after=timedelta(minutes=2))
    await tickets.deliver(after=timedelta(days=1))
    await tickets.deliver(legs=(a_leg(),), after=timedelta(hours=4.5))
    await tickets.deliver(idea=an_idea(expires_at=NOW))


async def gates_of_price(log: MemoryLog, params: TradingParams) -> None:
    tickets = _Tickets(log, params, "price")
    await tickets.deliver(_account(blocked_by=("trading_blocked",)))
    await tickets.deliver(_account(last_equity_usd=None))
    await tickets.deliver(contracts=11, max_contracts=1000)
    await tickets.deliver(limit_price=D("25.00"), price_ceiling=D("25.00"))
    await tickets.deliver(_quoted(bid=D(0)))
    await tickets.deliver(_quoted(quoted_at=NOW - timedelta(seconds=420.000001)))
    await tickets.deliver(_quoted(bid=D("2.00"), ask=D("2.51")))
    await tickets.deliver(limit_price=D("2.77"), price_ceiling=D("2.80"))
    await tickets.deliver(limit_price=D("2.24"))
    await tickets.deliver(_quoted(price=D(530)))


async def gates_of_stake(log: MemoryLog, params: TradingParams) -> None:
    tickets = _Tickets(log, params, "stake")
    await tickets.deliver(_book(begun_last_minute=10))
    await tickets.deliver(_book(rejected_at=(NOW,) * 3))
    await tickets.deliver(_book(same_order_at=NOW - timedelta(seconds=59)))
    await tickets.deliver(_holding(*((f"QQQ260612C{n:08d}", "1") for n in range(10))))
    await tickets.deliver(_book(day_premium_usd=D("18996.01")))
    await tickets.deliver(_holding(("QQQ260612C00450000", "18996.01")))
    await tickets.deliver(_holding(("SPY260612C00530000", "8996.01")))
    await tickets.deliver(_account(options_buying_power_usd=D("1003.99")))


async def gates_of_standing(log: MemoryLog, params: TradingParams) -> None:
    tickets = _Tickets(log, params, "standing")
    await tickets.deliver(lambda desk: setattr(desk, "venue_url", "https://api.alpaca.markets"))
    await tickets.deliver(_account(equity_usd=D("89999.99")))
    await tickets.deliver(_account(equity_usd=D(95000)), _book(equity_high_usd=D(130000), equity_high_at=NOW))
    await tickets.deliver(_ready(stream_ready=False))
    await tickets.deliver(_ready(reconciled=False))
    await tickets.deliver(_ready(drift=("1 SPY260612C00530000 more than we know of",)))
    await tickets.deliver(_switch(ControlState.HALTED, reason="a person's wish", by="operator"))
    await tickets.deliver(_switch(ControlState.REDUCING, reason="daily loss", by="executor"))


async def allow_list(log: MemoryLog, params: TradingParams) -> None:
    tickets = _Tickets(log, params, "allowed")
    await tickets.deliver()
    end = NOW + timedelta(days=7)
    await tickets.deliver(legs=(a_leg(occ_symbol="QQQ260612C00520000"),), idea=an_idea("QQQ", expires_at=end))


def _skewed(seconds: float) -> Change:
    return lambda desk: setattr(desk, "skew_s", seconds)


def _account(**values: Any) -> Change:
    return lambda desk: setattr(desk.accounts, "answer", account_facts(**values))


def _holding(*positions: tuple[str, str]) -> Change:
    held = tuple(Position(occ_symbol=symbol, at_stake_usd=D(usd)) for symbol, usd in positions)
    return lambda desk: setattr(desk.accounts, "held", held)


def _quoted(**values: Any) -> Change:
    return lambda desk: [setattr(desk.quotes, name, value) for name, value in values.items()]


def _ready(**values: Any) -> Change:
    return lambda desk: setattr(desk.readiness, "answers", [replace(READY, **values)])


def _book(**values: Any) -> Change:
    return lambda desk: setattr(desk.orders, "book", a_book(**values))


def _switch(state: ControlState, **values: Any) -> Change:
    return _book(switch=a_switch(state, **values))
