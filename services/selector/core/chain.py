"""An option chain as columns: what the venue said about one underlying, before anything is judged.

Entry points: `Chain`, `occ_columns`, `to_usd`.
1. Row i of every column is the contract `symbols[i]`; rows ascend by symbol, so that row order is symbol order.
2. Prices and strikes are whole ten-thousandths of a dollar (`UNITS_PER_USD`): comparisons are exact. The venue's
   prices have at most four decimals.
3. What is absent is 0 in a price or time column, NaT in a date column, NaN in `delta`, -1 in `open_interest`.
4. A figure that was there but is none (NaN, negative, a word) marks its row `unreadable`; no other column tells.
"""

from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernel.domain.options import Right

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Days = NDArray[np.datetime64]

UNITS_PER_USD = 10_000
NO_DAY = np.datetime64("NaT", "D")
NO_OPEN_INTEREST = -1

_UNITS_PER_STRIKE_STEP = UNITS_PER_USD // 1000
#: An OCC symbol ends in YYMMDD, C or P, and the strike × 1000 in 8 digits; the root before it varies in length.
_OCC_TAIL_CHARS = 15
_ROOT_CHARS_MAX = 6
_ALPHANUMERIC = np.array([chr(code).isalnum() and code < 128 for code in range(256)])
#: Underlyings × windows × rights of a busy day; a chain of 2,000 contracts takes some 250 KB here.
_SYMBOLS_KEPT = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chain:
    """A snapshot of a chain. Dates are exchange dates (datetime64[D]); times are microseconds since the epoch, UTC.

    `spot` is the underlying's price in USD, None when the venue knows none (then the underlying is unknown).
    `skipped` counts what came without a readable OCC symbol and has no row. Arrays must not be written to.
    """

    underlying: str
    spot: Decimal | None
    observed_at: datetime
    symbols: tuple[str, ...]
    is_call: Bools
    strike: Ints
    expiration: Days
    bid: Ints
    ask: Ints
    quoted_at_us: Ints
    day_bar_date: Days
    day_bar_volume: Ints
    previous_bar_date: Days
    previous_bar_volume: Ints
    trade_date: Days
    trade_size: Ints
    delta: Floats
    open_interest: Ints
    tradable: Bools
    unreadable: Bools
    skipped: int = 0

    def __post_init__(self) -> None:
        for name in COLUMNS:
            length = len(getattr(self, name))
            if length != len(self.symbols):
                msg = f"chain column {name} has {length} rows, symbols has {len(self.symbols)}"
                raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.symbols)

    def only(self, right: Right) -> "Chain":
        """Return the calls, or the puts, alone."""
        wanted = self.is_call if right is Right.CALL else ~self.is_call
        return self._taking(wanted)

    def expiring(self, first: date, last: date) -> "Chain":
        """Return the contracts that expire from `first` to `last`, both inclusive, alone."""
        return self._taking(
            (self.expiration >= np.datetime64(first, "D")) & (self.expiration <= np.datetime64(last, "D"))
        )

    def _taking(self, wanted: Bools) -> "Chain":
        if wanted.all():
            return self
        rows = np.flatnonzero(wanted)
        taken: dict[str, Any] = {name: getattr(self, name)[rows] for name in COLUMNS}
        return replace(self, symbols=tuple(self.symbols[row] for row in rows), **taken)


#: The fields of a Chain that are arrays.
COLUMNS = tuple(
    f.name for f in fields(Chain) if f.name not in {"underlying", "spot", "observed_at", "symbols", "skipped"}
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OccColumns:
    """OCC symbols taken apart; where `valid` is False the other columns mean nothing."""

    valid: Bools
    is_call: Bools
    strike: Ints
    expiration: Days


@lru_cache(maxsize=_SYMBOLS_KEPT)
def occ_columns(symbols: tuple[str, ...]) -> OccColumns:
    """Read many OCC symbols at once; an odd one is marked, never raised on: venues have sent some.

    A chain has the same symbols all day, so what they say is kept for the chains read last.
    """
    letters, plausible = _tails(symbols)
    digits = letters.astype(np.int64) - ord("0")
    year, month, day = (digits[:, i] * 10 + digits[:, i + 1] for i in (0, 2, 4))
    first_of_month = ((year + 30) * 12 + month - 1).astype("datetime64[M]")
    expiration = first_of_month.astype("datetime64[D]") + (day - 1)
    right = letters[:, 6]
    numeric = np.delete(digits, 6, axis=1)
    valid = (
        plausible
        & ((numeric >= 0) & (numeric <= 9)).all(axis=1)
        & ((right == ord("C")) | (right == ord("P")))
        & (month >= 1)
        & (month <= 12)
        & (day >= 1)
        & (expiration.astype("datetime64[M]") == first_of_month)
    )
    strike = digits[:, 7:] @ (10 ** np.arange(7, -1, -1)) * _UNITS_PER_STRIKE_STEP
    columns = OccColumns(valid=valid, is_call=right == ord("C"), strike=strike, expiration=expiration)
    for column in (columns.valid, columns.is_call, columns.strike, columns.expiration):
        column.flags.writeable = False  # many chains share them
    return columns


def to_usd(units: int) -> Decimal:
    """Return ten-thousandths of a dollar as dollars, exactly."""
    return Decimal(int(units)) / UNITS_PER_USD


def _tails(symbols: tuple[str, ...]) -> tuple[NDArray[np.uint8], Bools]:
    """Return the last 15 letters of every symbol, and whether what stands before them can be a root.

    The symbols lie one after another in one buffer, so that no step is taken symbol by symbol. A symbol that is too
    short takes letters from before it: it is marked, and its letters mean nothing.
    """
    padding = b"0" * _OCC_TAIL_CHARS
    buffer = np.frombuffer(padding + "".join(symbols).encode("ascii", "replace"), np.uint8)
    lengths = np.fromiter(map(len, symbols), np.int64, len(symbols))
    ends = lengths.cumsum() + _OCC_TAIL_CHARS
    odd_before = np.concatenate(([0], np.cumsum(~_ALPHANUMERIC[buffer])))
    root_chars = lengths - _OCC_TAIL_CHARS
    plausible = (root_chars >= 1) & (root_chars <= _ROOT_CHARS_MAX)
    plausible &= odd_before[ends - _OCC_TAIL_CHARS] == odd_before[ends - lengths]
    tails = buffer[ends[:, np.newaxis] - _OCC_TAIL_CHARS + np.arange(_OCC_TAIL_CHARS)]
    return tails, plausible
