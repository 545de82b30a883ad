from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from kernel.domain.options import Right
from services.selector.core.chain import occ_columns, to_usd
from tests.fakes.chains import Row, a_chain


def test_an_occ_symbol_is_taken_apart() -> None:
    occ = occ_columns(("AAPL240119C00100000", "F141231P00012500"))
    assert occ.valid.tolist() == [True, True]
    assert occ.is_call.tolist() == [True, False]
    assert [to_usd(s) for s in occ.strike] == [Decimal(100), Decimal("12.5")]
    assert occ.expiration.tolist() == [date(2024, 1, 19), date(2014, 12, 31)]


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "SPY",
        "AAPL240119X00100000",
        "AAPL241319C00100000",
        "AAPL240230C00100000",
        "AAPL240100C00100000",
        "AAPL240119C0010000",
        "240119C00100000",
        "TOOLONG240119C00100000",
        "AAPL 240119C00100000",
        "AAPL240119C0010O000",
        "ÄAPL240119C00100000",
        "AAPL24011９C00100000",
    ],
)
def test_an_odd_symbol_is_marked_and_never_raised_on(odd: str) -> None:
    assert occ_columns(("SPY260612C00520000", odd)).valid.tolist() == [True, False]


def test_a_leap_day_is_a_day() -> None:
    assert occ_columns(("SPY240229C00520000",)).expiration.tolist() == [date(2024, 2, 29)]


def test_no_symbols_give_no_rows() -> None:
    assert len(occ_columns(()).valid) == 0


def test_what_chains_share_of_their_symbols_cannot_be_written_to() -> None:
    occ = occ_columns(("SPY260612C00520000",))
    for column in (occ.valid, occ.is_call, occ.strike, occ.expiration):
        with pytest.raises(ValueError, match="read-only"):
            column[:] = 0


def test_units_turn_into_dollars_exactly() -> None:
    assert to_usd(25_001) == Decimal("2.5001")


def test_only_one_right_is_kept_in_order() -> None:
    rows = [Row(strike="510"), Row(strike="515", right=Right.PUT), Row(strike="520", delta=0.4)]
    calls = a_chain(*rows).only(Right.CALL)
    assert calls.symbols == (rows[0].symbol, rows[2].symbol)
    assert calls.delta.tolist() == [0.5, 0.4]
    assert a_chain(*rows).only(Right.PUT).symbols == (rows[1].symbol,)


def test_columns_of_unequal_length_are_refused() -> None:
    chain = a_chain(Row())
    values = {name: getattr(chain, name) for name in type(chain).__dataclass_fields__}
    with pytest.raises(ValueError, match="chain column bid has 2 rows, symbols has 1"):
        type(chain)(**values | {"bid": np.array([1, 2])})
