"""Option snapshots as JSON rows, straight from the market's columns: no object per contract.

A block the market does not know is absent, as at Alpaca; greeks are there with all five keys or not at all.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from math import isnan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kernel.domain.options import Right
from simulator.api.requests import BadRequest, day, moment, number
from simulator.markets.columns import (
    BarColumns,
    ChainColumns,
    GreekColumns,
    ListingColumns,
    QuoteColumns,
    TradeColumns,
    microseconds,
)
from simulator.markets.columns import moment as moment_of
from simulator.wire_time import rfc3339

Row = dict[str, Any]
Rows = NDArray[np.intp]


class ChainFilter(NamedTuple):
    """What a chain request asks for; hashable, so that its pages can be kept."""

    right: Right | None = None
    strike_from: float | None = None
    strike_to: float | None = None
    expires_from: date | None = None
    expires_to: date | None = None
    root: str | None = None
    updated_since: datetime | None = None

    @classmethod
    def read(cls, params: Mapping[str, str]) -> "ChainFilter":
        """Read the query parameters; raises BadRequest."""
        exact = day(params, "expiration_date")
        low, high = number(params, "strike_price_gte"), number(params, "strike_price_lte")
        return cls(
            right=read_right(params),
            strike_from=None if low is None else float(low),
            strike_to=None if high is None else float(high),
            expires_from=exact or day(params, "expiration_date_gte"),
            expires_to=exact or day(params, "expiration_date_lte"),
            root=params.get("root_symbol") or None,
            updated_since=moment(params, "updated_since"),
        )

    def select(self, columns: ChainColumns) -> Rows:
        """Return the rows that fit, in order."""
        listing = columns.listing
        fits = np.ones(len(listing), np.bool_)
        if self.right is not None:
            fits &= listing.is_call == (self.right is Right.CALL)
        fits &= _between(listing.strike, self.strike_from, self.strike_to)
        fits &= _between(listing.expiration, _day64(self.expires_from), _day64(self.expires_to))
        if self.root is not None:
            fits &= _has_root(listing, self.root)
        if self.updated_since is not None:
            updated = np.maximum(columns.quote.at_us, columns.trade.at_us)
            fits &= updated >= microseconds(self.updated_since)
        return np.flatnonzero(fits)


def read_right(params: Mapping[str, str]) -> Right | None:
    """Return the `type` parameter; raises BadRequest."""
    text = params.get("type")
    if not text:
        return None
    if text not in set(Right):
        msg = f"invalid type: {text!r} is neither call nor put"
        raise BadRequest(msg)
    return Right(text)


def snapshot_rows(columns: ChainColumns, rows: Rows) -> dict[str, Row]:
    """Return the snapshots of `rows` by symbol."""
    found: list[Row] = [{} for _ in rows]
    _add_quotes(found, columns.quote, rows)
    _add_trades(found, columns.trade, rows)
    _add_greeks(found, columns.greeks, rows)
    _add_volatility(found, columns, rows)
    _add_bars(found, "dailyBar", columns.day_bar, rows)
    _add_bars(found, "minuteBar", columns.minute_bar, rows)
    _add_bars(found, "prevDailyBar", columns.previous_day_bar, rows)
    return {columns.listing.symbols[row]: told for row, told in zip(rows.tolist(), found, strict=True)}


def _add_quotes(found: list[Row], quote: QuoteColumns, rows: Rows) -> None:
    columns = _cut(rows, quote.at_us, quote.bid, quote.bid_size, quote.ask, quote.ask_size)
    for told, (at, bid, bid_size, ask, ask_size) in zip(found, columns, strict=True):
        if at:
            told["latestQuote"] = {
                "t": _instant(at),
                "bx": "C",
                "bp": bid,
                "bs": bid_size,
                "ax": "C",
                "ap": ask,
                "as": ask_size,
                "c": "A",
            }


def _add_trades(found: list[Row], trade: TradeColumns, rows: Rows) -> None:
    for told, (at, price, size) in zip(found, _cut(rows, trade.at_us, trade.price, trade.size), strict=True):
        if at:
            told["latestTrade"] = {"t": _instant(at), "x": "C", "p": price, "s": size, "c": "I"}


def _add_greeks(found: list[Row], greeks: GreekColumns, rows: Rows) -> None:
    columns = _cut(rows, greeks.delta, greeks.gamma, greeks.rho, greeks.theta, greeks.vega)
    for told, (delta, gamma, rho, theta, vega) in zip(found, columns, strict=True):
        if not isnan(delta):
            told["greeks"] = {"delta": delta, "gamma": gamma, "rho": rho, "theta": theta, "vega": vega}


def _add_volatility(found: list[Row], columns: ChainColumns, rows: Rows) -> None:
    for told, (volatility,) in zip(found, _cut(rows, columns.implied_volatility), strict=True):
        if not isnan(volatility):
            told["impliedVolatility"] = volatility


def _add_bars(found: list[Row], name: str, bars: BarColumns, rows: Rows) -> None:
    columns = _cut(
        rows, bars.at_us, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.trades, bars.vwap
    )
    for told, (at, *figures) in zip(found, columns, strict=True):
        if at:
            told[name] = dict(zip(_BAR_KEYS, (_instant(at), *figures), strict=True))


_BAR_KEYS = ("t", "o", "h", "l", "c", "v", "n", "vw")


def _cut(rows: Rows, *columns: NDArray[Any]) -> "zip[tuple[Any, ...]]":
    """Return the wanted rows of several columns as Python values, row by row."""
    return zip(*(column[rows].tolist() for column in columns), strict=True)


@lru_cache(maxsize=65536)
def _instant(at_us: int) -> str:
    return rfc3339(moment_of(at_us))


def _day64(day_: date | None) -> np.datetime64 | None:
    return None if day_ is None else np.datetime64(day_, "D")


def _between(column: NDArray[Any], low: Any, high: Any) -> NDArray[np.bool_]:
    fits = np.ones(len(column), np.bool_)
    if low is not None:
        fits &= column >= low
    if high is not None:
        fits &= column <= high
    return fits


def _has_root(listing: ListingColumns, root: str) -> NDArray[np.bool_]:
    """An OCC symbol is its root and 15 more characters."""
    return np.array([symbol[:-15] == root for symbol in listing.symbols], np.bool_)
