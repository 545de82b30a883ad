"""A synthetic market that stands still, and the venue that shows it."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from simulator.markets.columns import ChainColumns
from simulator.markets.synthetic import SyntheticMarket
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.integration.simulator.data_clients import busiest


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


@pytest.fixture(scope="module")
def columns(market: SyntheticMarket, at: datetime) -> ChainColumns:
    return market.chain_columns("SPY", at)


@pytest.fixture(scope="module")
def contract(market: SyntheticMarket, at: datetime) -> str:
    return busiest(market, "SPY", at)
