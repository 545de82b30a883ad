"""What tests of market data share: alpaca-py's clients, a market that stands still, and how its figures are written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from alpaca.data.historical.option import OptionHistoricalDataClient
from alpaca.data.historical.stock import StockHistoricalDataClient

from simulator.markets.market import Bar
from simulator.markets.synthetic import SyntheticMarket
from simulator.server import VenueThread
from tests.integration.simulator.at_venue import KEYS


def options(venue: VenueThread, *, raw: bool = False) -> OptionHistoricalDataClient:
    """Return alpaca-py's option data client; a refused request is tried once."""
    client = OptionHistoricalDataClient("key", "secret", raw_data=raw, url_override=venue.url)
    client._retry = 0
    return client


def stocks(venue: VenueThread, *, raw: bool = False) -> StockHistoricalDataClient:
    """Return alpaca-py's stock data client; a refused request is tried once."""
    client = StockHistoricalDataClient("key", "secret", raw_data=raw, url_override=venue.url)
    client._retry = 0
    return client


def get(venue: VenueThread, path: str, **params: Any) -> requests.Response:
    """Ask as another client than alpaca-py would."""
    return requests.get(venue.url + path, params=params, headers=KEYS, timeout=30)


def refused(venue: VenueThread, path: str, **params: Any) -> tuple[int, dict[str, Any]]:
    """Return status and body of a refusal."""
    answer = get(venue, path, **params)
    return answer.status_code, answer.json()


def instant(text: str) -> datetime:
    """Read an RFC 3339 instant, which ends in Z and has up to nine digits of a second."""
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text).astimezone(UTC)


def bar_figures(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return a raw bar's figures in the order of `market_figures`."""
    return (instant(row["t"]), *(row[key] for key in ("o", "h", "l", "c", "v", "n", "vw")))


def parsed_figures(bar: Any) -> tuple[Any, ...]:
    """Return a parsed bar's figures in the order of `market_figures`."""
    prices = (bar.open, bar.high, bar.low, bar.close)
    return (bar.timestamp, *prices, bar.volume, bar.trade_count, bar.vwap)


def market_figures(bar: Bar) -> tuple[Any, ...]:
    """Return the market's own figures of a bar."""
    return (bar.at, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades, bar.vwap)


def busiest(market: SyntheticMarket, underlying: str, at: datetime) -> str:
    """Return the contract that traded most by `at`."""
    columns = market.chain_columns(underlying, at)
    return columns.listing.symbols[int(columns.day_bar.trades.argmax())]


MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
