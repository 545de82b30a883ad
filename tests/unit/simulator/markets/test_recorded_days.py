"""Recorded days in a row, several underlyings at once, daily bars, and options on an index."""

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from kernel.domain.clock import MARKET_ZONE
from kernel.domain.errors import ConfigError
from simulator.markets.days import read_days
from simulator.markets.open import open_market
from simulator.markets.recorded import RecordedMarket
from tests.fakes.lean_folder import (
    CALL_100,
    PUT_100,
    daily_bar,
    quote,
    trade,
    write_index_day,
    write_lean_day,
)

TUESDAY, WEDNESDAY, FRIDAY = (date(2024, 1, d) for d in (16, 17, 19))
CALL, PUT = "ABC240119C00100000", "ABC240119P00100000"


def at(day: date, minutes: float) -> datetime:
    """The instant `minutes` after the open of `day`."""
    return datetime.combine(day, time(9, 30), MARKET_ZONE) + timedelta(minutes=minutes)


def two_days(folder: Path, second: date = WEDNESDAY) -> RecordedMarket:
    write_lean_day(
        folder,
        quotes={CALL_100: [quote(0, 2.0, 2.2)], PUT_100: [quote(0, 1.0, 1.1)]},
        trades={CALL_100: [trade(3, 2.1, 7), trade(200, 2.3, 5)]},
        stock_trades=[trade(0, 100.0, 1000), trade(389, 101.0, 500)],
    )
    write_lean_day(
        folder,
        day=second,
        quotes={CALL_100: [quote(0, 3.0, 3.2)]},
        trades={CALL_100: [trade(1, 3.1, 2)]},
        stock_trades=[trade(-60, 104.0, 10), trade(0, 105.0, 800), trade(389, 104.5, 300)],
    )
    return RecordedMarket(folder, "ABC", TUESDAY, second)


def test_prices_stand_over_night_and_jump_with_the_next_days_first_bar(tmp_path: Path) -> None:
    market = two_days(tmp_path)

    told = [
        market.option_quote(CALL, instant)
        for instant in (at(TUESDAY, 500), at(WEDNESDAY, -1), at(WEDNESDAY, 0), at(WEDNESDAY, 1))
    ]

    assert [q and (q.bid, q.ask) for q in told] == [(2.0, 2.2), (2.0, 2.2), None, (3.0, 3.2)]


def test_the_order_of_days_asked_for_changes_nothing(tmp_path: Path) -> None:
    forwards, backwards = two_days(tmp_path), RecordedMarket(tmp_path, "ABC", TUESDAY, WEDNESDAY)
    instants = [at(day, minutes) for day in (TUESDAY, WEDNESDAY) for minutes in (-30, 2, 250, 600)]

    there = {instant: list(forwards.chain("ABC", instant)) for instant in instants}
    back = {instant: list(backwards.chain("ABC", instant)) for instant in reversed(instants)}

    assert there == back


def test_volume_begins_anew_each_day_and_yesterdays_bar_is_told(tmp_path: Path) -> None:
    market = two_days(tmp_path)

    tuesday, wednesday = (
        next(row for row in market.chain("ABC", at(day, 300)) if row.symbol == CALL)
        for day in (TUESDAY, WEDNESDAY)
    )

    assert tuesday.day_bar is not None
    assert wednesday.day_bar is not None
    assert (tuesday.day_bar.volume, tuesday.previous_day_bar) == (12, None)
    assert (wednesday.day_bar.volume, wednesday.previous_day_bar) == (2, tuesday.day_bar)
    (listed,) = market.contracts("ABC", at(WEDNESDAY, 300))
    assert (str(listed.close_price), listed.close_price_date) == ("2.3", TUESDAY)


def test_what_was_not_quoted_on_the_second_day_is_not_listed_there(tmp_path: Path) -> None:
    market = two_days(tmp_path)

    assert market.option_quote(PUT, at(TUESDAY, 60)) is not None
    assert market.option_quote(PUT, at(WEDNESDAY, 60)) is None


