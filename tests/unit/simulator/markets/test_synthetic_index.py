"""Options on an index: European contracts under a root of their own, up to a year ahead."""

from datetime import date, timedelta

import numpy as np

from kernel.domain.options import OptionSymbol
from simulator.markets.synthetic import DEFAULT_DAY, SyntheticMarket

MARKET = SyntheticMarket(seed=1)
START = MARKET.starts_at
CHAIN = MARKET.chain_columns("SPX", START)


def test_its_contracts_carry_the_afternoon_settled_root() -> None:
    assert {OptionSymbol.parse(symbol).root for symbol in CHAIN.listing.symbols} == {"SPXW"}
    assert list(CHAIN.listing.symbols) == sorted(CHAIN.listing.symbols)
    assert [str(row.symbol) for row in MARKET.contracts("SPX", START)] == list(CHAIN.listing.symbols)


def test_a_contract_is_found_by_its_root_and_not_by_the_indexs_symbol() -> None:
    symbol = CHAIN.listing.symbols[100]

    assert MARKET.option_quote(symbol, START) is not None
    assert MARKET.option_quote(symbol.replace("SPXW", "SPX"), START) is None
    assert "SPXW" not in MARKET.underlyings()


def test_the_chain_is_as_long_as_a_real_ones_with_an_expiration_every_day() -> None:
    days = np.unique(CHAIN.listing.expiration).astype(object).tolist()

    assert len(CHAIN.listing) > 5000
    assert days[:6] == [DEFAULT_DAY, *(date(2026, 6, d) for d in (8, 9, 10, 11, 12))]
    assert days[-1] > DEFAULT_DAY + timedelta(days=300)


def test_the_index_has_a_level_but_no_quote_and_no_volume() -> None:
    told = MARKET.stock("SPX", START)

    assert told is not None
    assert told.quote is None
    assert told.trade is not None
    assert told.day_bar is not None
    assert told.day_bar.volume == 0


def test_a_deep_put_is_worth_less_than_exercising_it_now() -> None:
    rows = np.flatnonzero(
        ~CHAIN.listing.is_call & (CHAIN.listing.expiration == CHAIN.listing.expiration.max())
    )
    deepest = rows[np.argmax(CHAIN.listing.strike[rows])]
    told = MARKET.stock("SPX", START)
    assert told is not None
    assert told.trade is not None

    assert CHAIN.quote.ask[deepest] < CHAIN.listing.strike[deepest] - told.trade.price
