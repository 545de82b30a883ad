from collections.abc import Iterator
from datetime import timedelta

import pytest

from dispatch.venue import SimulatedVenue
from kernel.runtime.clock import VenueClock
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, at_eastern

THERE = at_eastern("11:00")


@pytest.fixture
def url() -> Iterator[str]:
    with VenueThread(FakeMarket(), VenueSettings()) as running:
        yield running.url


async def test_the_clock_stands_where_the_venue_was_sent(url: str) -> None:
    async with SimulatedVenue(url) as venue:
        await venue.account()
        assert venue.clock.now() < THERE
        await venue.jump(THERE)
        heard = venue.clock.now()
        assert THERE <= heard <= await venue.now()


async def test_the_clock_runs_as_fast_as_the_venues_without_asking_again(url: str) -> None:
    seconds = 0.0
    async with SimulatedVenue(url) as venue:
        venue.clock = VenueClock(monotonic=lambda: seconds)
        await venue.jump(THERE, speed=3600)
        heard = venue.clock.now()
        seconds = 2.0
        assert venue.clock.now() - heard == timedelta(hours=2)
