"""Stock market data through alpaca-py's StockHistoricalDataClient, its figures held against the market's own."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from alpaca.common.enums import Sort
from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from simulator.markets.market import StockSnapshot
from simulator.markets.synthetic import SyntheticMarket
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.integration.simulator.at_venue import refusal_of
from tests.integration.simulator.data_clients import (
    DAY,
    MINUTE,
    bar_figures,
    get,
    instant,
    market_figures,
    parsed_figures,
    refused,
    stocks,
)

BOTH = {"symbol_or_symbols": ["SPY", "NOPE"]}


@pytest.fixture(scope="module")
def spy(market: SyntheticMarket, at: datetime) -> StockSnapshot:
    snapshot = market.stock("SPY", at)
    assert snapshot is not None
    return snapshot


# The present


def test_a_snapshot_is_the_markets_and_has_no_sub_key(venue: VenueThread, spy: StockSnapshot) -> None:
    raw = stocks(venue, raw=True).get_stock_snapshot(StockSnapshotRequest(**BOTH))
    assert list(raw) == ["SPY"]
    assert list(get(venue, "/v2/stocks/snapshots", symbols="SPY").json()) == ["SPY"]
    told = raw["SPY"]
    assert bar_figures(told["dailyBar"]) == market_figures(spy.day_bar)
    assert bar_figures(told["minuteBar"]) == market_figures(spy.minute_bar)
    assert bar_figures(told["prevDailyBar"]) == market_figures(spy.previous_day_bar)
    parsed = stocks(venue).get_stock_snapshot(StockSnapshotRequest(**BOTH))["SPY"]
    assert parsed_figures(parsed.daily_bar) == market_figures(spy.day_bar)
    assert (parsed.latest_quote.bid_price, parsed.latest_trade.price) == (spy.quote.bid, spy.trade.price)


def test_latest_figures_are_the_markets(venue: VenueThread, spy: StockSnapshot) -> None:
    client = stocks(venue)
    quote = client.get_stock_latest_quote(StockLatestQuoteRequest(**BOTH))["SPY"]
    assert (quote.bid_price, quote.bid_size, quote.ask_price, quote.ask_size, quote.timestamp) == (
        spy.quote.bid,
        spy.quote.bid_size,
        spy.quote.ask,
        spy.quote.ask_size,
        spy.quote.at,
    )
    trade = client.get_stock_latest_trade(StockLatestTradeRequest(**BOTH))["SPY"]
    assert (trade.price, trade.size, trade.timestamp) == (spy.trade.price, spy.trade.size, spy.trade.at)
    bar = client.get_stock_latest_bar(StockLatestBarRequest(**BOTH))["SPY"]
    assert parsed_figures(bar) == market_figures(spy.minute_bar)


def test_a_stocks_conditions_are_lists_and_its_trades_numbered(venue: VenueThread) -> None:
    raw = stocks(venue, raw=True).get_stock_snapshot(StockSnapshotRequest(**BOTH))["SPY"]
    assert (raw["latestQuote"]["c"], raw["latestQuote"]["z"]) == (["R"], "C")
    assert (raw["latestTrade"]["c"], raw["latestTrade"]["z"]) == (["@"], "C")
    assert isinstance(raw["latestTrade"]["i"], int)
    assert raw["dailyBar"]["t"] == "2026-06-05T04:00:00Z"


@pytest.mark.parametrize(
    ("path", "key"), [("quotes/latest", "quote"), ("trades/latest", "trade"), ("bars/latest", "bar")]
)
def test_one_symbol_in_the_path_is_answered_alone(venue: VenueThread, path: str, key: str) -> None:
    one = get(venue, f"/v2/stocks/SPY/{path}").json()
    many = get(venue, f"/v2/stocks/{path}", symbols="SPY").json()
    assert one == {"symbol": "SPY", key: many[f"{key}s"]["SPY"]}
    assert get(venue, f"/v2/stocks/NOPE/{path}").json() == {"symbol": "NOPE", key: None}


def test_one_symbols_snapshot_has_its_blocks_beside_its_name(venue: VenueThread) -> None:
    one = get(venue, "/v2/stocks/SPY/snapshot").json()
    assert one == {"symbol": "SPY", **get(venue, "/v2/stocks/snapshots", symbols="SPY").json()["SPY"]}


# Bars


@pytest.mark.parametrize(
    ("frame", "minutes", "back"),
    [
        (TimeFrame.Minute, 1, timedelta(hours=1)),
        (TimeFrame(5, TimeFrameUnit.Minute), 5, timedelta(hours=2)),
        (TimeFrame.Hour, 60, 3 * DAY),
        (TimeFrame.Day, 390, 30 * DAY),
    ],
)
def test_bars_are_the_markets(
    venue: VenueThread, market: SyntheticMarket, *, frame: TimeFrame, minutes: int, back: timedelta
) -> None:
    at = market.starts_at
    start = at - back
    wanted = StockBarsRequest(**BOTH, timeframe=frame, start=start)
    expected = [market_figures(bar) for bar in market.stock_bars("SPY", minutes, start, at, at)]
    assert len(expected) > 5
    raw = stocks(venue, raw=True).get_stock_bars(wanted)
    assert list(raw) == ["SPY"]
    assert [bar_figures(bar) for bar in raw["SPY"]] == expected
    assert [parsed_figures(bar) for bar in stocks(venue).get_stock_bars(wanted).data["SPY"]] == expected


@pytest.mark.parametrize(("frame", "days"), [("1Week", 7), ("1Month", 28)])
def test_weeks_and_months_join_the_days(venue: VenueThread, at: datetime, frame: str, days: int) -> None:
    span = {"symbols": "SPY", "start": "2026-03-01", "end": "2026-05-31"}
    of_day = get(venue, "/v2/stocks/bars", timeframe="1Day", **span).json()["bars"]["SPY"]
    told = get(venue, "/v2/stocks/bars", timeframe=frame, **span).json()["bars"]["SPY"]
    starts = [instant(bar["t"]) for bar in told]
    assert all(later - earlier >= timedelta(days=days, hours=-1) for earlier, later in pairwise(starts))
    for begins, ends, bar in zip(starts[:-1], starts[1:], told[:-1], strict=True):
        parts = [day for day in of_day if begins <= instant(day["t"]) < ends]
        assert bar["v"] == sum(day["v"] for day in parts)
        assert (bar["o"], bar["c"]) == (parts[0]["o"], parts[-1]["c"])
        assert (bar["h"], bar["l"]) == (max(d["h"] for d in parts), min(d["l"] for d in parts))


def test_bars_of_one_symbol_are_a_list(venue: VenueThread, at: datetime) -> None:
    params = {"timeframe": "1Min", "start": (at - 5 * MINUTE).isoformat()}
    one = get(venue, "/v2/stocks/SPY/bars", **params).json()
    many = get(venue, "/v2/stocks/bars", symbols="SPY", **params).json()
    assert one == {"bars": many["bars"]["SPY"], "symbol": "SPY", "next_page_token": None}
    assert get(venue, "/v2/stocks/NOPE/bars", **params).json()["bars"] == []


def test_a_bar_is_told_once_it_has_ended(venue: VenueThread, at: datetime) -> None:
    wanted = StockBarsRequest(symbol_or_symbols="SPY", timeframe=TimeFrame.Minute, limit=1, sort=Sort.DESC)
    newest = stocks(venue).get_stock_bars(wanted).data["SPY"][0]
    assert newest.timestamp == at - MINUTE


def test_adjustment_asof_and_feed_change_nothing_in_a_market_without_splits(
    venue: VenueThread, at: datetime
) -> None:
    span = {"symbol_or_symbols": "SPY", "timeframe": TimeFrame.Day, "start": at - 10 * DAY}
    plain = stocks(venue, raw=True).get_stock_bars(StockBarsRequest(**span))
    asked = StockBarsRequest(**span, adjustment=Adjustment.ALL, feed=DataFeed.SIP, asof="2026-06-01")
    assert stocks(venue, raw=True).get_stock_bars(asked) == plain


# Quotes and trades of the past


def test_trades_agree_with_the_minute_bars(venue: VenueThread, at: datetime) -> None:
    begins = at - 2 * MINUTE
    asked = {"symbol_or_symbols": "AAPL", "start": begins}
    trades = (
        stocks(venue)
        .get_stock_trades(StockTradesRequest(**asked, end=at - timedelta(microseconds=1)))
        .data["AAPL"]
    )
    bars = stocks(venue).get_stock_bars(StockBarsRequest(**asked, timeframe=TimeFrame.Minute)).data["AAPL"]
    assert [bar.timestamp for bar in bars] == [begins, begins + MINUTE]
    for bar in bars:
        inside = [t for t in trades if bar.timestamp <= t.timestamp < bar.timestamp + MINUTE]
        prices = [trade.price for trade in inside]
        assert (bar.open, bar.close) == (prices[0], prices[-1])
        assert (bar.low, bar.high) == (min(prices), max(prices))
        assert sum(trade.size for trade in inside) == bar.volume
        assert abs(len(inside) - bar.trade_count) <= 1


def test_the_last_trade_and_quote_of_the_history_are_the_latest(
    venue: VenueThread, at: datetime, spy: StockSnapshot
) -> None:
    asked = {"symbol_or_symbols": "SPY", "start": at - MINUTE, "sort": Sort.DESC, "limit": 1}
    client = stocks(venue, raw=True)
    trade = client.get_stock_trades(StockTradesRequest(**asked))["SPY"][0]
    assert trade == client.get_stock_latest_trade(StockLatestTradeRequest(**BOTH))["SPY"]
    quote = stocks(venue).get_stock_quotes(StockQuotesRequest(**asked)).data["SPY"][0]
    assert (quote.bid_price, quote.ask_price) == (spy.quote.bid, spy.quote.ask)


def test_quotes_are_the_markets_one_for_each_change(
    venue: VenueThread, market: SyntheticMarket, at: datetime
) -> None:
    start = at - 30 * timedelta(seconds=1)
    asked = StockQuotesRequest(symbol_or_symbols="SPY", start=start)
    told = stocks(venue).get_stock_quotes(asked).data["SPY"]
    assert len(told) > 5
    for quote in told:
        shown = market.stock("SPY", quote.timestamp).quote
        assert (quote.bid_price, quote.ask_price) == (shown.bid, shown.ask)
        assert (quote.bid_size, quote.ask_size) == (shown.bid_size, shown.ask_size)


@pytest.mark.parametrize("name", ["trades", "quotes"])
@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_pages_join_to_the_whole(venue: VenueThread, at: datetime, name: str, sort: str) -> None:
    params = {"symbols": "AAPL,SPY", "start": (at - timedelta(seconds=20)).isoformat(), "sort": sort}
    whole = get(venue, f"/v2/stocks/{name}", **params, limit=10_000).json()[name]
    joined: dict[str, list[Any]] = {"AAPL": [], "SPY": []}
    token, pages = None, 0
    while token or not pages:
        page = get(venue, f"/v2/stocks/{name}", **params, limit=13, page_token=token).json()
        for symbol, rows in page[name].items():
            joined[symbol] += rows
        token, pages = page["next_page_token"], pages + 1
    assert pages > 2
    assert joined == whole


def test_trades_of_a_day_are_numbered_without_repeats(venue: VenueThread, at: datetime) -> None:
    trades = stocks(venue, raw=True).get_stock_trades(
        StockTradesRequest(symbol_or_symbols="SPY", start=at - MINUTE, end=at)
    )["SPY"]
    numbers = [trade["i"] for trade in trades]
    assert len(set(numbers)) == len(numbers) > 100


# Feeds, limits and refusals


def test_the_basic_plan_has_no_recent_sip_data(market: SyntheticMarket) -> None:
    refusal = (403, {"message": "subscription does not permit querying recent SIP data"})
    with VenueThread(market, VenueSettings(speed=0, data_plan="basic")) as venue:
        client, at = stocks(venue), market.starts_at
        with pytest.raises(APIError) as error:
            client.get_stock_latest_quote(StockLatestQuoteRequest(**BOTH, feed=DataFeed.SIP))
        assert refusal_of(error) == refusal
        asked = {
            **BOTH,
            "timeframe": TimeFrame.Minute,
            "start": at - timedelta(hours=1),
            "feed": DataFeed.SIP,
        }
        with pytest.raises(APIError) as error:
            client.get_stock_bars(StockBarsRequest(**asked))
        assert refusal_of(error) == refusal
        assert client.get_stock_bars(StockBarsRequest(**asked, end=at - timedelta(minutes=16))).data["SPY"]
        assert client.get_stock_latest_quote(StockLatestQuoteRequest(**BOTH, feed=DataFeed.IEX))


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        ("bars", {"symbols": "SPY", "timeframe": "90Min"}, "invalid timeframe: 90Min"),
        ("bars", {"symbols": "SPY", "timeframe": "24Hour"}, "invalid timeframe: 24Hour"),
        ("bars", {"symbols": "SPY", "timeframe": "5Month"}, "invalid timeframe: 5Month"),
        ("bars", {"symbols": "SPY", "timeframe": "1Min", "adjustment": "up"}, "invalid adjustment: up"),
        ("bars", {"symbols": "SPY", "timeframe": "1Min", "asof": "today"}, "invalid asof"),
        ("bars", {"symbols": "SPY", "timeframe": "1Min", "currency": "EUR"}, "invalid currency: EUR"),
        ("bars", {"timeframe": "1Min"}, "symbols is required"),
        ("quotes", {"symbols": "SPY", "feed": "opra"}, "invalid feed: opra"),
        ("trades", {"symbols": "SPY", "limit": "many"}, "invalid limit"),
        ("snapshots", {}, "symbols is required"),
        ("quotes/latest", {"symbols": "SPY", "feed": "x"}, "invalid feed: x"),
        ("SPY/quotes", {"sort": "both"}, "invalid sort: both"),
    ],
)
def test_a_bad_parameter_is_refused_with_a_message_and_no_code(
    venue: VenueThread, path: str, params: dict[str, str], message: str
) -> None:
    status, body = refused(venue, f"/v2/stocks/{path}", **params)
    assert (status, set(body)) == (400, {"message"})
    assert body["message"].startswith(message)


def test_a_span_beyond_the_markets_days_is_empty(venue: VenueThread) -> None:
    span = {"start": "2020-01-01", "end": "2020-01-31"}
    for name in ("bars", "quotes", "trades"):
        answer = get(venue, f"/v2/stocks/{name}", symbols="SPY", timeframe="1Min", **span)
        assert answer.json() == {name: {}, "next_page_token": None}
