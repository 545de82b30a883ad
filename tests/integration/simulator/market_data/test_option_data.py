"""Option market data through alpaca-py's OptionHistoricalDataClient, its figures held against the market's own."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.enums import OptionsFeed
from alpaca.data.requests import (
    OptionBarsRequest,
    OptionChainRequest,
    OptionLatestQuoteRequest,
    OptionLatestTradeRequest,
    OptionSnapshotRequest,
    OptionTradesRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.enums import ContractType

from kernel.domain.clock import microseconds, moment
from simulator.markets.columns import ChainColumns, no_bars, no_trades
from simulator.markets.synthetic import SyntheticMarket
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, spy
from tests.integration.simulator.at_venue import ask, refusal_of, set_clock
from tests.integration.simulator.data_clients import (
    busiest,
    get,
    instant,
    options,
    refused,
)

UNKNOWN = "XXX260612C00520000"
GREEKS = {"delta", "gamma", "rho", "theta", "vega"}


def symbols_where(columns: ChainColumns, fits: Any) -> set[str]:
    return {columns.listing.symbols[row] for row in np.flatnonzero(fits)}


# Chains and snapshots


def test_a_chain_is_the_markets_figure_by_figure(venue: VenueThread, columns: ChainColumns) -> None:
    chain = options(venue, raw=True).get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
    assert list(chain) == list(columns.listing.symbols)
    for row, (symbol, told) in enumerate(chain.items()):
        quote = told["latestQuote"]
        assert (quote["bp"], quote["bs"], quote["ap"], quote["as"]) == (
            columns.quote.bid[row],
            columns.quote.bid_size[row],
            columns.quote.ask[row],
            columns.quote.ask_size[row],
        ), symbol
        assert ("greeks" in told) == bool(np.isfinite(columns.greeks.delta[row])), symbol
        if "greeks" in told:
            assert told["greeks"] == {name: getattr(columns.greeks, name)[row] for name in GREEKS}
            assert told["impliedVolatility"] == columns.implied_volatility[row]


def test_trap_5_real_volume_is_in_daily_bar_of_the_raw_snapshot_alone(
    venue: VenueThread, columns: ChainColumns, contract: str
) -> None:
    row = columns.listing.symbols.index(contract)
    wanted = OptionSnapshotRequest(symbol_or_symbols=contract)
    raw = options(venue, raw=True).get_option_snapshot(wanted)[contract]
    assert raw["dailyBar"]["v"] == columns.day_bar.volume[row]
    assert raw["prevDailyBar"]["v"] == columns.previous_day_bar.volume[row]
    assert raw["latestTrade"]["s"] == columns.trade.size[row] != raw["dailyBar"]["v"]
    parsed = options(venue).get_option_snapshot(wanted)[contract]
    assert not hasattr(parsed, "daily_bar")
    assert parsed.latest_trade.size == columns.trade.size[row]


def test_trap_6_open_interest_is_never_on_a_snapshot(venue: VenueThread) -> None:
    chain = options(venue, raw=True).get_option_chain(OptionChainRequest(underlying_symbol="AAPL"))
    blocks = set().union(*chain.values())
    assert blocks <= {
        "latestQuote",
        "latestTrade",
        "greeks",
        "impliedVolatility",
        "dailyBar",
        "minuteBar",
        "prevDailyBar",
    }


def test_trap_12_greeks_are_told_all_five_or_not_at_all(venue: VenueThread) -> None:
    chain = options(venue, raw=True).get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
    told = [set(row["greeks"]) for row in chain.values() if "greeks" in row]
    assert 0 < len(told) < len(chain)
    assert all(keys == GREEKS for keys in told)
    assert all(("impliedVolatility" in row) == ("greeks" in row) for row in chain.values())
    assert len(options(venue).get_option_chain(OptionChainRequest(underlying_symbol="SPY"))) == len(chain)


class HalfGreekMarket(FakeMarket):
    """Rho is known of no contract."""

    def chain_columns(self, underlying: str, at: datetime) -> ChainColumns:
        columns = super().chain_columns(underlying, at)
        return replace(columns, greeks=replace(columns.greeks, rho=np.full(len(columns.listing), np.nan)))


def test_trap_12_one_missing_greek_takes_the_others_with_it() -> None:
    with VenueThread(HalfGreekMarket(), VenueSettings(speed=0)) as venue:
        chain = options(venue, raw=True).get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
        assert chain
        assert not any("greeks" in row for row in chain.values())
        parsed = options(venue).get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
    assert {snapshot.greeks for snapshot in parsed.values()} == {None}


def test_an_options_conditions_are_text_and_its_times_rfc_3339(venue: VenueThread, contract: str) -> None:
    row = options(venue, raw=True).get_option_snapshot(OptionSnapshotRequest(symbol_or_symbols=contract))[
        contract
    ]
    assert (row["latestQuote"]["c"], row["latestTrade"]["c"]) == ("A", "I")
    assert not {"i", "z"} & set(row["latestTrade"])
    assert row["dailyBar"]["t"] == "2026-06-05T04:00:00Z"
    assert isinstance(row["latestQuote"]["bs"], int)


def test_parsed_snapshots_hold_the_markets_figures(
    venue: VenueThread, columns: ChainColumns, contract: str
) -> None:
    row = columns.listing.symbols.index(contract)
    parsed = options(venue).get_option_snapshot(OptionSnapshotRequest(symbol_or_symbols=[contract, UNKNOWN]))
    assert list(parsed) == [contract]
    snapshot = parsed[contract]
    assert snapshot.latest_quote.timestamp == moment(columns.quote.at_us[row])
    assert snapshot.latest_trade.timestamp == moment(columns.trade.at_us[row])
    assert snapshot.latest_trade.price == columns.trade.price[row]
    assert snapshot.implied_volatility == columns.implied_volatility[row]
    assert snapshot.greeks.delta == columns.greeks.delta[row]


def test_every_filter_of_a_chain_leaves_what_fits(
    venue: VenueThread, columns: ChainColumns, at: datetime
) -> None:
    listing = columns.listing
    near, far = np.unique(listing.expiration)[[1, 3]]
    day, later = near.astype(object), far.astype(object)
    middle = float(np.median(listing.strike))
    since = at - timedelta(minutes=5)
    since_us = microseconds(since)
    cases: list[tuple[dict[str, Any], Any]] = [
        ({"type": ContractType.PUT}, ~listing.is_call),
        ({"strike_price_gte": middle}, listing.strike >= middle),
        ({"strike_price_lte": middle}, listing.strike <= middle),
        ({"expiration_date": day}, listing.expiration == near),
        ({"expiration_date_gte": later}, listing.expiration >= far),
        ({"expiration_date_lte": day.isoformat()}, listing.expiration <= near),
        ({"root_symbol": "SPY"}, np.full(len(listing), fill_value=True)),
        ({"root_symbol": "SPYX"}, np.full(len(listing), fill_value=False)),
        (
            {"updated_since": since},
            np.maximum(columns.quote.at_us, columns.trade.at_us) >= since_us,
        ),
    ]
    client = options(venue, raw=True)
    for asked, fits in cases:
        chain = client.get_option_chain(OptionChainRequest(underlying_symbol="SPY", **asked))
        assert set(chain) == symbols_where(columns, fits), asked


def test_a_chain_has_100_rows_a_page_unless_told_and_1000_at_most(
    venue: VenueThread, columns: ChainColumns
) -> None:
    path = "/v1beta1/options/snapshots/SPY"
    first = get(venue, path).json()
    assert len(first["snapshots"]) == 100
    assert first["next_page_token"] == "MTAw"
    largest = get(venue, path, limit=1000).json()
    assert len(largest["snapshots"]) == 1000
    rest = get(venue, path, limit=1000, page_token=largest["next_page_token"]).json()
    assert rest["next_page_token"] is None
    assert [*largest["snapshots"], *rest["snapshots"]] == list(columns.listing.symbols)
    status, body = refused(venue, path, limit=1001)
    assert (status, set(body)) == (400, {"message"})


def test_snapshots_take_a_hundred_symbols_and_no_more(venue: VenueThread, columns: ChainColumns) -> None:
    symbols = list(columns.listing.symbols[:101])
    told = options(venue, raw=True).get_option_snapshot(
        OptionSnapshotRequest(symbol_or_symbols=symbols[:100])
    )
    assert list(told) == symbols[:100]
    with pytest.raises(APIError) as error:
        options(venue).get_option_snapshot(OptionSnapshotRequest(symbol_or_symbols=symbols))
    assert refusal_of(error) == (400, {"message": "too many symbols: at most 100"})


def test_index_options_are_found_under_their_root(
    venue: VenueThread, market: SyntheticMarket, at: datetime
) -> None:
    symbol = market.chain_columns("SPX", at).listing.symbols[0]
    assert not symbol.startswith("SPX2")
    told = options(venue).get_option_latest_quote(OptionLatestQuoteRequest(symbol_or_symbols=symbol))
    assert told[symbol].ask_price == market.option_quote(symbol, at).ask


# Latest quotes and trades


def test_latest_quotes_and_trades_are_the_markets(
    venue: VenueThread, columns: ChainColumns, contract: str
) -> None:
    row = columns.listing.symbols.index(contract)
    both = [contract, UNKNOWN]
    quotes = options(venue).get_option_latest_quote(OptionLatestQuoteRequest(symbol_or_symbols=both))
    trades = options(venue).get_option_latest_trade(OptionLatestTradeRequest(symbol_or_symbols=both))
    assert (list(quotes), list(trades)) == ([contract], [contract])
    assert (quotes[contract].bid_price, quotes[contract].ask_size) == (
        columns.quote.bid[row],
        columns.quote.ask_size[row],
    )
    assert (trades[contract].price, trades[contract].size, trades[contract].conditions) == (
        columns.trade.price[row],
        columns.trade.size[row],
        "I",
    )
    raw = options(venue, raw=True).get_option_latest_trade(OptionLatestTradeRequest(symbol_or_symbols=both))
    assert instant(raw[contract]["t"]) == moment(columns.trade.at_us[row])


class SilentMarket(FakeMarket):
    """Nothing has traded yet."""

    def chain_columns(self, underlying: str, at: datetime) -> ChainColumns:
        columns = super().chain_columns(underlying, at)
        count = len(columns.listing)
        return replace(columns, trade=no_trades(count), day_bar=no_bars(count))


def test_a_contract_that_never_traded_has_no_latest_trade() -> None:
    with VenueThread(SilentMarket(), VenueSettings(speed=0)) as venue:
        wanted = OptionLatestTradeRequest(symbol_or_symbols=spy(520))
        assert options(venue).get_option_latest_trade(wanted) == {}
        told = get(venue, "/v1beta1/options/snapshots", symbols=spy(520)).json()["snapshots"][spy(520)]
    assert set(told) == {"latestQuote", "greeks", "impliedVolatility"}


def test_the_exchanges_have_names_by_letter(venue: VenueThread, contract: str) -> None:
    names = options(venue).get_option_exchange_codes()
    assert names["A"] == "NYSE American Options"
    quote = options(venue).get_option_latest_quote(OptionLatestQuoteRequest(symbol_or_symbols=contract))[
        contract
    ]
    assert {quote.bid_exchange, quote.ask_exchange} <= set(names)


# Feeds and refusals


def test_both_feeds_are_told_on_the_plus_plan(venue: VenueThread, contract: str) -> None:
    for feed in OptionsFeed:
        wanted = OptionLatestQuoteRequest(symbol_or_symbols=contract, feed=feed)
        assert contract in options(venue).get_option_latest_quote(wanted)


def test_without_the_opra_agreement_opra_is_forbidden_and_indicative_the_default(
    market: SyntheticMarket,
) -> None:
    symbol = busiest(market, "AAPL", market.starts_at)
    with VenueThread(market, VenueSettings(speed=0, data_plan="basic")) as venue:
        assert symbol in options(venue).get_option_latest_quote(
            OptionLatestQuoteRequest(symbol_or_symbols=symbol)
        )
        with pytest.raises(APIError) as error:
            options(venue).get_option_chain(
                OptionChainRequest(underlying_symbol="AAPL", feed=OptionsFeed.OPRA)
            )
    assert refusal_of(error) == (403, {"message": "OPRA agreement is not signed"})


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        ("snapshots/SPY", {"feed": "sip"}, "invalid feed: sip"),
        ("snapshots/SPY", {"type": "straddle"}, "invalid type"),
        ("snapshots/SPY", {"strike_price_gte": "high"}, "invalid strike_price_gte"),
        ("snapshots/SPY", {"expiration_date": "friday"}, "invalid expiration_date"),
        ("snapshots/SPY", {"updated_since": "noon"}, "invalid updated_since"),
        ("snapshots/SPY", {"page_token": "!"}, "invalid page_token"),
        ("snapshots/SPY", {"limit": "0"}, "invalid limit"),
        ("snapshots", {}, "symbols is required"),
        ("quotes/latest", {}, "symbols is required"),
        ("trades/latest", {"symbols": UNKNOWN, "feed": "x"}, "invalid feed: x"),
        ("bars", {"symbols": UNKNOWN}, "invalid timeframe: "),
        ("bars", {"symbols": UNKNOWN, "timeframe": "60Min"}, "invalid timeframe: 60Min"),
        ("bars", {"symbols": UNKNOWN, "timeframe": "2Day"}, "invalid timeframe: 2Day"),
        ("bars", {"symbols": UNKNOWN, "timeframe": "1Min", "limit": "10001"}, "invalid limit"),
        ("bars", {"symbols": UNKNOWN, "timeframe": "1Min", "sort": "up"}, "invalid sort: up"),
        ("bars", {"symbols": UNKNOWN, "timeframe": "1Min", "start": "yesterday"}, "invalid start"),
        (
            "bars",
            {"symbols": UNKNOWN, "timeframe": "1Min", "start": "2026-06-05", "end": "2026-06-04"},
            "end should not be before start",
        ),
        ("trades", {"symbols": UNKNOWN, "page_token": "MTAw"}, "invalid page_token"),
    ],
)
def test_a_bad_parameter_is_refused_with_a_message_and_no_code(
    venue: VenueThread, path: str, params: dict[str, str], message: str
) -> None:
    status, body = refused(venue, f"/v1beta1/options/{path}", **params)
    assert (status, set(body)) == (400, {"message"})
    assert body["message"].startswith(message)


def test_unknown_symbols_are_absent_and_never_not_found(venue: VenueThread) -> None:
    client, span = options(venue), {"symbol_or_symbols": UNKNOWN}
    assert client.get_option_chain(OptionChainRequest(underlying_symbol="NOPE")) == {}
    assert client.get_option_snapshot(OptionSnapshotRequest(**span)) == {}
    assert client.get_option_bars(OptionBarsRequest(timeframe=TimeFrame.Day, **span)).data == {}
    assert client.get_option_trades(OptionTradesRequest(**span)).data == {}


def test_data_without_keys_is_unauthorized_without_a_code(venue: VenueThread) -> None:
    client = options(venue)
    client._session.headers.clear()
    client._get_auth_headers = dict
    with pytest.raises(APIError) as error:
        client.get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
    assert refusal_of(error) == (401, {"message": "unauthorized."})


def test_nanoseconds_of_a_time_are_read_by_alpaca_py() -> None:
    """Alpaca writes up to nine digits; the model must not stumble over what the venue may send."""
    from alpaca.data.models import Quote

    told = {"t": "2026-06-05T14:15:00.123456789Z", "bp": 1, "bs": 1, "ap": 2, "as": 1}
    assert Quote("A", told).timestamp.microsecond == 123456


def test_within_a_market_second_a_chain_is_computed_once() -> None:
    market = FakeMarket()
    with VenueThread(market, VenueSettings(speed=0)) as venue:
        for _ in range(2):
            options(venue).get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
        assert len(market.chain_asked) == 1
        set_clock(venue, at=market.starts_at + timedelta(seconds=1))
        options(venue).get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
        assert len(market.chain_asked) == 2


def test_there_is_no_news(venue: VenueThread) -> None:
    answer = ask(venue, "GET", "/v1beta1/news?symbols=SPY&limit=50")
    assert (answer.status_code, answer.json()) == (200, {"news": [], "next_page_token": None})
    assert refused(venue, "/v1beta1/news", limit=51)[0] == 400
