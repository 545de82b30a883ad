"""A contract's trades and bars: what was known when, and that longer bars are what they span."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator.markets.joining import bar_start, join_bars, join_trades
from simulator.markets.market import Trade
from simulator.markets.recorded import RecordedMarket
from simulator.markets.synthetic import SyntheticMarket
from tests.fakes.lean_folder import CALL_100, DAY, quote, trade, write_lean_day
from tests.unit.simulator.markets.test_recorded_market import CALL, at

MINUTE = timedelta(minutes=1)


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedMarket:
    trades = [trade(0, 2.0, 10), trade(1, 2.5, 20), trade(4, 1.5, 5), trade(10, 3.0, 1)]
    folder = write_lean_day(tmp_path, quotes={CALL_100: [quote(0, 2.0, 2.2)]}, trades={CALL_100: trades})
    return RecordedMarket(folder, "ABC", DAY)


def test_a_recorded_bar_is_one_trade_at_its_end_and_unknown_before(recorded: RecordedMarket) -> None:
    told = recorded.option_trades(CALL, at(0), at(60), at(5))
    assert [(t.at, t.price, t.size) for t in told] == [(at(1), 2.0, 10), (at(2), 2.5, 20), (at(5), 1.5, 5)]
    assert len(recorded.option_trades(CALL, at(0), at(60), at(5) - timedelta(seconds=1))) == 2
    assert recorded.option_trades("ABC240119C00200000", at(0), at(60), at(60)) == []


def test_recorded_bars_join_to_longer_ones(recorded: RecordedMarket) -> None:
    [first] = recorded.option_bars(CALL, 5, at(0), at(60), at(10))
    assert (first.at, first.open, first.high, first.low, first.close) == (at(0), 2.0, 2.5, 1.5, 1.5)
    assert (first.volume, first.trades) == (35, 3)
    assert len(recorded.option_bars(CALL, 5, at(0), at(60), at(15))) == 2
    assert recorded.option_bars(CALL, 1440, at(-600), at(600), at(389)) == []
    [day] = recorded.option_bars(CALL, 1440, at(-600), at(600), at(390))
    assert (day.volume, day.close) == (36, 3.0)


def test_a_synthetic_contracts_trades_of_two_spans_are_those_of_the_whole() -> None:
    market = SyntheticMarket(3)
    begins, ends = market.starts_at, market.starts_at + timedelta(minutes=10)
    columns = market.chain_columns("QQQ", ends)
    symbol = columns.listing.symbols[int(columns.day_bar.trades.argmax())]
    middle = begins + timedelta(minutes=4, milliseconds=500)
    whole = market.option_trades(symbol, begins, ends, ends)
    first = market.option_trades(symbol, begins, middle, ends)
    second = market.option_trades(symbol, middle, ends, ends)
    assert [*first, *second] == list(whole)
    assert market.option_trades(symbol, begins, ends, middle) == first
    assert first
    assert second


def test_a_trade_at_the_close_belongs_to_the_last_bar() -> None:
    closes_at = datetime(2026, 6, 5, 20, tzinfo=UTC)
    trades = [Trade(at=closes_at - MINUTE, price=1.0, size=2), Trade(at=closes_at, price=2.0, size=1)]
    [bar] = join_trades(trades, 5, closes_at, closes_at=closes_at)
    assert (bar.at, bar.open, bar.close, bar.volume, bar.vwap) == (
        closes_at - 5 * MINUTE,
        1.0,
        2.0,
        3,
        1.3333,
    )
    assert join_trades(trades, 5, closes_at - MINUTE, closes_at=closes_at) == []


def test_bars_stand_on_multiples_from_midnight_in_new_york() -> None:
    half_past_nine = datetime(2026, 6, 5, 13, 30, tzinfo=UTC)
    assert bar_start(half_past_nine, 60) == half_past_nine - 30 * MINUTE
    assert bar_start(half_past_nine, 240) == half_past_nine - 90 * MINUTE
    assert bar_start(half_past_nine + timedelta(seconds=59), 1) == half_past_nine


def test_a_joined_bar_weighs_prices_by_volume() -> None:
    one, other = (
        bar
        for price, size in ((1.0, 3), (3.0, 1))
        for bar in join_trades(
            [Trade(at=at(0).astimezone(UTC), price=price, size=size)], 1, at(1), closes_at=at(390)
        )
    )
    [joined] = join_bars([one, other], lambda bar: bar.at)
    assert (joined.vwap, joined.volume, joined.high, joined.low, joined.trades) == (1.5, 4, 3.0, 1.0, 2)
