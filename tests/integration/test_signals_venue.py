"""The scanner's adapters against a venue over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.adapters.alpaca_calendar import AlpacaCalendars
from kernel.domain.calendar import Session
from kernel.domain.errors import VenueUnavailable
from kernel.runtime.clock import VenueClock
from services.signals.adapters.alpaca_bars import AlpacaBars
from services.signals.adapters.alpaca_time import AlpacaTime
from services.signals.settings import SignalsSettings
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import TODAY, FakeMarket, at_eastern
from tests.fakes.signals_market import PARAMS

pytestmark = pytest.mark.integration

SESSION = Session(TODAY, at_eastern("09:30"), at_eastern("16:00"))


@pytest.fixture
def venue() -> Iterator[VenueThread]:
    with VenueThread(FakeMarket(), VenueSettings()) as running:
        yield running


@pytest.fixture
async def gateway(venue: VenueThread) -> AsyncIterator[AlpacaGateway]:
    settings = SignalsSettings.from_env({"APCA_API_BASE_URL": venue.url, "APCA_API_DATA_URL": venue.url})
    made = AlpacaGateway(settings, VenueClock())
    yield made
    made.close()


async def test_the_venues_time_is_taken_over(gateway: AlpacaGateway) -> None:
    now = await AlpacaTime(gateway).now()
    assert timedelta(0) <= now - at_eastern("10:00") < timedelta(minutes=1)


async def test_time_runs_on_while_the_venue_is_away(gateway: AlpacaGateway, venue: VenueThread) -> None:
    time = AlpacaTime(gateway)
    before = await time.now()
    await asyncio.to_thread(venue.__exit__, None, None, None)
    assert await time.now() >= before


async def test_a_venue_that_never_answered_has_no_time() -> None:
    settings = SignalsSettings.from_env({"APCA_API_BASE_URL": "http://127.0.0.1:1"})
    gateway = AlpacaGateway(settings, VenueClock())
    with pytest.raises(VenueUnavailable):
        await AlpacaTime(gateway).now()
    gateway.close()


async def test_a_session_is_known_by_its_hours_and_a_saturday_has_none(gateway: AlpacaGateway) -> None:
    calendars = AlpacaCalendars(gateway)
    assert (await calendars.around(TODAY)).session_on(TODAY) == SESSION
    saturday = TODAY + timedelta(days=3)
    assert (await calendars.around(saturday)).session_on(saturday) is None


async def test_minute_bars_come_exact_and_only_of_the_session_so_far(gateway: AlpacaGateway) -> None:
    bars = await AlpacaBars(gateway, feed="iex", params=PARAMS).minute_bars(["SPY", "NOSUCH"], SESSION)
    assert list(bars) == ["SPY"]
    first, last = bars["SPY"][0], bars["SPY"][-1]
    assert first.starts_at == SESSION.opens_at
    assert last.ends_at <= at_eastern("10:01")
    assert isinstance(first.close, Decimal)
    assert first.low <= first.close <= first.high


async def test_daily_bars_are_asked_for_once_a_day(gateway: AlpacaGateway, venue: VenueThread) -> None:
    bars = AlpacaBars(gateway, feed="iex", params=PARAMS)
    await gateway.synchronise_clock()
    venue.desk.view.market.stock_bars = lambda *_: [_daily()]  # type: ignore[method-assign]
    first = await bars.daily_bars(["SPY"], TODAY)
    venue.desk.view.market.stock_bars = lambda *_: []  # type: ignore[method-assign]
    assert await bars.daily_bars(["SPY"], TODAY) == first
    assert await bars.daily_bars(["SPY"], TODAY + timedelta(days=1)) == {}


def _daily():
    from simulator.markets.market import Bar

    return Bar(
        at=at_eastern("00:00"),
        open=519.0,
        high=521.0,
        low=518.0,
        close=520.0,
        volume=10,
        trades=1,
        vwap=520.0,
    )
