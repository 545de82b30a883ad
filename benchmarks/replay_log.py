"""A log to replay: signals, and what the real stages answered to them on synthetic chains, with their evidence.

`python -m benchmarks.replay_log` prints how many of each message a hundred signals lead to.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from benchmarks.bench_scoring import NOW, PARAMS, gathered_of
from kernel.contracts.messages import Selection, Signal, SignalSource
from kernel.contracts.origin import Origin
from kernel.contracts.parts import TradeIdea
from kernel.contracts.topics import SIGNALS
from kernel.domain.account import Account, AccountReading, parse_account
from kernel.domain.calendar import TradingCalendar
from kernel.domain.options import Direction, Right, Strategy
from kernel.stream.stage import Emission, Emissions
from services.selector.core.chain import Chain
from services.selector.core.decision import Gathered
from services.selector.stage import SelectorStage
from services.sizer.core.facts import Reservation
from services.sizer.stage import SizerStage

REVISION = "bench"
#: Chains that take turns: making one costs more than deciding on it.
_CHAINS = 20
_ACCOUNT = {
    "account_number": "PA0000000001",
    "status": "ACTIVE",
    "equity": "100000.25",
    "options_buying_power": "93000.5",
    "cash": "50000",
    "trading_blocked": False,
    "account_blocked": False,
}


def recorded(signals: int, contracts: int) -> list[Emission[Any]]:
    """Return every message of a pipeline that was given `signals`, chains of `contracts` each, in log order."""
    return asyncio.run(_recorded(signals, contracts))


async def _recorded(signals: int, contracts: int) -> list[Emission[Any]]:
    log: list[Emission[Any]] = []
    outside = Outside([gathered_of(contracts, seed=seed) for seed in range(_CHAINS)], log)
    selector, sizer = outside.selector(), outside.sizer()
    for number in range(signals):
        signal = _signal(number)
        log.append(Emission(SIGNALS, signal))
        answers = list(await selector.handle(signal))
        for answer in list(answers):
            if isinstance(answer.message, Selection):
                answers += await sizer.handle(answer.message)
        log += answers
    return log


def _signal(number: int) -> Signal:
    meta = Origin("signals", REVISION, PARAMS.config_hash).root_meta(f"bench-{number}", "signal", NOW)
    idea = TradeIdea(
        underlying=f"B{number % 50}",
        direction=Direction.BULLISH,
        strategy=Strategy.SWING,
        expires_at=NOW + timedelta(minutes=10),
        reference_price=Decimal(520),
        stop_price=Decimal(515),
        target_price=Decimal(530),
        atr=Decimal("2.5"),
    )
    return Signal(meta=meta, idea=idea, source=SignalSource.OPERATOR, setup="manual")


class Outside:
    """The ports of both stages: a few chains in turn, one account, three reservations; it remembers no decision."""

    def __init__(self, gathered: Sequence[Gathered], log: list[Emission[Any]]) -> None:
        self._gathered = gathered
        self._turn = 0
        self._log = log
        self._reading = AccountReading(parse_account(_ACCOUNT, NOW), json.dumps(_ACCOUNT).encode())

    def selector(self) -> SelectorStage:
        return SelectorStage(
            chains=self,
            accounts=self,
            calendars=self,
            decisions=self,
            evidence=self,
            clock=self,
            params=PARAMS,
            origin=Origin("selector", REVISION, PARAMS.config_hash),
        )

    def sizer(self) -> SizerStage:
        return SizerStage(
            account=self,
            budget=self,
            clock=self,
            params=PARAMS.sizer,
            origin=Origin("sizer", REVISION, PARAMS.config_hash),
        )

    def now(self) -> datetime:
        return NOW

    async def chain(self, underlying: str, right: Right, first: date, last: date) -> Chain:
        del right, first, last
        self._turn = (self._turn + 1) % len(self._gathered)
        return replace(self._gathered[self._turn].chain, underlying=underlying)

    async def account(self) -> Account:
        return self._gathered[self._turn].account

    async def around(self, day: date) -> TradingCalendar:
        del day
        return self._gathered[self._turn].calendar

    async def publish(self, emissions: Emissions) -> None:
        self._log.extend(emissions)

    @property
    def account_id(self) -> str:
        return self._reading.account.account_id

    async def read(self) -> AccountReading:
        return self._reading

    @asynccontextmanager
    async def locked(self, account_id: str) -> AsyncIterator["Outside"]:
        del account_id
        yield self

    async def recall(self, input_id: str) -> Emissions | None:
        del input_id
        return None

    async def in_flight(self, now: datetime) -> Sequence[Reservation]:
        return [
            Reservation(
                ticket_id=f"{number:032x}",
                account_id=self.account_id,
                signal_id=f"{number:032x}",
                underlying="SPY",
                occ_symbol="SPY260612C00520000",
                reserved_usd=Decimal("251.50"),
                risk_usd=Decimal(250),
                expires_at=now + timedelta(seconds=60),
            )
            for number in range(3)
        ]

    async def reserve(self, reservation: Reservation) -> None:
        del reservation

    async def record(self, input_id: str, emissions: Emissions) -> Emissions:
        del input_id
        return emissions


if __name__ == "__main__":
    print(Counter(e.topic.name for e in recorded(100, 500)))
