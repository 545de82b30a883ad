"""The recorded days themselves, against a plain reading of their files.

How the published counts come about: bars that ended by the instant, closing bid and ask with each side carried forward,
(ask − bid) ÷ mid strictly below a tenth compared without rounding, mid of at least $0.30, contracts that expire on the
day included; volume is the sum of the trade bars that ended by then.
"""

import zipfile
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kernel.domain.clock import MARKET_ZONE
from kernel.domain.money import mid_price, spread_pct
from simulator.markets.market import OptionSnapshot
from simulator.markets.recorded import RecordedMarket

LEAN = Path(__file__).resolve().parents[3] / "shared" / "data" / "lean"
pytestmark = pytest.mark.skipif(not LEAN.is_dir(), reason=f"no recorded markets in {LEAN}")

AAPL_NOON = datetime(2014, 6, 6, 12, tzinfo=MARKET_ZONE)
GOOG_ELEVEN = datetime(2015, 12, 24, 11, tzinfo=MARKET_ZONE)


@cache
def market(symbol: str, day: date) -> RecordedMarket:
    return RecordedMarket(LEAN, symbol, day)


def snapshots(symbol: str, at: datetime) -> list[OptionSnapshot]:
    return list(market(symbol, at.date()).chain(symbol, at))


def fits_by_price(row: OptionSnapshot) -> bool:
    if row.quote is None or not row.quote.bid or not row.quote.ask:
        return False
    bid, ask = Decimal(str(row.quote.bid)), Decimal(str(row.quote.ask))
    return bid <= ask and spread_pct(bid, ask) < 10 and mid_price(bid, ask) >= Decimal("0.30")


def volume(row: OptionSnapshot) -> int:
    return row.day_bar.volume if row.day_bar else 0


def test_aapl_at_noon_has_69_contracts_that_fit_by_spread_premium_and_volume() -> None:
    fitting = [row for row in snapshots("AAPL", AAPL_NOON) if fits_by_price(row)]

    assert sum(volume(row) >= 200 for row in fitting) == 69


def test_goog_at_eleven_has_1299_that_fit_by_price_and_none_by_volume() -> None:
    fitting = [row for row in snapshots("GOOG", GOOG_ELEVEN) if fits_by_price(row)]

    assert len(fitting) == 1299
    assert max(volume(row) for row in fitting) == 177


def test_a_spread_of_exactly_ten_percent_is_there_to_be_refused() -> None:
    quotes = [row.quote for row in snapshots("GOOG", GOOG_ELEVEN) if row.quote and row.quote.bid]
    spreads = [spread_pct(Decimal(str(quote.bid)), Decimal(str(quote.ask))) for quote in quotes]

    assert spreads.count(Decimal(10)) == 4


def test_goog_trades_until_one_on_its_half_day() -> None:
    session = market("GOOG", GOOG_ELEVEN.date()).calendar.session_on(GOOG_ELEVEN.date())

    assert session is not None
    assert session.closes_at == datetime(2015, 12, 24, 13, tzinfo=MARKET_ZONE)
    assert market("GOOG", GOOG_ELEVEN.date()).starts_at == GOOG_ELEVEN


def test_aapls_saturday_expirations_end_with_fridays_close() -> None:
    calendar = market("AAPL", AAPL_NOON.date()).calendar

    assert calendar.last_session_on_or_before(date(2014, 6, 21)).day == date(2014, 6, 20)
    assert market("AAPL", AAPL_NOON.date()).starts_at == AAPL_NOON


def test_every_contract_of_the_files_is_listed_with_its_open_interest() -> None:
    aapl = market("AAPL", AAPL_NOON.date()).contracts("AAPL", AAPL_NOON)
    goog = market("GOOG", GOOG_ELEVEN.date()).contracts("GOOG", GOOG_ELEVEN)

    assert (len(aapl), len(goog)) == (2352, 2192)
    known = {str(c.symbol): (c.open_interest, c.open_interest_date) for c in aapl}
    assert known["AAPL140621C00275000"] == (1405, date(2014, 6, 5))


@pytest.mark.parametrize(
    ("symbol", "at", "archive", "hour_bars"),
    [
        ("AAPL", AAPL_NOON, "hour/aapl_2014_quote_american.zip", True),
        ("GOOG", GOOG_ELEVEN, "minute/goog/20151224_quote_american.zip", False),
    ],
)
def test_quotes_are_those_of_a_plain_reading_of_the_files(
    symbol: str, at: datetime, archive: str, hour_bars: bool
) -> None:
    plain = plain_quotes(LEAN / "option" / "usa" / archive, symbol, at, hour_bars=hour_bars)
    told = {
        row.symbol: (round(row.quote.bid * 10_000), round(row.quote.ask * 10_000))
        for row in snapshots(symbol, at)
        if row.quote
    }

    assert len(told) > 2000
    assert told == plain


def plain_quotes(path: Path, symbol: str, at: datetime, *, hour_bars: bool) -> dict[str, tuple[int, int]]:
    """Read bids and asks in deci-cents row by row, as one would by hand."""
    now_s = at.hour * 3600
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            right, strike, expiration = name[:-4].split("_")[-3:]
            bid = ask = 0
            seen = False
            for line in archive.read(name).decode().split():
                fields = line.split(",")
                if hour_bars and len(fields) == 1:
                    continue  # the date, split off its hour by the blank between them
                end_s = (int(fields[0][:2]) + 1) * 3600 if hour_bars else int(fields[0]) // 1000 + 60
                if end_s > now_s:
                    break
                seen = True
                bid = int(fields[4]) if fields[4] else bid
                ask = int(fields[9]) if fields[9] else ask
            if seen:
                occ = f"{symbol}{expiration[2:]}{right[0].upper()}{int(strike) // 10:08d}"
                found[occ] = (bid, ask)
    return found


def test_the_mids_volatilities_make_a_plausible_delta_ladder() -> None:
    columns = market("AAPL", AAPL_NOON.date()).chain_columns("AAPL", AAPL_NOON)
    june = (columns.listing.expiration == np.datetime64("2014-06-21")) & columns.listing.is_call
    strike, delta = columns.listing.strike[june], columns.greeks.delta[june]
    near = (strike >= 600) & (strike <= 700)

    assert near.sum() > 15
    assert not np.isnan(delta[near]).any()
    assert (np.diff(delta[near]) < 0).all()
    assert 0.45 < delta[np.abs(strike - 650).argmin()] < 0.55


def test_nothing_is_known_before_the_first_bar_has_ended() -> None:
    early = datetime(2014, 6, 6, 9, 59, 59, tzinfo=MARKET_ZONE)

    assert {row.quote for row in snapshots("AAPL", early)} == {None}
    assert {row.day_bar for row in snapshots("AAPL", early)} == {None}


def test_both_recordings_make_one_market_that_tells_what_each_tells_alone() -> None:
    both = RecordedMarket(LEAN, ["AAPL", "GOOG"], AAPL_NOON.date(), GOOG_ELEVEN.date())

    assert list(both.chain("GOOG", GOOG_ELEVEN)) == snapshots("GOOG", GOOG_ELEVEN)
    assert list(both.chain("AAPL", AAPL_NOON)) == snapshots("AAPL", AAPL_NOON)
    days = [session.day for session in both.calendar.sessions]
    assert days[days.index(AAPL_NOON.date()) + 1] == GOOG_ELEVEN.date()
    assert both.official_close("AAPL", AAPL_NOON.date()) == 645.57
