"""A venue on a market whose prices a test sets, and alpaca-py's clients pointed at it."""

from collections.abc import Iterator

import pytest
from alpaca.trading.client import TradingClient

from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket


@pytest.fixture
def market() -> FakeMarket:
    return FakeMarket()


@pytest.fixture
def venue(market: FakeMarket) -> Iterator[VenueThread]:
    with VenueThread(market, VenueSettings(latency_ms=(1.0, 5.0), partial_fills=0)) as running:
        yield running


@pytest.fixture
def trading(venue: VenueThread) -> TradingClient:
    """The trading client in parsed mode; a refused request is tried once."""
    client = TradingClient("key", "secret", url_override=venue.url)
    client._retry = 0
    return client


@pytest.fixture
def raw(venue: VenueThread) -> TradingClient:
    """The trading client with raw_data=True."""
    client = TradingClient("key", "secret", raw_data=True, url_override=venue.url)
    client._retry = 0
    return client
