"""The venue as the real alpaca-py clients see it, over HTTP and websocket on loopback."""

import pytest
from collections.abc import Iterator
from alpaca.trading.client import TradingClient

from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket


@pytest.fixture
def market() -> FakeMarket:
    return FakeMarket()


@pytest.fixture
def venue(market: FakeMarket) -> Iterator[VenueThread]:
    with VenueThread(market, VenueSettings()) as running:
        yield running


@pytest.fixture
def trading(venue: VenueThread) -> TradingClient:
    return TradingClient("key", "secret", url_override=venue.url)


def test_account_shows_the_starting_cash_as_strings(trading: TradingClient) -> None:
    account = trading.get_account()
    assert account.options_buying_power == "100000"
    print(trading.get_clock(), trading.get_calendar()[0])
