"""LEAN's zipped CSV files read into arrays.

Times become milliseconds since midnight in New York, prices stay deci-cents (10,000 to the dollar), an empty field
becomes `MISSING`. A file that cannot be read raises ConfigError naming it.
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kernel.domain.errors import ConfigError
from kernel.domain.options import OptionSymbol, Right
from simulator.markets.columns import Ints
from simulator.markets.recorded.daytime import HOUR_MS, MINUTE_MS

DECI_CENTS = 10_000
MISSING = -1

#: Told how far a load is: the file being read, and the part of it that is done, from 0 to 1.
Progress = Callable[[str, float], None]
#: Reads a row's first field as the start of its bar, or None for a row of another day.
Stamp = Callable[[str], int | None]
#: Reads a field of a row as a whole number.
Unit = Callable[[str], int]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of one archive: whose each is (an index into `owners`), when its bar starts, and its other fields.

    An underlying's rows all belong to owner 0 and name no contract.
    """

    owners: tuple[OptionSymbol, ...]
    owner: Ints
    starts_ms: Ints
    fields: NDArray[np.int64]


def unheard(_file: str, _done: float) -> None:
    """The Progress of a load that nobody watches."""


def minute_stamp(text: str) -> int:
    """Read the first field of a minute file: milliseconds since midnight."""
    return int(text)


def hour_stamp(day: date) -> Stamp:
    """Return a reader of the first field of a year's hour file, `20140606 09:00`, that keeps only `day`."""
    wanted = f"{day:%Y%m%d}"

    def read(text: str) -> int | None:
        on, _, clock = text.partition(" ")
        hour, _, minute = clock.partition(":")
        start_ms = int(hour) * HOUR_MS + int(minute) * MINUTE_MS
        return start_ms if on == wanted else None

    return read


def day_stamp(text: str) -> int:
    """Read the first field of a daily file, `20140606 00:00`, as the day's ordinal."""
    return date.fromisoformat(text[:8]).toordinal()


def deci_cents(text: str) -> int:
    """Read a price in dollars, as the files of an index have it (a volume beside it is scaled alike)."""
    return round(float(text) * DECI_CENTS)


def read_options(path: Path, root: str, stamp: Stamp, fields: Sequence[int], progress: Progress) -> Rows:
    """Return the wanted `fields` (column numbers) of every contract's rows."""
    owners: list[OptionSymbol] = []
    owner: list[int] = []
    starts: list[int] = []
    values: list[int] = []
    for contract, name, text in _members(path, root, progress):
        owners.append(contract)
        try:
            count = _read_rows(text.splitlines(), stamp, fields, starts, values)
        except (ValueError, IndexError) as e:
            raise _unreadable(path, f"{name} holds a row that is no row of prices") from e
        owner.extend([len(owners) - 1] * count)
    return _rows(owners, owner, starts, values, len(fields))


def read_stock(path: Path, fields: Sequence[int], stamp: Stamp = minute_stamp, unit: Unit = int) -> Rows:
    """Return the wanted `fields` of an underlying's bars; `unit` reads a price as deci-cents."""
    starts: list[int] = []
    values: list[int] = []
    with _open(path) as archive:
        for name in archive.namelist():
            try:
                lines = archive.read(name).decode("ascii").splitlines()
                _read_rows(lines, stamp, fields, starts, values, unit=unit)
            except (ValueError, IndexError) as e:
                raise _unreadable(path, f"{name} holds a row that is no row of prices") from e
    return _rows([], [0] * len(starts), starts, values, len(fields))


def joined(archives: Sequence[Rows]) -> Rows:
    """Return several archives' rows as one; there is at least one, and no two name the same contract."""
    firsts = np.cumsum([0, *(len(rows.owners) for rows in archives)])
    return Rows(
        owners=tuple(contract for rows in archives for contract in rows.owners),
        owner=np.concatenate([rows.owner + first for rows, first in zip(archives, firsts[:-1], strict=True)]),
        starts_ms=np.concatenate([rows.starts_ms for rows in archives]),
        fields=np.concatenate([rows.fields for rows in archives]),
    )


def no_rows(width: int) -> Rows:
    """Return an archive without rows, of `width` fields."""
    return _rows([], [], [], [], width)


def _read_rows(
    lines: Iterable[str],
    stamp: Stamp,
    fields: Sequence[int],
    starts: list[int],
    values: list[int],
    *,
    unit: Unit = int,
) -> int:
    """Append the rows' starts and fields; return how many there were."""
    before = len(starts)
    for line in lines:
        parts = line.split(",")
        start = stamp(parts[0])
        if start is not None:
            starts.append(start)
            values.extend([unit(parts[field]) if parts[field] else MISSING for field in fields])
    return len(starts) - before


def _members(path: Path, root: str, progress: Progress) -> Iterator[tuple[OptionSymbol, str, str]]:
    """Yield each contract with its file's name and text."""
    with _open(path) as archive:
        names = archive.namelist()
        for done, name in enumerate(names):
            progress(path.name, done / len(names))
            yield _contract(path, root, name), name, archive.read(name).decode("ascii")
    progress(path.name, 1.0)


def _contract(path: Path, root: str, name: str) -> OptionSymbol:
    """Read right, strike and expiration from the end of a file's name: `…_call_7500000_20151231.csv`."""
    try:
        right, strike, expiration = name.removesuffix(".csv").split("_")[-3:]
        return OptionSymbol(
            root, date.fromisoformat(expiration), Right(right), Decimal(int(strike)) / DECI_CENTS
        )
    except ValueError as e:
        raise _unreadable(path, f"{name} does not name a contract") from e


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as e:
        raise _unreadable(path, str(e)) from e


def _rows(
    owners: list[OptionSymbol], owner: list[int], starts: list[int], values: list[int], width: int
) -> Rows:
    return Rows(
        owners=tuple(owners),
        owner=np.array(owner, dtype=np.int64),
        starts_ms=np.array(starts, dtype=np.int64),
        fields=np.array(values, dtype=np.int64).reshape(-1, width),
    )


def _unreadable(path: Path, why: str) -> ConfigError:
    return ConfigError(f"{path} cannot be read ({why}); fetch the recorded data again")