def test_the_underlyings_extended_hours_belong_to_their_own_day(tmp_path: Path) -> None:
    market = two_days(tmp_path)

    night, early = market.stock("ABC", at(WEDNESDAY, -120)), market.stock("ABC", at(WEDNESDAY, -30))

    assert night is not None
    assert early is not None
    assert night.trade is not None
    assert early.trade is not None
    assert (night.trade.price, early.trade.price) == (101.0, 104.0)
    assert early.previous_day_bar is not None
    assert early.previous_day_bar.close == 101.0
    bars = market.stock_bars("ABC", 1440, at(TUESDAY, -570), at(WEDNESDAY, 900), at(WEDNESDAY, 389))
    assert [bar.close for bar in bars] == [101.0]
    minutes = market.stock_bars("ABC", 1, at(TUESDAY, 0), at(WEDNESDAY, 900), at(WEDNESDAY, 900))
    assert [bar.close for bar in minutes] == [100.0, 101.0, 104.0, 105.0, 104.5]


def test_a_contracts_trades_and_bars_span_the_days(tmp_path: Path) -> None:
    market = two_days(tmp_path)
    end = at(WEDNESDAY, 900)

    assert [t.price for t in market.option_trades(CALL, at(TUESDAY, 0), end, end)] == [2.1, 2.3, 3.1]
    assert [b.volume for b in market.option_bars(CALL, 1440, at(TUESDAY, -570), end, end)] == [12, 2]


def test_the_official_close_is_the_sessions_and_stands_after_the_last_day(tmp_path: Path) -> None:
    market = two_days(tmp_path)

    assert [market.official_close("ABC", day) for day in (TUESDAY, WEDNESDAY, FRIDAY)] == [
        101.0,
        104.5,
        104.5,
    ]
    assert market.official_close("ABC", date(2024, 1, 20)) is None
    assert market.official_close("ABC", date(2024, 1, 12)) is None
    assert market.official_close("XYZ", TUESDAY) is None


def test_the_calendar_leads_from_one_recorded_day_to_the_next(tmp_path: Path) -> None:
    market = two_days(tmp_path, FRIDAY)

    assert [market.calendar.session_on(date(2024, 1, d)) is None for d in (12, 16, 17, 18, 19, 22)] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]
    assert market.calendar.last_session_on_or_before(date(2024, 1, 18)).day == TUESDAY


def test_time_to_expiration_counts_every_session_though_some_were_not_recorded(tmp_path: Path) -> None:
    bridged = two_days(tmp_path, FRIDAY)
    alone = RecordedMarket(tmp_path, "ABC", TUESDAY)

    assert list(bridged.chain("ABC", at(TUESDAY, 5))) == list(alone.chain("ABC", at(TUESDAY, 5)))
    assert next(iter(alone.chain("ABC", at(TUESDAY, 5)))).implied_volatility is not None


def test_a_day_is_read_when_it_is_first_asked_for(tmp_path: Path) -> None:
    heard: list[str] = []
    two_days(tmp_path)
    market = RecordedMarket(
        tmp_path, "ABC", TUESDAY, WEDNESDAY, progress=lambda file, _done: heard.append(file[:8])
    )
    assert set(heard) == {"20240116"}

    market.chain_columns("ABC", at(WEDNESDAY, 30))

    assert set(heard) == {"20240116", "20240117"}


