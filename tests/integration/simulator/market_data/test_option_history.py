"""Bars and trades of options through alpaca-py: they agree with the snapshots, and come in pages."""

from datetime import datetime, timedelta

import pytest
from alpaca.common.enums import Sort
from alpaca.data.requests import (
    OptionBarsRequest,
    OptionLatestTradeRequest,
    OptionTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from simulator.markets.columns import ChainColumns
from simulator.markets.synthetic import SyntheticMarket
from simulator.server import VenueThread
from tests.integration.simulator.data_clients import (
    DAY,
    MINUTE,
    bar_figures,
    busiest,
    get,
    instant,
    market_figures,
    options,
    parsed_figures,
)


@pytest.mark.parametrize("minutes", [1, 5, 15])
def test_bars_of_minutes_are_the_markets(
    venue: VenueThread, market: SyntheticMarket, at: datetime, contract: str, minutes: int
) -> None:
    start = at - 40 * MINUTE
    wanted = OptionBarsRequest(
        symbol_or_symbols=[contract, "XXX260612C00520000"],
        timeframe=TimeFrame(minutes, TimeFrameUnit.Minute),
        start=start,
    )
    expected = [market_figures(bar) for bar in market.option_bars(contract, minutes, start, at, at)]
    assert len(expected) >= 2
    raw = options(venue, raw=True).get_option_bars(wanted)
    assert list(raw) == [contract]
    assert [bar_figures(bar) for bar in raw[contract]] == expected
    assert [parsed_figures(bar) for bar in options(venue).get_option_bars(wanted).data[contract]] == expected


def test_minute_bars_are_made_of_the_trades_of_their_minute(
    venue: VenueThread, at: datetime, contract: str
) -> None:
    begins = at - 3 * MINUTE
    span = {"symbol_or_symbols": contract, "start": begins, "end": at - MINUTE - timedelta(microseconds=1)}
    bars = (
        options(venue).get_option_bars(OptionBarsRequest(timeframe=TimeFrame.Minute, **span)).data[contract]
    )
    trades = options(venue).get_option_trades(OptionTradesRequest(**span)).data[contract]
    assert [bar.timestamp for bar in bars] == [begins, begins + MINUTE]
    for bar in bars:
        inside = [t for t in trades if bar.timestamp <= t.timestamp < bar.timestamp + MINUTE]
        prices = [trade.price for trade in inside]
        assert (bar.open, bar.close, bar.high, bar.low) == (prices[0], prices[-1], max(prices), min(prices))
        assert (bar.volume, bar.trade_count) == (sum(trade.size for trade in inside), len(inside))


def test_daily_bars_are_those_of_the_snapshots(
    venue: VenueThread, columns: ChainColumns, at: datetime, contract: str
) -> None:
    row = columns.listing.symbols.index(contract)
    bars = (
        options(venue)
        .get_option_bars(
            OptionBarsRequest(symbol_or_symbols=contract, timeframe=TimeFrame.Day, start=at - 7 * DAY)
        )
        .data[contract]
    )
    before = columns.previous_day_bar
    assert (bars[-1].volume, bars[-1].close) == (before.volume[row], before.close[row])
    assert [bar.timestamp for bar in bars] == sorted({bar.timestamp for bar in bars})


def test_trades_are_the_markets_and_sum_to_the_days_volume(
    venue: VenueThread, columns: ChainColumns, at: datetime, contract: str
) -> None:
    row = columns.listing.symbols.index(contract)
    wanted = OptionTradesRequest(symbol_or_symbols=contract, start=at.replace(hour=4, minute=0), end=at)
    trades = options(venue, raw=True).get_option_trades(wanted)[contract]
    assert len(trades) == columns.day_bar.trades[row] > 10_000
    assert sum(trade["s"] for trade in trades) == columns.day_bar.volume[row]
    assert (
        trades[-1]
        == options(venue, raw=True).get_option_latest_trade(
            OptionLatestTradeRequest(symbol_or_symbols=contract)
        )[contract]
    )
    times = [instant(trade["t"]) for trade in trades]
    assert times == sorted(times)


def test_trades_are_kept_for_seven_days(venue: VenueThread, at: datetime, contract: str) -> None:
    path = "/v1beta1/options/trades"
    told = get(venue, path, symbols=contract, start=(at - 30 * DAY).isoformat(), limit=1).json()
    assert instant(told["trades"][contract][0]["t"]) >= at - 7 * DAY


def test_pages_of_a_history_join_to_the_whole_in_either_direction(
    venue: VenueThread, market: SyntheticMarket, at: datetime, contract: str
) -> None:
    other = busiest(market, "AAPL", at)
    asked = {"symbols": f"{contract},{other}", "start": (at - 5 * MINUTE).isoformat()}
    for path, name, limit in (("bars", "bars", 3), ("trades", "trades", 97)):
        for sort in ("asc", "desc"):
            params = {**asked, "sort": sort, "timeframe": "1Min"}
            whole = get(venue, f"/v1beta1/options/{path}", **params, limit=10_000).json()
            assert whole["next_page_token"] is None
            pages, token = [], None
            while token or not pages:
                page = get(venue, f"/v1beta1/options/{path}", **params, limit=limit, page_token=token).json()
                pages.append(page[name])
                token = page["next_page_token"]
            assert {sum(map(len, page.values())) for page in pages[:-1]} == {limit}
            joined = {s: [row for page in pages for row in page.get(s, [])] for s in (contract, other)}
            assert joined == whole[name], (path, sort)
            times = [row["t"] for row in joined[contract]]
            assert times == sorted(times, reverse=sort == "desc")


def test_a_limit_of_the_request_is_the_number_of_rows(
    venue: VenueThread, at: datetime, contract: str
) -> None:
    wanted = OptionBarsRequest(
        symbol_or_symbols=contract, timeframe=TimeFrame.Minute, start=at - 30 * MINUTE, limit=4
    )
    assert len(options(venue).get_option_bars(wanted).data[contract]) == 4


def test_bars_ask_for_the_newest_first_with_sort_desc(
    venue: VenueThread, at: datetime, contract: str
) -> None:
    path = "/v1beta1/options/bars"
    told = get(venue, path, symbols=contract, timeframe="1Min", sort=Sort.DESC.value, limit=1).json()
    assert instant(told["bars"][contract][0]["t"]) == at - MINUTE


def test_hours_of_any_number_join_the_hours(venue: VenueThread, at: datetime, contract: str) -> None:
    midnight = at.replace(hour=4, minute=0)
    span = {"start": (midnight - 2 * DAY).isoformat(), "end": (midnight - timedelta(seconds=1)).isoformat()}
    of_one, of_two = (
        get(venue, "/v1beta1/options/bars", symbols=contract, timeframe=frame, **span).json()["bars"][
            contract
        ]
        for frame in ("1Hour", "2Hour")
    )
    for whole in of_two:
        begins = instant(whole["t"])
        parts = [bar for bar in of_one if begins <= instant(bar["t"]) < begins + timedelta(hours=2)]
        assert (whole["v"], whole["o"], whole["c"]) == (
            sum(bar["v"] for bar in parts),
            parts[0]["o"],
            parts[-1]["c"],
        )
        assert (begins - midnight) % timedelta(hours=2) == timedelta(0)
    assert len(of_two) == 8
