"""A recorded market on a small folder: what is known when, and what is said when something is missing."""

import math
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import NormalDist

import pytest

from kernel.domain.clock import MARKET_ZONE
from kernel.domain.errors import ConfigError
from kernel.domain.options import OptionSymbol
from simulator.markets.market import OptionSnapshot
from simulator.markets.recorded import RecordedMarket
from tests.fakes.lean_folder import CALL_100, DAY, PUT_100, minute, quote, trade, write_lean_day

CALL = "ABC240119C00100000"
PUT = "ABC240119P00100000"


def at(number: float) -> datetime:
    """The instant `number` minutes after the open."""
    return datetime(2024, 1, 16, 9, 30, tzinfo=MARKET_ZONE) + timedelta(minutes=number)


def call_of(market: RecordedMarket, number: float) -> OptionSnapshot:
    return next(row for row in market.chain("ABC", at(number)) if row.symbol == CALL)


def opened(folder: Path, day: date = DAY) -> RecordedMarket:
    return RecordedMarket(folder, "ABC", day)


def test_a_bar_is_known_at_its_end_and_not_before(tmp_path: Path) -> None:
    market = opened(write_lean_day(tmp_path, quotes={CALL_100: [quote(0, 2.0, 2.2), quote(1, 3.0, 3.2)]}))

    assert market.option_quote(CALL, at(1) - timedelta(microseconds=1)) is None
    first = market.option_quote(CALL, at(1))
    assert first is not None
    assert (first.at, first.bid, first.ask) == (at(1), 2.0, 2.2)
    second = market.option_quote(CALL, at(2))
    assert second is not None
    assert (second.at, second.bid) == (at(2), 3.0)


def test_an_empty_side_is_carried_forward_and_its_bar_still_touches_the_quote(tmp_path: Path) -> None:
    rows = [quote(0, 2.0, 2.2), quote(1, None, 2.4), quote(2, 2.1, None)]
    market = opened(write_lean_day(tmp_path, quotes={CALL_100: rows}))

    told = [market.option_quote(CALL, at(number)) for number in (1, 2, 3)]

    assert [(q.bid, q.bid_size, q.ask, q.ask_size) for q in told if q] == [
        (2.0, 10, 2.2, 20),
        (2.0, 10, 2.4, 20),
        (2.1, 10, 2.4, 20),
    ]
    assert [q.at for q in told if q] == [at(1), at(2), at(3)]


def test_a_side_is_not_carried_over_from_another_contract(tmp_path: Path) -> None:
    market = opened(
        write_lean_day(tmp_path, quotes={CALL_100: [quote(0, 2.0, 2.2)], PUT_100: [quote(1, None, 1.5)]})
    )

    told = market.option_quote(PUT, at(2))

    assert told is not None
    assert (told.bid, told.bid_size, told.ask) == (0.0, 0, 1.5)


def test_volume_is_the_sum_of_the_trade_bars_that_ended(tmp_path: Path) -> None:
    market = opened(
        write_lean_day(
            tmp_path,
            quotes={CALL_100: [quote(0, 2.0, 2.2)], PUT_100: [quote(0, 1.0, 1.2)]},
            trades={CALL_100: [trade(1, 2.1, 5), trade(4, 2.3, 7)]},
        )
    )

    assert call_of(market, 1.9).day_bar is None
    assert call_of(market, 1.9).trade is None
    early, late = call_of(market, 2).day_bar, call_of(market, 5).day_bar
    assert early is not None
    assert late is not None
    assert (early.volume, late.volume) == (5, 12)
    assert (late.open, late.high, late.low, late.close) == (2.1, 2.3, 2.1, 2.3)
    assert late.vwap == pytest.approx((5 * 2.1 + 7 * 2.3) / 12, abs=1e-4)
    last = call_of(market, 30).trade
    assert last is not None
    assert (last.at, last.price, last.size) == (at(5), 2.3, 7)
    minute_bar = call_of(market, 30).minute_bar
    assert minute_bar is not None
    assert (minute_bar.at, minute_bar.volume) == (at(4), 7)
    untouched = next(row for row in market.chain("ABC", at(30)) if row.symbol == PUT)
    assert untouched.day_bar is None