def test_several_symbols_are_one_market(tmp_path: Path) -> None:
    two_days(tmp_path)
    write_lean_day(
        tmp_path,
        symbol="XYZ",
        day=WEDNESDAY,
        quotes={CALL_100: [quote(0, 5.0, 5.2)]},
        stock_trades=[trade(0, 50.0, 100)],
    )

    market = open_market(
        f"lean:{tmp_path}", seed=0, symbol="abc, xyz", day=read_days("2024-01-16..2024-01-17")
    )

    assert market.name == "recorded ABC,XYZ 2024-01-16..2024-01-17"
    assert market.underlyings() == ("ABC", "XYZ")
    assert market.option_quote("XYZ240119C00100000", at(TUESDAY, 60)) is None
    told = market.option_quote("XYZ240119C00100000", at(WEDNESDAY, 60))
    assert told is not None
    assert told.bid == 5.0
    assert market.option_quote(CALL, at(WEDNESDAY, 60)) is not None
    stock = market.stock("XYZ", at(WEDNESDAY, 60))
    assert stock is not None
    assert stock.trade is not None
    assert stock.trade.price == 50.0


def test_a_span_in_which_nothing_was_recorded_says_what_there_is(tmp_path: Path) -> None:
    two_days(tmp_path)

    with pytest.raises(
        ConfigError,
        match=r"ABC was not recorded from 2024-02-01 to 2024-02-09 .*; there is 2024-01-16, 2024-01-17",
    ):
        RecordedMarket(tmp_path, "ABC", date(2024, 2, 1), date(2024, 2, 9))


def test_daily_bars_tell_of_the_days_that_were_not_recorded(tmp_path: Path) -> None:
    days = [date(2024, 1, 11), date(2024, 1, 12), TUESDAY, WEDNESDAY]
    write_lean_day(
        tmp_path,
        quotes={CALL_100: [quote(0, 2.0, 2.2)]},
        stock_trades=[trade(0, 100.0, 1000)],
        daily=[daily_bar(day, 90 + n, 1000 + n) for n, day in enumerate(days)],
    )
    market = RecordedMarket(tmp_path, "ABC", TUESDAY)
    noon = at(TUESDAY, 150)

    bars = market.stock_bars("ABC", 1440, noon - timedelta(days=30), noon, noon)

    assert [(bar.close, bar.volume) for bar in bars] == [(90.0, 1000), (91.0, 1001)]
    told = market.stock("ABC", noon)
    assert told is not None
    assert told.previous_day_bar == bars[-1]
    assert market.official_close("ABC", date(2024, 1, 12)) == 91.0
    later = market.stock_bars(
        "ABC", 1440, noon - timedelta(days=1), noon + timedelta(days=9), noon + timedelta(days=9)
    )
    assert [bar.close for bar in later] == [100.0, 93.0]


def test_an_index_is_read_in_dollars_and_its_roots_make_one_chain(tmp_path: Path) -> None:
    folder = write_index_day(
        tmp_path,
        roots={
            "spx": {"call_47500000_20240119": [quote(0, 20.0, 21.0)]},
            "spxw": {"call_47500000_20240117": [quote(0, 11.0, 11.5)]},
        },
        levels=["34200000,4750.5,4752,4749.25,4751.75,0", "57540000,4760,4760,4760,4760.13,0"],
    )
    market = RecordedMarket(folder, "SPX", TUESDAY)
    told = {row.symbol: row for row in market.chain("SPX", at(TUESDAY, 5))}

    assert sorted(told) == ["SPX240119C04750000", "SPXW240117C04750000"]
    assert all(row.implied_volatility for row in told.values())
    assert market.underlyings() == market.indexes() == ("SPX",)
    weekly = market.option_quote("SPXW240117C04750000", at(TUESDAY, 5))
    assert weekly is not None
    assert weekly.bid == 11.0
    level = market.stock("SPX", at(TUESDAY, 5))
    assert level is not None
    assert level.quote is None
    assert level.trade is not None
    assert level.day_bar is not None
    assert level.trade.price == 4751.75
    assert level.day_bar.vwap == pytest.approx((4750.5 + 4752 + 4749.25 + 4751.75) / 4, abs=1e-3)
    assert market.official_close("SPX", TUESDAY) == 4760.13
