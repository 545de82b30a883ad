"""A small data folder in LEAN's layout, written by the test that reads it."""

import zipfile
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

#: A contract as the files name it: right, strike in deci-cents, expiration.
CALL_100 = "call_1000000_20240119"
PUT_100 = "put_1000000_20240119"
DAY = date(2024, 1, 16)
OPEN_MS = 34_200_000
MINUTE_MS = 60_000


def minute(number: int) -> int:
    """Return the start of a minute of the session, in milliseconds since midnight."""
    return OPEN_MS + number * MINUTE_MS


def quote(number: int, bid: float | None, ask: float | None) -> str:
    """Return a quote row; a side of None did not change and is left empty, as LEAN writes it."""
    return f"{minute(number)},{_side(bid, 10)},{_side(ask, 20)}"


def trade(number: int, price: float, volume: int) -> str:
    """Return a trade row whose minute traded at one price."""
    p = _deci_cents(price)
    return f"{minute(number)},{p},{p},{p},{p},{volume}"


def write_lean_day(
    folder: Path,
    *,
    symbol: str = "ABC",
    day: date = DAY,
    quotes: Mapping[str, Iterable[str]],
    trades: Mapping[str, Iterable[str]] | None = None,
    interest: Mapping[str, Iterable[str]] | None = None,
    stock_trades: Iterable[str] = (),
    stock_quotes: Iterable[str] | None = None,
    daily: Iterable[str] | None = None,
) -> Path:
    """Write one day by the minute, the underlying's daily bars too if they are given, and return the folder."""
    lower, stamp = symbol.lower(), f"{day:%Y%m%d}"
    options = folder / "option" / "usa" / "minute" / lower
    stocks = folder / "equity" / "usa" / "minute" / lower
    for kind, rows in (("quote", quotes), ("trade", trades or {}), ("openinterest", interest)):
        if rows is not None:
            named = {f"{stamp}_{lower}_minute_{kind}_american_{c}.csv": lines for c, lines in rows.items()}
            _zip(options / f"{stamp}_{kind}_american.zip", named)
    _zip(stocks / f"{stamp}_trade.zip", {f"{stamp}_{lower}_minute_trade.csv": stock_trades})
    if stock_quotes is not None:
        _zip(stocks / f"{stamp}_quote.zip", {f"{stamp}_{lower}_minute_quote.csv": stock_quotes})
    if daily is not None:
        _zip(folder / "equity" / "usa" / "daily" / f"{lower}.zip", {f"{lower}.csv": daily})
    return folder


def write_index_day(
    folder: Path, *, roots: Mapping[str, Mapping[str, Iterable[str]]], levels: Iterable[str], day: date = DAY
) -> Path:
    """Write a day of options on SPX: quotes by root and contract, and the index's own rows, which are in dollars."""
    stamp = f"{day:%Y%m%d}"
    for root, quotes in roots.items():
        place = folder / "indexoption" / "usa" / "minute" / root
        for kind, rows in (("quote", quotes), ("trade", dict.fromkeys(quotes, ()))):
            named = {f"{stamp}_{root}_minute_{kind}_european_{c}.csv": lines for c, lines in rows.items()}
            _zip(place / f"{stamp}_{kind}_european.zip", named)
    _zip(folder / "index/usa/minute/spx" / f"{stamp}_trade.zip", {f"{stamp}_spx_minute_trade.csv": levels})
    return folder


def daily_bar(day: date, close: float, volume: int) -> str:
    """Return a daily row that traded at one price."""
    p = _deci_cents(close)
    return f"{day:%Y%m%d} 00:00,{p},{p},{p},{p},{volume}"


def _zip(path: Path, files: Mapping[str, Iterable[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, lines in files.items():
            archive.writestr(name, "".join(f"{line}\r\n" for line in lines))


def _side(price: float | None, size: int) -> str:
    if price is None:
        return ",,,,0"
    p = _deci_cents(price)
    return f"{p},{p},{p},{p},{size}"


def _deci_cents(price: float) -> int:
    return round(price * 10_000)
