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
) -> Path:
    """Write one day by the minute and return the folder."""
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
    return folder


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
