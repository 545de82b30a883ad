"""A selector over its real adapters, in front of a venue; only Kafka and Postgres are in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from kernel.adapters.alpaca import AlpacaGateway
from kernel.adapters.alpaca_account import AlpacaAccount
from kernel.adapters.alpaca_calendar import AlpacaCalendars
from kernel.contracts.messages import Rejection, Selection, Signal
from kernel.contracts.origin import Origin
from kernel.contracts.topics import SIGNALS
from kernel.domain.params import TradingParams
from kernel.runtime.clock import VenueClock
from kernel.testing.driver import RecordingPublisher, StageDriver
from services.selector.adapters.alpaca_chain import AlpacaChains
from services.selector.core.validation import CALENDAR_DAYS_BACK, calendar_days_ahead
from services.selector.settings import SelectorSettings
from services.selector.stage import SelectorStage
from tests.fakes.selector import FakeDecisions


@dataclass(frozen=True)
class SelectorAtVenue:
    """The stage, the venue's clock as it sees it, and where its evidence goes."""

    driver: StageDriver[Signal]
    clock: VenueClock
    evidence: RecordingPublisher

    async def answer(self, signal: Signal) -> Selection | Rejection:
        """Return what the selector answers."""
        (emission,) = await self.driver.send(signal)
        assert isinstance(emission.message, Selection | Rejection)
        return emission.message


@asynccontextmanager
async def selector_at(url: str, params: TradingParams) -> AsyncIterator[SelectorAtVenue]:
    """Return a selector whose clock is the venue's at `url`."""
    settings = SelectorSettings(apca_api_base_url=url, apca_api_data_url=url)
    clock = VenueClock()
    gateway = AlpacaGateway(settings, clock)
    evidence = RecordingPublisher()
    stage = SelectorStage(
        chains=AlpacaChains(gateway, settings.option_feed, settings.stock_feed),
        accounts=AlpacaAccount(gateway),
        calendars=AlpacaCalendars(
            gateway, days_back=CALENDAR_DAYS_BACK, days_ahead=calendar_days_ahead(params.selector)
        ),
        decisions=FakeDecisions(),
        evidence=evidence,
        clock=clock,
        params=params,
        origin=Origin("selector", "test", params.config_hash),
    )
    try:
        await gateway.synchronise_clock()
        yield SelectorAtVenue(StageDriver(stage, SIGNALS), clock, evidence)
    finally:
        gateway.close()
