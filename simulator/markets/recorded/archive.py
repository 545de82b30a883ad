"""Where a recorded day lies in LEAN's folder layout, and what to say when it does not.

Options by the minute are one zip per day, by the hour one zip per year; the minute is taken where both are there.
The underlying's minutes are one zip per day. The `universes` files are not read: the figures in a file named for a day
were found to hold the first minute of the following session, which nobody could have known.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kernel.domain.errors import ConfigError
from simulator.markets.recorded.daytime import HOUR_MS, MINUTE_MS

_DAY_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Recording:
    """The files of one symbol's day. `interval_ms` is the length of the option bars."""

    symbol: str
    day: date
    interval_ms: int
    quotes: Path
    trades: Path
    open_interest: Path
    stock_trades: Path
    stock_quotes: Path


def find_recording(folder: Path, symbol: str, day: date) -> Recording:
    """Return the files of a day; raises ConfigError that says what is there instead."""
    found = recordings(folder)
    if symbol not in found:
        have = ", ".join(sorted(found)) or "nothing"
        msg = f"no recorded options of {symbol} in {folder}; there is {have}"
        raise ConfigError(msg)
    if day not in found[symbol]:
        msg = f"{symbol} was not recorded on {day} in {folder}; there is {_listed(found[symbol])}"
        raise ConfigError(msg)
    return found[symbol][day]


def recordings(folder: Path) -> dict[str, dict[date, Recording]]:
    """Return every recorded day by symbol and day; raises ConfigError when `folder` is not laid out as LEAN's."""
    stocks = folder / "equity" / "usa" / "minute"
    if not stocks.is_dir() or not (folder / "option" / "usa").is_dir():
        msg = f"{folder} is no LEAN data folder: it needs equity/usa/minute and option/usa inside"
        raise ConfigError(msg)
    found: dict[str, dict[date, Recording]] = {}
    for path in sorted(stocks.glob("*/*_trade.zip")):
        day = _day_of(path)
        recording = _recording(folder, path, day) if day else None
        if recording:
            found.setdefault(recording.symbol, {})[recording.day] = recording
    return found


def _recording(folder: Path, stock_trades: Path, day: date) -> Recording | None:
    """Return the recording beside an underlying's trades, or None where the options are missing."""
    options, lower = folder / "option" / "usa", stock_trades.parent.name
    by_minute = (MINUTE_MS, options / "minute" / lower, f"{day:%Y%m%d}")
    by_hour = (HOUR_MS, options / "hour", f"{lower}_{day:%Y}")
    for interval_ms, place, prefix in (by_minute, by_hour):
        quotes, trades = place / f"{prefix}_quote_american.zip", place / f"{prefix}_trade_american.zip"
        if quotes.is_file() and trades.is_file():
            return Recording(
                symbol=lower.upper(),
                day=day,
                interval_ms=interval_ms,
                quotes=quotes,
                trades=trades,
                open_interest=place / f"{prefix}_openinterest_american.zip",
                stock_trades=stock_trades,
                stock_quotes=stock_trades.with_name(f"{day:%Y%m%d}_quote.zip"),
            )
    return None


def _day_of(path: Path) -> date | None:
    digits = path.name[:_DAY_DIGITS]
    return date.fromisoformat(digits) if digits.isdigit() and len(digits) == _DAY_DIGITS else None


def _listed(days: dict[date, Recording]) -> str:
    return ", ".join(day.isoformat() for day in sorted(days))
