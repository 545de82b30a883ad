"""A synthetic market that stands still, and the venue that shows it."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from simulator.markets.synthetic import SyntheticMarket
from simulator.server import VenueThread
from simulator.settings import VenueSettings


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return SyntheticMarket(0)


@pytest.fixture(scope="module")
def venue(market: SyntheticMarket) -> Iterator[VenueThread]:
    with VenueThread(market, VenueSettings(speed=0)) as running:
        yield running


@pytest.fixture(scope="module")
def at(market: SyntheticMarket) -> datetime:
    return market.starts_at
