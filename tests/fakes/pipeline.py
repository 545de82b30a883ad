"""Selector and sizer as they run live, with fakes around them, writing into a log in memory."""

from decimal import Decimal
from typing import Any

from kernel.contracts.messages import Signal
from kernel.contracts.origin import Origin
from kernel.contracts.topics import SELECTIONS, SIGNALS
from kernel.domain.params import TradingParams
from kernel.stream.stage import Emissions
from kernel.testing.builders import NOW
from kernel.testing.clock import FixedClock
from kernel.testing.driver import RecordingPublisher
from services.selector.stage import SelectorStage
from services.sizer.stage import SizerStage
from tests.fakes.chains import Row, a_chain
from tests.fakes.memory_log import MemoryLog
from tests.fakes.params import PARAMS
from tests.fakes.selector import FakeAccounts, FakeCalendars, FakeDecisions, FakeOptionChains
from tests.fakes.sizer import FakeAccountSource, FakeBudget, account_answer

RECORDED_REVISION = "recorded"


class RecordedPipeline:
    """Sends signals through; `log` holds all they led to."""

    def __init__(self, params: TradingParams = PARAMS) -> None:
        self.log = MemoryLog()
        self.clock = FixedClock(NOW)
        self.chains = FakeOptionChains()
        self.accounts = FakeAccounts()
        self.account = FakeAccountSource(self.clock, account_answer())
        self._seen = RecordingPublisher()
        self.selector = SelectorStage(
            chains=self.chains,
            accounts=self.accounts,
            calendars=FakeCalendars(),
            decisions=FakeDecisions(),
            evidence=self._seen,
            clock=self.clock,
            params=params,
            origin=Origin("selector", RECORDED_REVISION, params.config_hash),
        )
        self.sizer = SizerStage(
            account=self.account,
            budget=FakeBudget(),
            clock=self.clock,
            params=params.sizer,
            origin=Origin("sizer", RECORDED_REVISION, params.config_hash),
        )

    async def send(self, signal: Signal, *rows: Row, spot: Decimal | None = Decimal(520)) -> Emissions:
        """Let both stages decide on `signal`, the chain standing at `rows`; returns the sizer's or the last answer."""
        self.chains.answer = a_chain(*rows, spot=None if spot is None else str(spot))
        self.log.write(SIGNALS, signal)
        answer = await self.select(signal)
        (emission,) = answer
        if emission.topic is not SELECTIONS:
            return answer
        sized: Any = await self.sizer.handle(emission.message)
        self.log.write_all(sized)
        return sized

    async def select(self, signal: Signal) -> Emissions:
        """Let the selector decide, its evidence before its answer."""
        answer = await self.selector.handle(signal)
        self.log.write_all(self._seen.published)
        self._seen.published.clear()
        self.log.write_all(answer)
        return answer
