"""The same seed gives the same bytes: in any order of questions, and in a process of its own."""

import hashlib
import os
import subprocess
import sys
from dataclasses import fields, is_dataclass
from datetime import timedelta
from itertools import product

import numpy as np

from simulator.markets.synthetic import SyntheticMarket

SEED = 11
SYMBOLS = ("SPY", "TSLA", "SPX")
#: From the evening before the default day to the morning of the session after it.
HOURS = (-16.0, -0.7, -0.1, 0.0, 1.3, 5.75, 9.0, 30.0, 72.0)


def day_digest(*, backwards: bool = False) -> str:
    """Return the digest of a day's samples of every kind, in the same order however they were asked for."""
    market = SyntheticMarket(SEED)
    asked = list(product(SYMBOLS, HOURS))
    told = {}
    for symbol, hours in reversed(asked) if backwards else asked:
        at = market.starts_at + timedelta(hours=hours)
        columns = market.chain_columns(symbol, at)
        bars = market.stock_bars(symbol, 5, at - timedelta(days=2), at, at)
        contract = columns.listing.symbols[len(columns.listing) // 2]
        rest = (
            market.stock(symbol, at),
            bars,
            market.contracts(symbol, at),
            market.option_quote(contract, at),
        )
        told[symbol, hours] = _bytes(columns) + repr(rest).encode()
    return hashlib.sha256(b"".join(told[key] for key in asked)).hexdigest()


def _bytes(block: object) -> bytes:
    if is_dataclass(block):
        return b"".join(_bytes(getattr(block, field.name)) for field in fields(block))
    return block.tobytes() if isinstance(block, np.ndarray) else repr(block).encode()


def test_the_order_of_questions_changes_no_byte() -> None:
    assert day_digest() == day_digest(backwards=True)


def test_another_process_tells_the_same_bytes() -> None:
    there = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import day_digest; print(day_digest(backwards=True))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert there.stdout.strip() == day_digest()