def test_volatility_needs_the_underlying_and_a_two_sided_uncrossed_quote(tmp_path: Path) -> None:
    market = opened(
        write_lean_day(
            tmp_path,
            quotes={CALL_100: [quote(0, 2.0, 2.2), quote(5, 2.3, 2.2)], PUT_100: [quote(0, None, 1.2)]},
            stock_trades=[trade(2, 100.5, 1000)],
        )
    )

    before, with_spot, crossed = (call_of(market, number) for number in (1, 3, 6))
    one_sided = next(row for row in market.chain("ABC", at(3)) if row.symbol == PUT)

    assert before.implied_volatility is None
    assert with_spot.implied_volatility is not None
    assert with_spot.greeks is not None
    seconds_left = (datetime(2024, 1, 19, 16, tzinfo=MARKET_ZONE) - at(3)).total_seconds()
    deviation = with_spot.implied_volatility * math.sqrt(seconds_left / (365 * 24 * 3600))
    d1 = math.log(100.5 / 100) / deviation + deviation / 2
    normal = NormalDist().cdf
    assert 100.5 * normal(d1) - 100 * normal(d1 - deviation) == pytest.approx(2.1)
    assert with_spot.greeks.delta == pytest.approx(normal(d1))
    assert crossed.implied_volatility is None
    assert one_sided.implied_volatility is None
    assert one_sided.greeks is None


def test_a_saturday_expiration_ends_with_its_fridays_close(tmp_path: Path) -> None:
    saturday = "call_1000000_20240120"
    market = opened(
        write_lean_day(
            tmp_path,
            quotes={CALL_100: [quote(0, 2.0, 2.2)], saturday: [quote(0, 2.0, 2.2)]},
            stock_trades=[trade(0, 100.5, 1000)],
        )
    )

    friday, on_saturday = market.chain("ABC", at(1))

    assert on_saturday.symbol == "ABC240120C00100000"
    assert on_saturday.implied_volatility == friday.implied_volatility
    on_the_weekend = datetime(2024, 1, 20, 12, tzinfo=MARKET_ZONE)
    assert market.chain("ABC", on_the_weekend - timedelta(days=1)) != []
    assert list(market.chain("ABC", on_the_weekend)) == []
    assert list(market.contracts("ABC", on_the_weekend)) == []
    assert market.option_quote(on_saturday.symbol, on_the_weekend) is None


def test_open_interest_is_the_previous_sessions_and_known_when_it_was_published(tmp_path: Path) -> None:
    market = opened(
        write_lean_day(
            tmp_path,
            quotes={CALL_100: [quote(0, 2.0, 2.2)], PUT_100: [quote(0, 1.0, 1.2)]},
            interest={CALL_100: [f"{minute(-180)},1405"]},
        )
    )

    call, put = market.contracts("ABC", at(0))

    assert call.symbol == OptionSymbol.parse(CALL)
    # The 15th was a holiday: the session before is Friday's.
    assert (call.open_interest, call.open_interest_date) == (1405, date(2024, 1, 12))
    assert (put.open_interest, put.open_interest_date) == (None, None)
    assert call.close_price is None
    assert market.contracts("ABC", at(-181))[0].open_interest is None


def test_an_underlyings_day_bar_holds_the_session_alone_and_its_minutes_the_extended_hours(
    tmp_path: Path,
) -> None:
    market = opened(
        write_lean_day(
            tmp_path,
            quotes={CALL_100: [quote(0, 2.0, 2.2)]},
            stock_trades=[
                trade(-60, 90.0, 10),
                trade(0, 100.0, 1000),
                trade(1, 101.0, 500),
                trade(400, 95.0, 70),
            ],
            stock_quotes=[quote(0, 99.9, 100.1)],
        )
    )

    early, later = market.stock("ABC", at(-59)), market.stock("ABC", at(2))

    assert early is not None
    assert early.trade is not None
    assert (early.trade.price, early.day_bar, early.quote) == (90.0, None, None)
    assert later is not None
    assert later.day_bar is not None
    assert (later.day_bar.open, later.day_bar.low, later.day_bar.volume) == (100.0, 100.0, 1500)
    assert later.quote is not None
    assert later.quote.bid == 99.9
    midnight, evening = at(-570), at(600)
    minutes = market.stock_bars("ABC", 1, midnight, evening, evening)
    assert [bar.close for bar in minutes] == [90.0, 100.0, 101.0, 95.0]
    assert [bar.volume for bar in market.stock_bars("ABC", 5, at(0), at(5), evening)] == [1500]
    assert market.stock_bars("ABC", 5, at(0), at(5), at(4.9)) == []
    assert market.stock_bars("ABC", 1440, midnight, evening, at(389)) == []
    (day,) = market.stock_bars("ABC", 1440, midnight, evening, at(390))
    assert (day.at, day.volume, day.close) == (midnight, 1500, 101.0)


