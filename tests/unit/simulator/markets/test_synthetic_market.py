"""The seeded market: repeatable, and like a real chain in what the selector looks at."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from kernel.domain.calendar import market_day
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.errors import ConfigError
from simulator.markets import pricing
from simulator.markets.columns import ChainColumns
from simulator.markets.synthetic import DEFAULT_DAY, UNDERLYINGS, SyntheticMarket

MARKET = SyntheticMarket(seed=1)
START = MARKET.starts_at
SESSION = MARKET.calendar.session_on(DEFAULT_DAY)
assert SESSION is not None
SYMBOLS = [name.symbol for name in UNDERLYINGS]


def chain(symbol: str, at: datetime = START) -> ChainColumns:
    return MARKET.chain_columns(symbol, at)


def days_left(columns: ChainColumns, day: date = DEFAULT_DAY) -> np.ndarray:
    return (columns.listing.expiration - np.datetime64(day)).astype(int)


def test_the_same_seed_gives_the_same_figures_whatever_was_asked_before() -> None:
    other = SyntheticMarket(seed=1)
    later = START + timedelta(hours=2)
    other.chain("TSLA", later)
    other.stock_bars("SPY", 1, START - timedelta(days=5), later, later)

    assert list(other.chain("SPY", START)) == list(MARKET.chain("SPY", START))
    assert other.stock("NVDA", later) == MARKET.stock("NVDA", later)
    assert other.contracts("AMD", START) == MARKET.contracts("AMD", START)


def test_a_market_opened_on_another_day_knows_the_same_past() -> None:
    other = SyntheticMarket(seed=1, day=date(2026, 6, 9))
    past = [
        market.stock_bars("AAPL", 1440, START - timedelta(days=30), START, START)
        for market in (MARKET, other)
    ]

    assert past[0] == past[1]
    assert list(other.chain("AAPL", START)) == list(MARKET.chain("AAPL", START))


def test_another_seed_gives_other_figures() -> None:
    other = SyntheticMarket(seed=2)

    assert other.stock("SPY", START) != MARKET.stock("SPY", START)
    assert list(other.chain("SPY", START)) != list(MARKET.chain("SPY", START))


def test_it_opens_on_the_day_asked_for_some_time_after_the_open() -> None:
    market = SyntheticMarket(seed=1, day=date(2026, 11, 27))

    assert market_day(market.starts_at) == date(2026, 11, 27)
    assert market.calendar.is_open(market.starts_at)


def test_a_closed_day_is_a_config_error_that_offers_a_session() -> None:
    with pytest.raises(ConfigError, match=r"closed on 2026-11-26; choose a session, e\.g\. 2026-11-25"):
        SyntheticMarket(seed=1, day=date(2026, 11, 26))


def test_half_days_close_early_and_prices_stand_from_then_on() -> None:
    market = SyntheticMarket(seed=1, day=date(2026, 11, 27))
    close = datetime(2026, 11, 27, 13, tzinfo=MARKET_ZONE)

    at_close, in_the_evening = market.stock("SPY", close), market.stock("SPY", close + timedelta(hours=5))

    assert at_close == in_the_evening
    assert market.stock("SPY", close - timedelta(minutes=1)) != at_close
    minutes = market.stock_bars("SPY", 1, market.starts_at - timedelta(hours=1), close, close)
    assert len(minutes) == 210


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_chain_has_the_size_and_the_quality_of_a_real_one(symbol: str) -> None:
    columns = chain(symbol)
    bid, ask = columns.quote.bid, columns.quote.ask
    mid = (bid + ask) / 2
    spread_pct = (ask - bid) / mid * 100
    delta = np.abs(columns.greeks.delta)

    tradable = (bid > 0) & (spread_pct < 10) & (mid >= 0.30) & (columns.day_bar.volume >= 200)
    near_money = tradable & (delta >= 0.30) & (delta <= 0.60)
    swing = near_money & (days_left(columns) >= 7) & (days_left(columns) <= 45)
    day_trade = near_money & (days_left(columns) <= 7) & (delta >= 0.35)

    assert 400 <= len(columns.listing) <= 1500
    assert swing.sum() >= 10
    assert day_trade.sum() >= 2
    assert 0.3 < np.median(spread_pct[swing]) < 5
    assert (bid == 0).any(), "far wings are quoted on one side"
    assert (~tradable).sum() > 50, "much of a chain is not worth trading"


def test_expirations_are_weekly_and_monthly_up_to_sixty_days() -> None:
    spy, aapl = (sorted({day.astype(date) for day in chain(s).listing.expiration}) for s in ("SPY", "AAPL"))

    assert spy[:6] == [date(2026, 6, d) for d in (5, 8, 10, 12, 15, 17)]
    assert aapl[:2] == [date(2026, 6, 5), date(2026, 6, 12)]
    assert date(2026, 6, 18) in spy, "the third Friday is a holiday: its contracts expire on Thursday"
    assert date(2026, 6, 18) in aapl
    assert date(2026, 7, 17) in aapl
    assert all(0 <= (day - DEFAULT_DAY).days <= 60 for day in [*spy, *aapl])
    assert all(MARKET.calendar.session_on(day) for day in [*spy, *aapl])


def test_far_wings_have_no_bid_and_no_greeks() -> None:
    snapshots = [row for row in MARKET.chain("SPY", START) if row.quote and row.quote.bid == 0]

    assert snapshots
    assert {row.quote.bid_size for row in snapshots if row.quote} == {0}
    assert {row.greeks for row in snapshots} == {None}
    assert {row.implied_volatility for row in snapshots} == {None}


def test_the_told_volatility_explains_the_mid() -> None:
    columns = chain("AAPL")
    mid = (columns.quote.bid + columns.quote.ask) / 2
    years = days_left(columns) / 365
    wanted = (years > 5 / 365) & (np.abs(columns.greeks.delta) > 0.2) & (np.abs(columns.greeks.delta) < 0.8)
    spot = MARKET.stock("AAPL", START)
    assert spot is not None
    assert spot.trade is not None

    implied = pricing.implied_volatility(
        mid,
        columns.listing.is_call,
        spot.trade.price,
        columns.listing.strike,
        years,
        rate=0.04,
        dividend=0.005,
    )

    assert wanted.sum() > 50
    np.testing.assert_allclose(implied[wanted], columns.implied_volatility[wanted], rtol=0.05)


def test_volatility_smiles() -> None:
    columns = chain("SPY")
    month = (days_left(columns) == 35) & columns.listing.is_call & ~np.isnan(columns.implied_volatility)
    volatility = columns.implied_volatility[month]

    assert volatility[0] > volatility[np.abs(columns.greeks.delta[month] - 0.5).argmin()]


def test_volumes_grow_over_the_day_and_start_from_nothing() -> None:
    instants = [SESSION.opens_at + timedelta(minutes=minutes) for minutes in (0, 1, 30, 200, 390)]
    volumes = [chain("QQQ", at).day_bar.volume for at in instants]

    assert volumes[0].sum() == 0
    assert all((earlier <= later).all() for earlier, later in pairwise(volumes))
    assert volumes[4].sum() > 2 * volumes[2].sum() > 0


def test_a_contract_without_a_trade_today_shows_yesterdays_and_no_day_bar() -> None:
    snapshots = MARKET.chain("MSFT", SESSION.opens_at)

    assert {row.day_bar for row in snapshots} == {None}
    trades = [row.trade for row in snapshots if row.trade]
    assert trades
    assert {market_day(trade.at) for trade in trades} == {date(2026, 6, 4)}
    assert [row.symbol for row in snapshots if row.previous_day_bar] == [
        row.symbol for row in snapshots if row.trade
    ]


def test_yesterdays_bars_are_what_was_told_yesterday() -> None:
    yesterday = MARKET.calendar.session_on(date(2026, 6, 4))
    assert yesterday is not None
    told = {row.symbol: row.day_bar for row in MARKET.chain("NVDA", yesterday.closes_at)}
    now = {row.symbol: row.previous_day_bar for row in MARKET.chain("NVDA", START)}

    both = told.keys() & now.keys()
    assert len(both) > 300
    assert {symbol: told[symbol] for symbol in both} == {symbol: now[symbol] for symbol in both}


def test_a_day_bar_contains_its_trades() -> None:
    for minutes in (1, 45, 390):
        columns = chain("TSLA", SESSION.opens_at + timedelta(minutes=minutes))
        traded = columns.day_bar.at_us > 0
        low, high = columns.day_bar.low[traded], columns.day_bar.high[traded]
        for price in (columns.day_bar.open, columns.day_bar.close, columns.trade.price):
            assert (low <= price[traded]).all()
            assert (price[traded] <= high).all()


def test_a_day_bars_range_only_widens_and_is_wider_than_its_ends() -> None:
    bars = [chain("SPY", SESSION.opens_at + timedelta(minutes=minutes)).day_bar for minutes in (30, 120, 390)]

    for earlier, later in pairwise(bars):
        busy = earlier.trades > 1
        assert (later.low[busy] <= earlier.low[busy]).all()
        assert (later.high[busy] >= earlier.high[busy]).all()
    busy = bars[-1].trades > 50
    ends = np.stack([bars[-1].open, bars[-1].close])[:, busy]
    assert np.mean(bars[-1].low[busy] < ends.min(axis=0)) > 0.5
    assert np.mean(bars[-1].high[busy] > ends.max(axis=0)) > 0.5


def test_sessions_are_not_alike() -> None:
    minutes = MARKET.stock_bars("SPY", 1, START - timedelta(days=9), START, SESSION.opens_at)
    closes = np.array([bar.close for bar in minutes])
    moves = [np.diff(np.log(closes[day * 390 : (day + 1) * 390])) for day in range(5)]

    assert np.abs(np.corrcoef(moves) - np.eye(5)).max() < 0.6


def test_contracts_carry_open_interest_and_the_previous_close() -> None:
    listed = MARKET.contracts("SPY", START)
    bars = {row.symbol: row.previous_day_bar for row in MARKET.chain("SPY", START)}

    assert [str(contract.symbol) for contract in listed] == [row.symbol for row in MARKET.chain("SPY", START)]
    assert sum(contract.open_interest or 0 for contract in listed) > 10_000
    assert {contract.open_interest_date for contract in listed} == {date(2026, 6, 4)}
    for contract in listed:
        bar = bars[str(contract.symbol)]
        assert contract.close_price == (Decimal(str(bar.close)) if bar else None)


def test_a_single_quote_is_the_chains() -> None:
    for at in (START, SESSION.closes_at + timedelta(hours=3), SESSION.opens_at + timedelta(days=4)):
        for row in list(MARKET.chain("IWM", at))[::25]:
            assert MARKET.option_quote(row.symbol, at) == row.quote


def test_a_contract_that_left_the_listed_strikes_is_quoted_still() -> None:
    strikes = chain("AAPL").listing.strike[days_left(chain("AAPL")) == 7]
    away = f"AAPL260612C{round((strikes.max() + 25) * 1000):08d}"

    quote = MARKET.option_quote(away, START)

    assert away not in chain("AAPL").listing.symbols
    assert quote is not None
    assert quote.ask > 0


@pytest.mark.parametrize(
    "symbol",
    [
        "AAPL260609C00210000",  # a Tuesday
        "AAPL260619C00210000",  # a holiday
        "AAPL260612C00211000",  # off the strikes' spacing
        "AAPL271217C00210000",  # beyond what is listed
        "AAPL260529C00210000",  # expired
        "ZZZZ260612C00210000",
        "AAPL",
    ],
)
def test_there_is_no_quote_of_what_is_no_contract(symbol: str) -> None:
    assert MARKET.option_quote(symbol, START) is None


def test_what_expires_today_stays_until_midnight_without_greeks_and_is_gone_then() -> None:
    evening = SESSION.closes_at + timedelta(hours=1)
    night = datetime(2026, 6, 6, 1, tzinfo=MARKET_ZONE)
    expiring = [row for row in MARKET.chain("AAPL", evening) if row.symbol.startswith("AAPL260605")]

    assert expiring
    assert {row.greeks for row in expiring} == {None}
    assert not [row for row in MARKET.chain("AAPL", night) if row.symbol.startswith("AAPL260605")]
    assert not [c for c in MARKET.contracts("AAPL", night) if c.symbol.expiration == DEFAULT_DAY]
    assert MARKET.option_quote(expiring[0].symbol, night) is None


def test_prices_are_on_cents_and_move_by_the_second() -> None:
    seconds = [START + timedelta(seconds=i) for i in range(120)]
    prices = [
        snapshot.trade.price for at in seconds if (snapshot := MARKET.stock("SPY", at)) and snapshot.trade
    ]

    assert len(prices) == 120
    assert len(set(prices)) > 20
    assert all(Decimal(str(price)) == Decimal(str(price)).quantize(Decimal("0.01")) for price in prices)
    assert MARKET.stock("SPY", START + timedelta(milliseconds=999)) == MARKET.stock("SPY", START)
    columns = chain("SPY")
    for side in (columns.quote.bid, columns.quote.ask):
        assert all(Decimal(str(price)).as_tuple().exponent >= -2 for price in side.tolist())


def test_there_are_daily_bars_for_ninety_sessions_and_minutes_of_the_last_five() -> None:
    for symbol in SYMBOLS:
        days = MARKET.stock_bars(symbol, 1440, START - timedelta(days=180), START, START)
        assert len(days) >= 90
        assert all(
            bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in days
        )
        assert {bar.at.astimezone(MARKET_ZONE).hour for bar in days} == {0}
        minutes = MARKET.stock_bars(symbol, 1, START - timedelta(days=7), START, START)
        assert len({market_day(bar.at) for bar in minutes}) >= 5
        assert all(bar.volume > 0 for bar in minutes)


def test_the_running_day_bar_is_not_among_the_bars_and_ends_as_one() -> None:
    asked = (START - timedelta(days=4), SESSION.closes_at, SESSION.closes_at)
    running = MARKET.stock_bars("AMD", 1440, asked[0], START, START)
    over = MARKET.stock_bars("AMD", 1440, *asked)
    closing = MARKET.stock("AMD", SESSION.closes_at)
    assert closing is not None

    assert [market_day(bar.at) for bar in running] == [date(2026, 6, d) for d in (2, 3, 4)]
    assert over[-1] == closing.day_bar


@pytest.mark.parametrize("minutes", [5, 15, 30, 60])
def test_longer_bars_are_made_of_the_minutes(minutes: int) -> None:
    asked = (SESSION.opens_at - timedelta(hours=1), SESSION.closes_at, SESSION.closes_at)
    ones, longer = MARKET.stock_bars("QQQ", 1, *asked), MARKET.stock_bars("QQQ", minutes, *asked)

    assert sum(bar.volume for bar in ones) == sum(bar.volume for bar in longer)
    assert (ones[0].open, ones[-1].close) == (longer[0].open, longer[-1].close)
    assert {bar.at.minute % minutes for bar in longer} == {0}
    first = [bar for bar in ones if bar.at < longer[1].at]
    assert longer[0].high == max(bar.high for bar in first)
    assert longer[0].volume == sum(bar.volume for bar in first)


def test_opening_ranges_break_on_volume_on_some_names() -> None:
    broken = [symbol for symbol in SYMBOLS if _breaks_out(symbol)]

    assert len(broken) >= 2


def _breaks_out(symbol: str) -> bool:
    end = SESSION.opens_at + timedelta(hours=3)
    bars = MARKET.stock_bars(symbol, 1, SESSION.opens_at, end, end)
    high, low = max(bar.high for bar in bars[:15]), min(bar.low for bar in bars[:15])
    return any(
        not low <= bar.close <= high and bar.volume > np.mean([b.volume for b in bars[:i]])
        for i, bar in enumerate(bars)
        if i >= 15
    )


def test_an_unknown_underlying_has_nothing() -> None:
    assert MARKET.stock("ZZZZ", START) is None
    assert list(MARKET.chain("ZZZZ", START)) == []
    assert list(MARKET.contracts("ZZZZ", START)) == []
    assert list(MARKET.stock_bars("ZZZZ", 1, START, START, START)) == []


def test_times_are_utc() -> None:
    snapshot = MARKET.stock("SPY", START)
    assert snapshot is not None

    for block in (
        snapshot.quote,
        snapshot.trade,
        snapshot.minute_bar,
        snapshot.day_bar,
        snapshot.previous_day_bar,
    ):
        assert block is not None
        assert block.at.tzinfo is UTC
    assert {bar.at.tzinfo for bar in MARKET.stock_bars("SPY", 5, SESSION.opens_at, START, START)} == {UTC}


def test_before_the_first_session_there_is_no_market() -> None:
    with pytest.raises(LookupError, match="this market begins at"):
        MARKET.stock("SPY", START - timedelta(days=400))
