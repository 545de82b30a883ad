"""A chain as a lazy sequence of snapshots."""

import pytest

from simulator.markets.columns import no_chain
from simulator.markets.rows import SnapshotRows
from simulator.markets.synthetic import SyntheticMarket

MARKET = SyntheticMarket(seed=1)


def test_rows_are_a_sequence() -> None:
    rows = MARKET.chain("AAPL", MARKET.starts_at)
    everything = list(rows)

    assert len(rows) == len(everything) == len(MARKET.chain_columns("AAPL", MARKET.starts_at).listing)
    assert rows[-1] == everything[-1]
    assert rows[2:5] == everything[2:5]
    assert everything == sorted(everything, key=lambda row: row.symbol)


@pytest.mark.parametrize("index", [0, -1])
def test_a_row_beyond_the_end_is_an_index_error(index: int) -> None:
    with pytest.raises(IndexError, match="0 rows"):
        SnapshotRows(no_chain())[index]