def test_an_hour_file_of_a_year_gives_the_asked_day_with_bars_of_an_hour(tmp_path: Path) -> None:
    write_lean_day(tmp_path, quotes={CALL_100: []}, stock_trades=[trade(0, 100.5, 1000)])
    by_minute = tmp_path / "option" / "usa" / "minute" / "abc"
    hours = tmp_path / "option" / "usa" / "hour"
    hours.mkdir()
    rows = ["20240112 09:00,0,0,0,90000,1,0,0,0,91000,1", "20240116 09:00,0,0,0,20000,1,0,0,0,22000,1"]
    for kind in ("quote", "trade"):
        with zipfile.ZipFile(hours / f"abc_2024_{kind}_american.zip", "w") as archive:
            archive.writestr(
                f"abc_{kind}_american_{CALL_100}.csv", "\n".join(rows if kind == "quote" else [])
            )
        (by_minute / f"20240116_{kind}_american.zip").unlink()
    market = opened(tmp_path)

    assert market.option_quote(CALL, at(29.9)) is None
    told = market.option_quote(CALL, at(30))

    assert told is not None
    assert (told.at, told.bid) == (at(30), 2.0)


def test_it_starts_on_the_hour_before_the_middle_of_the_session(tmp_path: Path) -> None:
    market = opened(write_lean_day(tmp_path, quotes={CALL_100: [quote(0, 2.0, 2.2)]}))

    assert market.starts_at == datetime(2024, 1, 16, 17, tzinfo=UTC)


def test_another_symbol_is_unknown(tmp_path: Path) -> None:
    market = opened(write_lean_day(tmp_path, quotes={CALL_100: [quote(0, 2.0, 2.2)]}))

    assert market.underlyings() == ("ABC",)
    assert market.stock("XYZ", at(5)) is None
    assert list(market.chain("XYZ", at(5))) == []
    assert list(market.contracts("XYZ", at(5))) == []
    assert list(market.stock_bars("XYZ", 1, at(0), at(5), at(5))) == []
    assert market.option_quote("XYZ240119C00100000", at(5)) is None


def test_progress_tells_each_file_to_its_end(tmp_path: Path) -> None:
    heard: list[tuple[str, float]] = []
    folder = write_lean_day(tmp_path, quotes={CALL_100: [quote(0, 2.0, 2.2)], PUT_100: []}, trades={})

    RecordedMarket(folder, "ABC", DAY, progress=lambda file, done: heard.append((file, done)))

    assert heard == [
        ("20240116_quote_american.zip", 0.0),
        ("20240116_quote_american.zip", 0.5),
        ("20240116_quote_american.zip", 1.0),
        ("20240116_trade_american.zip", 1.0),
    ]


def test_a_folder_that_is_not_there_is_a_config_error_that_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="equity/usa/minute and option/usa"):
        opened(tmp_path / "nowhere")


def test_a_symbol_or_day_that_is_not_there_is_a_config_error_that_says_what_is(tmp_path: Path) -> None:
    folder = write_lean_day(tmp_path, quotes={CALL_100: [quote(0, 2.0, 2.2)]})

    with pytest.raises(ConfigError, match=r"no recorded options of XYZ in .*; there is ABC"):
        RecordedMarket(folder, "XYZ", DAY)
    with pytest.raises(ConfigError, match=r"not recorded on 2024-01-17 in .*; there is 2024-01-16"):
        opened(folder, date(2024, 1, 17))


def test_a_day_without_quotes_or_on_a_holiday_is_a_config_error(tmp_path: Path) -> None:
    holiday = date(2024, 1, 15)
    empty = write_lean_day(tmp_path / "empty", quotes={CALL_100: []})
    closed = write_lean_day(tmp_path / "closed", day=holiday, quotes={CALL_100: [quote(0, 2.0, 2.2)]})

    with pytest.raises(ConfigError, match="holds no quote of 2024-01-16"):
        opened(empty)
    with pytest.raises(ConfigError, match="closed on 2024-01-15"):
        opened(closed, holiday)


@pytest.mark.parametrize("row", ["garbage", "1,2", "34200000,1,1,1,x,1,1,1,1,1,1"])
def test_a_damaged_row_is_a_config_error_that_names_the_file(tmp_path: Path, row: str) -> None:
    folder = write_lean_day(tmp_path, quotes={CALL_100: [row]})

    with pytest.raises(
        ConfigError, match=r"20240116_quote_american\.zip cannot be read .*call_1000000_20240119"
    ):
        opened(folder)


def test_a_damaged_archive_is_a_config_error_that_names_it(tmp_path: Path) -> None:
    folder = write_lean_day(tmp_path, quotes={CALL_100: [quote(0, 2.0, 2.2)]})
    (folder / "option/usa/minute/abc/20240116_trade_american.zip").write_bytes(b"no zip")

    with pytest.raises(ConfigError, match=r"20240116_trade_american\.zip cannot be read"):
        opened(folder)


def test_prices_survive_the_way_through_floats_exactly(tmp_path: Path) -> None:
    market = opened(write_lean_day(tmp_path, quotes={CALL_100: [quote(0, 148.12, 150.25)]}))

    told = market.option_quote(CALL, at(1))

    assert told is not None
    assert (Decimal(str(told.bid)), Decimal(str(told.ask))) == (Decimal("148.12"), Decimal("150.25"))
