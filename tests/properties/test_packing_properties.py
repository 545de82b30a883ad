"""A column comes back bit for bit, whatever figures a venue sends."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.selector.core.packing import pack, unpack

ROWS = 7
WHOLE = arrays(np.int64, ROWS, elements=st.integers(-(2**63), 2**63 - 1)) | arrays(
    np.int64, ROWS, elements=st.integers(0, 70_000)
)
FOUR_DECIMALS = st.integers(-10_000, 10_000).map(lambda n: n / 10_000)
REAL = arrays(np.float64, ROWS, elements=st.floats(width=64)) | arrays(
    np.float64, ROWS, elements=FOUR_DECIMALS | st.just(np.nan)
)
FLAGS = arrays(np.bool_, ROWS)
SYMBOLS = tuple(f"SPY2606{n:02}C00520000" for n in range(ROWS))


@given(WHOLE, REAL, FLAGS)
def test_columns_come_back_bit_for_bit(whole: Any, real: Any, flags: Any) -> None:
    columns: Any = {"whole": ("whole", whole), "real": ("real", real), "flags": ("flag", flags)}
    head, symbols, again = unpack(pack({"spot": None}, SYMBOLS, columns))
    assert (head, symbols) == ({"spot": None}, SYMBOLS)
    for name, (_, column) in columns.items():
        assert again[name].dtype == column.dtype
        assert again[name].tobytes() == column.tobytes()


@given(arrays(np.float64, ROWS, elements=FOUR_DECIMALS))
def test_deltas_of_four_decimals_take_two_bytes_each(deltas: Any) -> None:
    plain = len(pack({}, SYMBOLS, {}))
    assert len(pack({}, SYMBOLS, {"delta": ("real", deltas)})) < plain + 2 * ROWS + 40


def test_no_rows_are_packed_as_well() -> None:
    columns: Any = {"bid": ("whole", np.array([], np.int64)), "delta": ("real", np.array([], np.float64))}
    _, symbols, again = unpack(pack({}, (), columns))
    assert symbols == ()
    assert {name: len(column) for name, column in again.items()} == {"bid": 0, "delta": 0}


@pytest.mark.parametrize("data", [b"", b"{}\n", b"no json\n"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError)):
        unpack(data)
