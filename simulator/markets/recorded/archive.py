"""Where recorded days lie in LEAN's folder layout, and what to say when they do not.

Options by the minute are one zip per day, by the hour one zip per year; the minute is taken where both are there. The
underlying's minutes are one zip per day, its daily bars, where there are any, one zip for all years. Options on an index
lie under `indexoption`, each root in a folder of its own, the index itself under `index`, in dollars instead of
deci-cents. The `universes` files are not read: the figures in a file named for a day were found to hold the first minute
of the following session, which nobody could have known.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kernel.domain.errors import ConfigError
from simulator.markets.recorded.daytime import HOUR_MS, MINUTE_MS

_DAY_DIGITS = 8
#: Roots beside an index's own symbol (LEAN writes NQX for the Nasdaq 100's).
_ROOTS_OF_INDEX = {"spx": ("spxw",), "ndx": ("ndxp", "nqx"), "rut": ("rutw",), "vix": ("vixw",)}


@dataclass(frozen=True, slots=True)
class RootFiles:
    """The option files of one root on one day. `open_interest` may not be there."""

    root: str
    quotes: Path
    trades: Path
    open_interest: Path


@dataclass(frozen=True, slots=True)
class Recording:
    """The files of one underlying's day. `interval_ms` is the length of the option bars."""

    symbol: str
    day: date
    interval_ms: int
    roots: tuple[RootFiles, ...]
    stock_trades: Path
    stock_quotes: Path
    #: May not be there.
    daily: Path
    is_index: bool

    def last_expiration(self) -> date:
        """Return the last expiration that the quote files name; raises ConfigError when one cannot be read."""
        return max((day for files in self.roots for day in _expirations(files.quotes)), default=self.day)


def find_recording(folder: Path, symbol: str, day: date) -> Recording:
    """Return the files of a day; raises ConfigError that says what is there instead."""
    days = find_symbol(folder, symbol)
    if day not in days:
        msg = f"{symbol} was not recorded on {day} in {folder}; there is {_listed(days)}"
        raise ConfigError(msg)
    return days[day]


def find_recordings(folder: Path, symbol: str, first: date, last: date) -> list[Recording]:
    """Return the files of every recorded day in [first, last]; raises ConfigError when there is none."""
    if first == last:
        return [find_recording(folder, symbol, first)]
    days = find_symbol(folder, symbol)
    found = [days[day] for day in sorted(days) if first <= day <= last]
    if not found:
        msg = f"{symbol} was not recorded from {first} to {last} in {folder}; there is {_listed(days)}"
        raise ConfigError(msg)
    return found


def find_symbol(folder: Path, symbol: str) -> dict[date, Recording]:
    """Return a symbol's recorded days; raises ConfigError that says which symbols are there instead."""
    found = recordings(folder)
    if symbol not in found:
        have = ", ".join(sorted(found)) or "nothing"
        msg = f"no recorded options of {symbol} in {folder}; there is {have}"
        raise ConfigError(msg)
    return found[symbol]


def recordings(folder: Path) -> dict[str, dict[date, Recording]]:
    """Return every recorded day by symbol and day; raises ConfigError when `folder` is not laid out as LEAN's."""
    stocks, indexes = (_Kind(folder, *kind) for kind in (("equity", "option"), ("index", "indexoption")))
    if not stocks.is_there and not indexes.is_there:
        msg = f"{folder} is no LEAN data folder: it needs equity/usa/minute and option/usa inside"
        raise ConfigError(msg)
    found: dict[str, dict[date, Recording]] = {}
    for recording in [*stocks.recordings(), *indexes.recordings()]:
        found.setdefault(recording.symbol, {})[recording.day] = recording
    return found


class _Kind:
    """Stocks and their options, or indexes and theirs."""

    def __init__(self, folder: Path, underlying: str, options: str) -> None:
        self._stocks = folder / underlying / "usa"
        self._options = folder / options / "usa"
        self._is_index = underlying == "index"
        self._style = "european" if self._is_index else "american"

    @property
    def is_there(self) -> bool:
        return (self._stocks / "minute").is_dir() and self._options.is_dir()

    def recordings(self) -> Iterator[Recording]:
        """Yield every day of which the underlying's trades and an option root's files are there."""
        for path in sorted((self._stocks / "minute").glob("*/*_trade.zip")):
            day = _day_of(path)
            recording = self._recording(path, day) if day else None
            if recording:
                yield recording

    def _recording(self, stock_trades: Path, day: date) -> Recording | None:
        lower = stock_trades.parent.name
        roots = (lower, *_ROOTS_OF_INDEX.get(lower, ())) if self._is_index else (lower,)
        for interval_ms in (MINUTE_MS, HOUR_MS):
            found = [self._files(root, day, interval_ms) for root in roots]
            there = tuple(files for files in found if files.quotes.is_file() and files.trades.is_file())
            if there:
                return Recording(
                    symbol=lower.upper(),
                    day=day,
                    interval_ms=interval_ms,
                    roots=there,
                    stock_trades=stock_trades,
                    stock_quotes=stock_trades.with_name(f"{day:%Y%m%d}_quote.zip"),
                    daily=self._stocks / "daily" / f"{lower}.zip",
                    is_index=self._is_index,
                )
        return None

    def _files(self, root: str, day: date, interval_ms: int) -> RootFiles:
        if interval_ms == MINUTE_MS:
            place, prefix = self._options / "minute" / root, f"{day:%Y%m%d}"
        else:
            place, prefix = self._options / "hour", f"{root}_{day:%Y}"
        quotes, trades, interest = (
            place / f"{prefix}_{kind}_{self._style}.zip" for kind in ("quote", "trade", "openinterest")
        )
        return RootFiles(root.upper(), quotes, trades, interest)


def _expirations(quotes: Path) -> Iterator[date]:
    """Yield what the names of the archive's files end in; a name that is no contract's is the reader's to refuse."""
    try:
        with zipfile.ZipFile(quotes) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile) as e:
        msg = f"{quotes} cannot be read ({e}); fetch the recorded data again"
        raise ConfigError(msg) from e
    for digits in {name.removesuffix(".csv")[-_DAY_DIGITS:] for name in names}:
        if digits.isdigit():
            yield date.fromisoformat(digits)


def _day_of(path: Path) -> date | None:
    digits = path.name[:_DAY_DIGITS]
    return date.fromisoformat(digits) if digits.isdigit() and len(digits) == _DAY_DIGITS else None


def _listed(days: dict[date, Recording]) -> str:
    return ", ".join(day.isoformat() for day in sorted(days))
