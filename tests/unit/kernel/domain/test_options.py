from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.domain.options import Direction, OptionSymbol, Right, right_for_buyer

symbols = st.builds(
    OptionSymbol,
    root=st.from_regex(r"[A-Z][A-Z0-9]{0,5}", fullmatch=True),
    expiration=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    right=st.sampled_from(Right),
    strike=st.integers(0, 99_999_999).map(lambda thousandths: Decimal(thousandths) / 1000),
)


def test_an_occ_symbol_is_read_into_its_parts():
    symbol = OptionSymbol.parse("AAPL240119C00100000")
    assert symbol == OptionSymbol("AAPL", date(2024, 1, 19), Right.CALL, Decimal(100))


def test_a_fractional_strike_and_an_adjusted_root_are_read():
    symbol = OptionSymbol.parse("SPY1260605P00520500")
    assert (symbol.root, symbol.right, symbol.strike) == ("SPY1", Right.PUT, Decimal("520.5"))


@given(symbols)
def test_a_symbol_written_and_read_is_the_same(symbol):
    assert OptionSymbol.parse(str(symbol)) == symbol


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AAPL",
        "AAPL240119X00100000",
        "AAPL240119C0010000",
        "aapl240119C00100000",
        "AAPL240119C001000000",
        "TOOLONG240119C00100000",
        " AAPL240119C00100000",
        "AAPL240119C00100000\n",
        "AAPL2401١9C00100000",
        "AAPL241331C00100000",
        "AAPL230229C00100000",
    ],
)
def test_what_is_no_symbol_is_refused_and_named(text):
    with pytest.raises(ValueError, match="not an OCC option symbol") as refused:
        OptionSymbol.parse(text)
    assert repr(text) in str(refused.value)


def test_a_buyer_of_a_rise_buys_calls_and_of_a_fall_puts():
    assert right_for_buyer(Direction.BULLISH) is Right.CALL
    assert right_for_buyer(Direction.BEARISH) is Right.PUT
