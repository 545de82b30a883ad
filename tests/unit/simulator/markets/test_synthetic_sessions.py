"""How synthetic names move together and apart from session to session: factors, jumps, gaps, reports."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from kernel.domain.calendar import Session, market_day
from kernel.domain.clock import MARKET_ZONE
from simulator.markets.synthetic import DEFAULT_DAY, UNDERLYINGS, SyntheticMarket, Underlying
from simulator.markets.synthetic.factors import Factors, index_of

MARKET = SyntheticMarket(seed=3)
NAMES = {name.symbol: name for name in UNDERLYINGS}
REPORTING = [name for name in UNDERLYINGS if name.earnings_move]


def sessions(first: date, last: date) -> list[Session]:
    return [session for session in MARKET.calendar.sessions if first <= session.day <= last]


def test_names_correlate_as_their_shares_of_the_market_say() -> None:
    pairs = [("SPY", "QQQ"), ("SPY", "AAPL"), ("NVDA", "AMD"), ("TSLA", "MSFT"), ("IWM", "TSLA")]
    first = index_of(date(2020, 1, 1))

    for one, other in pairs:
        found = []
        for seed in range(4):
            levels = [
                Factors(seed).moves(NAMES[symbol]).level[first : first + 1000] for symbol in (one, other)
            ]
            found.append(np.corrcoef(*(np.diff(level) for level in levels))[0, 1])
        assert np.mean(found) == pytest.approx(NAMES[one].market_share * NAMES[other].market_share, abs=0.1)


def test_minutes_correlate_too() -> None:
    moves = {}
    for symbol in ("SPY", "QQQ", "TSLA"):
        bars = MARKET.stock_bars(
            symbol,
            1,
            MARKET.starts_at,
            MARKET.starts_at + timedelta(days=12),
            MARKET.starts_at + timedelta(days=12),
        )
        moves[symbol] = np.diff(np.log([bar.close for bar in bars]))

    assert np.corrcoef(moves["SPY"], moves["QQQ"])[0, 1] > 0.6
    assert 0.1 < np.corrcoef(moves["SPY"], moves["TSLA"])[0, 1] < 0.8


def test_a_market_jump_happens_to_every_name_within_the_same_second() -> None:
    factors = Factors(3)
    jumps = {symbol: factors.moves(NAMES[symbol]).market_jump for symbol in ("SPY", "QQQ")}
    session = max(
        sessions(date(2025, 12, 1), date(2027, 6, 1)), key=lambda s: abs(jumps["SPY"][index_of(s.day)])
    )
    seconds = int((session.closes_at - session.opens_at).total_seconds())

    found = {}
    for symbol, jump in jumps.items():
        size = jump[index_of(session.day)]
        prices = MARKET._tape.path(NAMES[symbol], session).price_usd
        moves = np.diff(np.log(prices))
        found[symbol] = int(np.argmax(np.abs(moves)))
        assert abs(size) > 0.005
        assert moves[found[symbol]] == pytest.approx(size, rel=0.3)
    assert found["SPY"] == found["QQQ"] < seconds


def test_about_two_sessions_in_a_hundred_jump_alone() -> None:
    share = np.mean([np.mean(Factors(seed).moves(NAMES["TSLA"]).own_jump != 0) for seed in range(3)])

    assert 0.015 < share < 0.025


def test_sessions_open_with_a_gap_after_the_night() -> None:
    closes = [MARKET.official_close("QQQ", session.day) for session in MARKET.calendar.sessions[:60]]
    opens = [
        snapshot.trade.price
        for session in MARKET.calendar.sessions[:60]
        if (snapshot := MARKET.stock("QQQ", session.opens_at)) and snapshot.trade
    ]
    gaps = [np.log(opened / closed) for closed, opened in zip(closes[:-1], opens[1:], strict=True) if closed]

    assert 0.001 < np.std(gaps) < 0.02
    assert np.count_nonzero(gaps) > 50


def test_volatility_is_persistent_and_rises_when_the_market_falls() -> None:
    moves = Factors(1).moves(NAMES["SPY"])
    nerves = np.log(moves.nerves)

    assert np.corrcoef(nerves[:-1], nerves[1:])[0, 1] > 0.8
    assert np.corrcoef(np.diff(nerves), np.diff(moves.level)[: nerves.size - 1])[0, 1] < -0.3
    assert 0.05 < nerves.std() < 0.25


@pytest.mark.parametrize("name", REPORTING, ids=lambda name: name.symbol)
def test_a_name_reports_once_a_quarter_on_an_evening_before_a_session(name: Underlying) -> None:
    reports = MARKET.earnings(name.symbol, date(2026, 1, 1), date(2026, 12, 31))

    assert [report.month in {1, 2} for report in reports] == [True, False, False, False]
    assert all(70 < (later - earlier).days < 115 for earlier, later in pairwise(reports))
    assert all(MARKET.calendar.session_on(report + timedelta(days=1)) for report in reports)


def test_funds_and_indexes_do_not_report_and_names_do_not_all_on_one_day() -> None:
    year = (date(2026, 1, 1), date(2026, 12, 31))

    assert [list(MARKET.earnings(symbol, *year)) for symbol in ("SPY", "SPX", "ZZZZ")] == [[], [], []]
    assert len({tuple(MARKET.earnings(name.symbol, *year)) for name in REPORTING}) == len(REPORTING)


def at_money(symbol: str, at: datetime) -> dict[date, float]:
    """Volatility of the call nearest to the money, by expiration."""
    snapshot, columns = MARKET.stock(symbol, at), MARKET.chain_columns(symbol, at)
    assert snapshot is not None
    assert snapshot.trade is not None
    found = {}
    for day in np.unique(columns.listing.expiration):
        rows = np.flatnonzero((columns.listing.expiration == day) & columns.listing.is_call)
        nearest = rows[np.argmin(np.abs(columns.listing.strike[rows] - snapshot.trade.price))]
        found[day.astype(object)] = float(columns.implied_volatility[nearest])
    return found


@pytest.mark.parametrize("name", REPORTING, ids=lambda name: name.symbol)
def test_options_expect_a_report_and_are_cheap_again_after_it(name: Underlying) -> None:
    (report,) = MARKET.earnings(name.symbol, date(2026, 7, 1), date(2026, 9, 1))
    evening, morning = (
        MARKET.calendar.session_on(report),
        MARKET.calendar.session_on(report + timedelta(days=1)),
    )
    assert evening is not None
    assert morning is not None
    before = at_money(name.symbol, evening.closes_at)
    over_night = at_money(name.symbol, morning.opens_at - timedelta(seconds=1))
    after = at_money(name.symbol, morning.opens_at + timedelta(minutes=1))

    ahead = [before[day] for day in sorted(before)]
    assert ahead == sorted(ahead, reverse=True), (
        "the sooner an expiration, the more of its variance is the report"
    )
    assert ahead[0] > 1.5 * ahead[-1]
    assert over_night == before
    near = min(after)
    assert after[near] < 0.75 * before[near]
    assert after[max(after)] > 0.75 * before[max(before)]


def test_expirations_before_a_report_do_not_expect_it() -> None:
    (report,) = MARKET.earnings("TSLA", date(2026, 7, 1), date(2026, 9, 1))
    at = datetime.combine(report - timedelta(days=9), datetime.min.time(), MARKET_ZONE) + timedelta(hours=12)
    told = at_money("TSLA", at)

    before = [volatility for day, volatility in told.items() if day <= report]
    later = [volatility for day, volatility in told.items() if day > report]
    assert before
    assert max(before) < min(later[:2])


def test_gaps_after_reports_are_as_large_as_the_name_says() -> None:
    gaps = []
    for seed in range(5):
        gap = Factors(seed).moves(NAMES["NVDA"]).gap
        gaps.extend(gap[gap != 0])

    assert np.std(gaps) == pytest.approx(NAMES["NVDA"].earnings_move, rel=0.1)
    assert len(gaps) == 5 * 80 * 4


def test_a_reports_gap_is_at_the_open() -> None:
    gaps = Factors(3).moves(NAMES["TSLA"]).gap
    days = [
        report + timedelta(days=1) for report in MARKET.earnings("TSLA", date(2025, 12, 1), date(2027, 3, 1))
    ]
    largest = max(days, key=lambda day: abs(gaps[index_of(day)]))
    session = MARKET.calendar.session_on(largest)
    assert session is not None
    before = MARKET.stock("TSLA", session.opens_at - timedelta(seconds=1))
    opened = MARKET.stock("TSLA", session.opens_at)
    assert before is not None
    assert opened is not None

    gap = np.log(opened.trade.price / before.trade.price)

    assert abs(gaps[index_of(largest)]) > 0.05
    assert gap == pytest.approx(gaps[index_of(largest)], abs=0.03)


def test_the_official_close_is_the_last_price_of_the_session() -> None:
    session = MARKET.calendar.session_on(DEFAULT_DAY)
    assert session is not None
    closing = MARKET.stock("AAPL", session.closes_at + timedelta(hours=3))
    assert closing is not None
    assert closing.trade is not None

    assert MARKET.official_close("AAPL", DEFAULT_DAY) == closing.trade.price
    assert MARKET.official_close("AAPL", DEFAULT_DAY + timedelta(days=1)) is None
    assert MARKET.official_close("ZZZZ", DEFAULT_DAY) is None


def test_several_weeks_in_a_row_are_answered_and_what_expired_is_gone() -> None:
    for session in sessions(DEFAULT_DAY, DEFAULT_DAY + timedelta(days=30)):
        at = session.opens_at + timedelta(hours=2)
        told = MARKET.chain_columns("SPY", at)
        assert told.listing.expiration.min() >= np.datetime64(market_day(at))
        assert (told.day_bar.volume > 0).any()
