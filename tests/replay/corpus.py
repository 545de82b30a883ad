"""Makes the cases of this folder: `python -m tests.replay.corpus [NAME…]`, see README.md for when.

Each is a market of a few contracts made up for one purpose, decided by the live stages over fakes, so that whoever
makes it again makes the same file. Cases named demo-* are of the synthetic market of `dispatch demo`.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from dispatch.cases.case import Case, save_case
from dispatch.cases.recording import make_case, read_range
from dispatch.console import only_results_speak
from dispatch.replay.choosing import stages_named
from dispatch.replay.deciding import replay_of
from dispatch.replay.overrides import with_overrides
from dispatch.replay.span import Span
from kernel.contracts.messages import Signal
from kernel.contracts.parts import Side
from kernel.contracts.topics import SELECTIONS, SIGNALS
from kernel.domain.options import Direction, Right, Strategy
from kernel.domain.params import TradingParams
from kernel.testing.builders import NOW, a_leg, a_selection, a_signal, an_idea
from services.selector.core.chain import Chain
from tests.fakes.chains import TODAY, Row, an_account_at_the_venue
from tests.fakes.memory_log import MemoryLog
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline
from tests.fakes.selector import FakeOptionChains
from tests.fakes.signals_desk import Desk as AlertDesk
from tests.fakes.signals_desk import Scene, an_alert
from tests.fakes.signals_market import a_breakout_day, a_pullback_history
from tests.fakes.sizer import account_answer
from tests.replay.gate_cases import allow_list, gates, gates_of_price, gates_of_stake, gates_of_standing

FOLDER = Path(__file__).parent
GOOD = Row()


class _ChainsAsAsked(FakeOptionChains):
    """Answers, as a venue does, with what expires in the window it is asked for."""

    async def chain(self, underlying: str, right: Right, first: date, last: date) -> Chain:
        return (await super().chain(underlying, right, first, last)).expiring(first, last)


@dataclass(frozen=True)
class Made:
    """A case to make: why it is kept, of which stages, with which parameters, and what happens in it."""

    note: str
    stages: str
    happens: Callable[[MemoryLog, TradingParams], Awaitable[None]]
    settings: tuple[str, ...] = ()

    async def case(self) -> Case:
        """Let it happen and keep it."""
        log, params = MemoryLog(), with_overrides(PARAMS, self.settings)
        await self.happens(log, params)
        replays = {name: replay_of(name, params, "") for name in stages_named(self.stages)}
        recorded = await read_range(log, replays, Span())
        return await make_case(log, recorded, params=params, note=self.note, trace=None)


class Market(RecordedPipeline):
    """Selector and sizer, whose signals are numbered and live as long as a test needs."""

    def __init__(self, log: MemoryLog, params: TradingParams, equity: str = "100000") -> None:
        super().__init__(params)
        self.log = log
        self.chains = self.selector._chains = _ChainsAsAsked()
        self._count = 0
        self.holds(equity)

    def holds(self, equity: str, **fields: Any) -> None:
        """Let the account stand at `equity`, all of it buying power."""
        self.accounts.answer = an_account_at_the_venue(equity)
        self.account.answer = account_answer(equity, **fields)

    def signal(self, **idea: Any) -> Signal:
        """Return the next signal, good for a day."""
        self._count += 1
        defaults = {"expires_at": NOW + timedelta(days=1)}
        return a_signal(f"signal {self._count}", idea=an_idea(**(defaults | idea)))

    async def ask(self, *rows: Row, spot: str | None = "520", **idea: Any) -> None:
        """Send the next signal to a chain of `rows`."""
        await self.send(self.signal(**idea), *rows, spot=None if spot is None else Decimal(spot))

    async def size(self, cause: str, **selection: Any) -> None:
        """Let the sizer decide on a selection as it is given."""
        idea = an_idea(expires_at=NOW + timedelta(days=1))
        given = a_selection(cause, **({"idea": idea} | selection))
        self.log.write(SELECTIONS, given)
        self.log.write_all(await self.sizer.handle(given))


async def every_contract_reason(log: MemoryLog, params: TradingParams) -> None:
    market = Market(log, params)
    rows = (
        GOOD,
        Row(strike="501", unreadable=True),
        Row(strike="502", bid=None),
        Row(strike="503", bid="2.52", ask="2.51"),
        Row(strike="504", quoted_at=NOW - timedelta(seconds=301)),
        Row(strike="505", bid="2.38", ask="2.631"),
        Row(strike="506", bid="0.28", ask="0.31"),
        Row(strike="507", day_volume=199),
        Row(strike="508", expiration=date(2026, 6, 15)),
        Row(strike="509", tradable=False),
        Row(strike="510", delta=None),
        Row(strike="511", delta=0.86),
        Row(strike="512", open_interest=9),
        Row(strike="513", bid="10.00", ask="10.04"),
        Row(strike="514", expiration=TODAY),
    )
    await market.ask(*rows)
    market.clock.advance(timedelta(hours=4, minutes=30))
    await market.ask(*(row.but(quoted_at=market.clock.now()) for row in (GOOD, rows[14])))


async def limits_are_met_exactly(log: MemoryLog, params: TradingParams) -> None:
    """Each pair differs in the last digit that a limit looks at."""
    market = Market(log, params)
    pairs = [
        (Row(bid="1.90", ask="2.0999"), Row(bid="1.90", ask="2.10")),
        (Row(bid="0.295", ask="0.305"), Row(bid="0.295", ask="0.3049")),
        (Row(day_volume=200), Row(day_volume=199)),
        (Row(quoted_at=NOW - timedelta(seconds=300)), Row(quoted_at=NOW - timedelta(seconds=300.000001))),
        (Row(bid="9.99", ask="10.01"), Row(bid="9.99", ask="10.0101")),
        (Row(delta=0.849), Row(delta=0.851)),
    ]
    for inside, outside in pairs:
        await market.ask(inside)
        await market.ask(outside)


async def strategies(log: MemoryLog, params: TradingParams) -> None:
    market = Market(log, params)
    calls = [
        Row(strike=str(strike), expiration=day, delta=delta, bid=bid, ask=ask, day_volume=volume)
        for strike, day, delta, bid, ask, volume in (
            (510, date(2026, 6, 8), 0.71, "11.20", "11.40", 310),
            (515, date(2026, 6, 12), 0.62, "7.90", "8.00", 640),
            (520, date(2026, 6, 12), 0.51, "4.78", "4.84", 2410),
            (525, date(2026, 6, 12), 0.38, "2.71", "2.75", 1980),
            (520, date(2026, 7, 17), 0.54, "9.60", "9.72", 1105),
            (530, date(2026, 7, 17), 0.41, "5.30", "5.38", 1490),
            (540, date(2026, 7, 17), 0.29, "2.40", "2.47", 875),
        )
    ]
    puts = [row.but(right=Right.PUT, delta=-(1 - (row.delta or 0))) for row in calls]
    for strategy in (Strategy.DAY_TRADE, Strategy.SWING):
        await market.ask(*calls, *puts, strategy=strategy)
        await market.ask(*calls, *puts, strategy=strategy, direction=Direction.BEARISH)
    await market.ask(*calls, *puts, strategy=Strategy.SWING, spot="527.43")


async def ties(log: MemoryLog, params: TradingParams) -> None:
    market = Market(log, params)
    await market.ask(Row(strike="519", bid="2.48", ask="2.52"), GOOD)
    await market.ask(GOOD, Row(strike="525", day_volume=851))
    await market.ask(Row(strike="518"), Row(strike="521"))
    await market.ask(Row(strike="521"), Row(strike="519"))
    await market.ask(Row(strike="519", bid="2.48", ask="2.52", day_volume=9000), Row(strike="527"))


async def volume_of_yesterday(log: MemoryLog, params: TradingParams) -> None:
    market = Market(log, params)
    yesterday = TODAY - timedelta(days=1)
    await market.ask(Row(day_volume=None, previous_volume=900), Row(strike="521", day_volume=210))
    await market.ask(Row(day_volume=None, previous_volume=None, trade_size=400, trade_date=TODAY))
    await market.ask(Row(day_volume=900, day_bar_date=yesterday))


async def selector_refusals(log: MemoryLog, params: TradingParams) -> None:
    market = Market(log, params)
    await market.ask(GOOD, expires_at=NOW - timedelta(seconds=1))
    await market.ask(GOOD, strategy=Strategy.PREMIUM_SELLER)
    await market.ask(GOOD, strategy=Strategy.PREMIUM_SELLER, direction=Direction.BEARISH)
    await market.ask(GOOD, spot=None)
    await market.ask()
    await market.ask(Row(day_volume=1), Row(strike="525", bid=None))
    await market.ask(Row(strike="515", bid="2.40", ask="2.62", day_volume=200, delta=0.8))
    market.accounts.answer = an_account_at_the_venue(blocked_by=("trading_blocked",))
    await market.ask(GOOD)
    market.accounts.answer = an_account_at_the_venue("900")
    await market.ask(GOOD)
    market.holds("100000")
    market.clock.set(NOW + timedelta(hours=5, minutes=30))  # 16:00 in New York: the close itself is closed
    await market.ask(GOOD)


async def expired_while_asking(log: MemoryLog, params: TradingParams) -> None:
    market = Market(log, params)
    soon = NOW + timedelta(minutes=5)
    market.account.while_answering = lambda: market.clock.set(soon)
    await market.ask(GOOD, expires_at=soon)
    market.account.while_answering = lambda: None
    market.clock.set(NOW)
    market.chains.while_answering = lambda: market.clock.set(soon)
    await market.ask(GOOD, expires_at=soon)


async def sizer_refusals(log: MemoryLog, params: TradingParams) -> None:
    market = Market(log, params)
    await market.size("expired", idea=an_idea(expires_at=NOW))
    await market.size("a sold leg", legs=(a_leg(side=Side.SELL),))
    await market.size("two of a leg", legs=(a_leg(ratio=2),))
    below_a_tick = a_leg(bid=Decimal(0), ask=Decimal("0.005"))
    await market.size("below a tick", legs=(below_a_tick,), mid=Decimal("0.0025"))
    market.holds("900")
    await market.size("too small")
    market.holds("100000", trading_blocked=True)
    await market.size("blocked")
    market.holds("100000", status="ACCOUNT_CLOSED")
    await market.size("closed")


async def no_money_for_the_ceiling(log: MemoryLog, params: TradingParams) -> None:
    for equity in ("250.99", "251.00", "249.99", "501.00"):
        await Market(log, params, equity).size(equity)


async def every_tier(log: MemoryLog, params: TradingParams) -> None:
    both = (Strategy.DAY_TRADE, Strategy.SWING)
    for equity in ("1100", "2000", "2000.01", "5000", "5000.01", "25000", "25000.01", "1000000"):
        for strategy in both if Decimal(equity) % 1 == 0 else both[1:]:
            market = Market(log, params, equity)  # each its own, so that no ticket is in flight
            idea = an_idea(strategy=strategy, expires_at=NOW + timedelta(days=1))
            leg = a_leg(bid=Decimal("2.19"), ask=Decimal("2.21"))
            await market.size(f"{strategy} of {equity}", idea=idea, legs=(leg,), mid=Decimal("2.20"))


async def in_flight(log: MemoryLog, params: TradingParams) -> None:
    market = Market(log, params, "3000")
    for bid, ask in (
        ("2.99", "3.01"),
        ("2.49", "2.51"),
        ("1.99", "2.01"),
        ("1.09", "1.11"),
        ("2.49", "2.51"),
    ):
        await market.ask(Row(bid=bid, ask=ask))


async def odd_prices(log: MemoryLog, params: TradingParams) -> None:
    market = Market(log, params, "10000")
    for bid, ask in (("0.3049", "0.3051"), ("1.005", "1.0151"), ("1.0001", "1.0999"), ("2.4999", "2.5001")):
        await market.ask(Row(bid=bid, ask=ask))


async def signals_given(log: MemoryLog, params: TradingParams) -> None:
    del params
    desk = AlertDesk()
    alerts = (
        an_alert(),
        an_alert(
            id="tv-2", direction="sell", strategy="day_trade", price="520.1", stop="523", target="515.5"
        ),
        an_alert(id="tv-3", ticker="BRK.B"),
    )
    for alert in alerts:
        await desk.accept(alert)
    scene = Scene(a_breakout_day(), a_pullback_history())
    await scene.scanner.scan()
    for publisher in (desk.publisher, scene.publisher):
        log.write_all(publisher.published)
    log.write(SIGNALS, a_signal("an operator's wish"))


CASES: dict[str, Made] = {
    "chain-with-every-reason": Made(
        "one contract for every reason against one, and what is left is bought; again in the last hour of the session",
        "selector..sizer",
        every_contract_reason,
        ("selector.open_interest_min=10",),
    ),
    "limits-met-exactly": Made(
        "what stands exactly at a limit, and what is the least beyond it",
        "selector",
        limits_are_met_exactly,
    ),
    "strategies-and-directions": Made(
        "day trades and swings, calls and puts, of one chain of two expirations",
        "selector..sizer",
        strategies,
    ),
    "ties": Made(
        "equal scores: tighter spread, then higher volume, then nearer strike, then symbol",
        "selector",
        ties,
        (
            "selector.min_score=0",
            *(f"selector.scoring.{part}_points=0" for part in ("spread", "volume", "distance")),
        ),
    ),
    "volume-of-yesterday": Made(
        "no volume today yet: yesterday's bar counts, or the last trade",
        "selector",
        volume_of_yesterday,
        ("selector.volume_basis=day_or_previous",),
    ),
    "selector-refuses": Made("each no of the selector, with its figures", "selector", selector_refusals),
    "expired-while-asking": Made(
        "a signal expires while the venue answers: the sizer's account, the selector's chain",
        "selector..sizer",
        expired_while_asking,
    ),
    "sizer-refuses": Made("each no of the sizer, with its figures", "sizer", sizer_refusals),
    "no-money-for-the-ceiling": Made(
        "the risk budget buys one contract, the buying power does not pay its highest price",
        "sizer",
        no_money_for_the_ceiling,
        ("sizer.tiers.tiny.risk_pct=100",),
    ),
    "every-tier": Made("each tier at both ends, step by step", "sizer", every_tier),
    "every-tier-smooth": Made(
        "each tier at both ends, smoothly",
        "sizer",
        every_tier,
        ("sizer.risk_scaling=smooth",),
    ),
    "money-in-flight": Made(
        "a small account: what tickets in flight have reserved is not there for the next",
        "selector..sizer",
        in_flight,
    ),
    "odd-prices": Made(
        "prices between the ticks, and their limits and ceilings", "selector..sizer", odd_prices
    ),
    "signals": Made("alerts, both setups of the scanner, an operator's wish", "signals", signals_given),
    "executor-gates": Made("orders that are sent, and each no of ticket, clock and hours", "executor", gates),
    "executor-gates-of-price": Made("each no of quote, price and account", "executor", gates_of_price),
    "executor-gates-of-stake": Made(
        "each no of what is at stake, and of what came before", "executor", gates_of_stake
    ),
    "executor-gates-of-standing": Made(
        "each no of switch, readiness and losses", "executor", gates_of_standing
    ),
    "executor-allow-list": Made(
        "an underlying that may be traded, and one that may not",
        "executor",
        allow_list,
        ('executor.gates.underlyings=["QQQ"]',),
    ),
}


async def _make(names: list[str]) -> None:
    for name in names or CASES:
        size = save_case(FOLDER / f"{name}.json", await CASES[name].case())
        sys.stderr.write(f"{name}: {size / 1024:.0f} KB\n")


if __name__ == "__main__":
    only_results_speak()
    asyncio.run(_make(sys.argv[1:]))
