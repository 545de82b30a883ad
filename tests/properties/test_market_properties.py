"""What holds of every market: prices without arbitrage, and nothing known before its time."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.domain.clock import MARKET_ZONE
from simulator.markets import pricing
from simulator.markets.columns import ChainColumns
from simulator.markets.recorded import RecordedMarket
from simulator.markets.synthetic import DEFAULT_DAY, UNDERLYINGS, SyntheticMarket
from tests.fakes.lean_folder import CALL_100, DAY, PUT_100, minute, quote, trade, write_lean_day

OPEN = datetime.combine(DEFAULT_DAY, datetime.min.time(), MARKET_ZONE) + timedelta(hours=9, minutes=30)
MARKETS = [SyntheticMarket(seed) for seed in (1, 2)]
markets = st.sampled_from(MARKETS)
symbols = st.sampled_from([name.symbol for name in UNDERLYINGS])
instants = st.integers(min_value=0, max_value=8 * 3600).map(lambda second: OPEN + timedelta(seconds=second))


def ladders(columns: ChainColumns) -> list[tuple[np.ndarray, np.ndarray]]:
    """The rows of each expiration's calls and puts, ascending by strike."""
    listing = columns.listing
    return [
        tuple(
            np.flatnonzero((listing.expiration == day) & (listing.is_call == is_call))
            for is_call in (True, False)
        )
        for day in np.unique(listing.expiration)
    ]


@settings(max_examples=40, deadline=None)
@given(market=markets, symbol=symbols, at=instants)
def test_quotes_are_free_of_the_simple_arbitrages(market: SyntheticMarket, symbol: str, at: datetime) -> None:
    columns = market.chain_columns(symbol, at)
    bid, ask, strike = columns.quote.bid, columns.quote.ask, columns.listing.strike
    mid = (bid + ask) / 2
    spot = market.stock(symbol, at).trade.price

    assert ((bid >= 0) & (ask > bid)).all()
    intrinsic = np.maximum(np.where(columns.listing.is_call, spot - strike, strike - spot), 0)
    assert (ask >= intrinsic - 1e-9).all()
    for calls, puts in ladders(columns):
        assert (np.diff(strike[calls]) > 0).all()
        for side in (bid, ask, mid):
            assert (np.diff(side[calls]) <= 1e-9).all()
            assert (np.diff(side[puts]) >= -1e-9).all()
        # A spread between neighbouring strikes never costs more than they are apart.
        assert (bid[calls][:-1] - ask[calls][1:] <= np.diff(strike[calls]) + 1e-9).all()


@settings(max_examples=25, deadline=None)
@given(market=markets, symbol=symbols, at=instants)
def test_nothing_is_told_that_lies_after_the_instant(
    market: SyntheticMarket, symbol: str, at: datetime
) -> None:
    at_us = int(at.timestamp() * 1_000_000)
    columns = market.chain_columns(symbol, at)

    for block in (columns.quote, columns.trade, columns.day_bar, columns.previous_day_bar):
        assert (block.at_us <= at_us).all()
    bars = market.stock_bars(symbol, 5, OPEN, at, at)
    assert all(bar.at + timedelta(minutes=5) <= at for bar in bars)


@settings(max_examples=25, deadline=None)
@given(symbol=symbols, at=instants, asked_before=st.lists(st.tuples(symbols, instants), max_size=3))
def test_figures_depend_on_seed_symbol_and_instant_alone(
    symbol: str, at: datetime, asked_before: Sequence[tuple[str, datetime]]
) -> None:
    fresh, used = SyntheticMarket(seed=1), MARKETS[0]
    for other, then in asked_before:
        used.chain_columns(other, then)

    assert fresh.stock(symbol, at) == used.stock(symbol, at)
    assert list(fresh.chain(symbol, at))[::20] == list(used.chain(symbol, at))[::20]


@settings(max_examples=200, deadline=None)
@given(
    is_call=st.booleans(),
    strike=st.floats(min_value=20, max_value=500),
    days=st.floats(min_value=0.01, max_value=900),
    volatility=st.floats(min_value=0.01, max_value=4),
    rate=st.floats(min_value=-0.02, max_value=0.1),
    dividend=st.floats(min_value=0, max_value=0.08),
)
def test_the_volatility_of_a_price_gives_that_price_or_there_is_none(
    *, is_call: bool, strike: float, days: float, volatility: float, rate: float, dividend: float
) -> None:
    one = (np.array([is_call]), 100.0, np.array([strike]), days / 365)
    carry = {"rate": rate, "dividend": dividend}
    value = pricing.price(*one, volatility, **carry)

    found = pricing.implied_volatility(value, *one, **carry)

    if not np.isnan(found[0]):
        assert abs(pricing.price(*one, found, **carry)[0] - value[0]) < 1e-8
    greeks = pricing.greeks(*one, volatility, **carry)
    if greeks.vega[0] > 1e-6:
        assert abs(found[0] - volatility) < 1e-4 * volatility


rows = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=30), st.sampled_from([None, 1.9, 2.0, 2.1]), st.integers(1, 50)
    ),
    unique_by=lambda row: row[0],
    max_size=12,
).map(sorted)


def recorded(
    folder: str, quotes: Mapping[str, list], trades: list, until_ms: int | None = None
) -> RecordedMarket:
    """The market of these rows, or of those of them whose minute ended by `until_ms`."""

    def kept(lines: Sequence[str]) -> list[str]:
        return [line for line in lines if until_ms is None or int(line.split(",")[0]) + 60_000 <= until_ms]

    # A first quote in the past keeps both contracts listed when every other row is cut away.
    first = quote(-1, 2.0, 2.2)
    lines = {
        name: [first, *(quote(m, bid, None if bid is None else bid + 0.2) for m, bid, _ in q)]
        for name, q in quotes.items()
    }
    bars = [trade(m, price, volume) for m, price, volume in trades if price is not None]
    path = write_lean_day(
        Path(folder),
        quotes={name: kept(text) for name, text in lines.items()},
        trades={CALL_100: kept(bars)},
        stock_trades=kept([trade(m, 98 + price, volume) for m, price, volume in trades if price is not None]),
    )
    return RecordedMarket(path, "ABC", DAY)


@settings(max_examples=30, deadline=None)
@given(calls=rows, puts=rows, trades=rows, second=st.integers(min_value=0, max_value=1900))
def test_a_recorded_figure_is_the_same_when_later_rows_are_cut_away(
    calls: list, puts: list, trades: list, second: int
) -> None:
    at = datetime.combine(DAY, datetime.min.time(), MARKET_ZONE) + timedelta(
        hours=9, minutes=30, seconds=second
    )
    end = at + timedelta(days=1)
    with TemporaryDirectory() as whole, TemporaryDirectory() as cut:
        full = recorded(whole, {CALL_100: calls, PUT_100: puts}, trades)
        known = recorded(cut, {CALL_100: calls, PUT_100: puts}, trades, until_ms=minute(0) + second * 1000)

    assert list(full.chain("ABC", at)) == list(known.chain("ABC", at))
    assert full.stock("ABC", at) == known.stock("ABC", at)
    assert full.stock_bars("ABC", 5, OPEN_OF_DAY, end, at) == known.stock_bars("ABC", 5, OPEN_OF_DAY, end, at)
    for row in full.chain("ABC", at):
        assert full.option_quote(row.symbol, at) == row.quote
        assert row.quote is None or row.quote.at <= at


OPEN_OF_DAY = datetime.combine(date(2024, 1, 16), datetime.min.time(), MARKET_ZONE)
