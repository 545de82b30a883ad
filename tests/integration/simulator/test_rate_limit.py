"""The rate limit as alpaca-py and a bare client meet it."""

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.requests import StockLatestTradeRequest
from alpaca.trading.client import TradingClient

from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket
from tests.integration.simulator.at_venue import ask, refusal_of
from tests.integration.simulator.data_clients import get, stocks


def test_every_answer_tells_how_many_requests_are_left(venue: VenueThread) -> None:
    first, second = (get(venue, "/v2/stocks/trades/latest", symbols="SPY") for _ in range(2))
    limits = [answer.headers["X-RateLimit-Limit"] for answer in (first, second)]
    assert limits == ["1000000"] * 2
    assert int(second.headers["X-RateLimit-Remaining"]) < 1_000_000
    assert int(first.headers["X-RateLimit-Reset"]) % 60 == 0
    assert "X-RateLimit-Remaining" in ask(venue, "GET", "/v2/orders/none").headers


def test_over_the_limit_is_429_and_the_other_api_still_answers(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(rate_limit=1)) as venue:
        trading = TradingClient("key", "secret", url_override=venue.url)
        trading._retry = 0
        with pytest.raises(APIError) as error:
            _ask_often(trading)
        refused = ask(venue, "GET", "/v2/account")
        quoted = stocks(venue).get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="SPY"))
    assert refusal_of(error) == (429, {"code": 42910000, "message": "rate limit exceeded"})
    assert quoted["SPY"].price == 520.0
    assert refused.headers["X-RateLimit-Remaining"] == "0"


def test_trap_9_alpaca_py_tries_a_429_four_times(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(rate_limit=1)) as venue:
        trading = TradingClient("key", "secret", url_override=venue.url)
        trading._retry_wait = 0
        with pytest.raises(APIError):
            _ask_often(trading)
        refused = [row for row in _requests(venue) if row["status"] == 429]
    assert len(refused) == 4


def _ask_often(trading: TradingClient) -> None:
    """A minute may end between two requests, never between each of many."""
    for _ in range(20):
        trading.get_account()


def _requests(venue: VenueThread) -> list[dict[str, object]]:
    rows = ask(venue, "GET", "/sim/journal").json()
    return [row for row in rows if row["kind"] == "request"]
