"""Option snapshots as JSON texts, straight from the market's columns: no object per contract or figure.

A block the market does not know is absent, as at Alpaca; greeks are there with all five keys or not at all.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from kernel.domain.clock import microseconds
from kernel.domain.clock import moment as moment_of
from kernel.domain.options import Right
from simulator.api.requests import BadRequest, day, moment, number
from simulator.markets.columns import (
    BarColumns,
    ChainColumns,
    GreekColumns,
    ListingColumns,
    QuoteColumns,
    TradeColumns,
)
from simulator.wire_time import rfc3339_nano

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


def snapshot_texts(columns: ChainColumns, rows: Rows) -> dict[str, bytes]:
    """Return the snapshots of `rows`, by symbol, each as the text of a JSON object."""
    if not len(rows):
        return {}
    blocks = (
        quote_texts(columns.quote, rows, _named("latestQuote", _QUOTE)),
        trade_texts(columns.trade, rows, _named("latestTrade", _TRADE)),
        _greek_texts(columns.greeks, rows),
        _volatility_texts(columns.implied_volatility, rows),
        _bar_texts("dailyBar", columns.day_bar, rows),
        _bar_texts("minuteBar", columns.minute_bar, rows),
        _bar_texts("prevDailyBar", columns.previous_day_bar, rows),
    )
    told = (b"{%b}" % b",".join(filter(None, parts)) for parts in zip(*blocks, strict=True))
    return dict(zip(symbols_of(columns, rows), told, strict=True))


def quote_texts(quote: QuoteColumns, rows: Rows, template: bytes | None = None) -> list[bytes]:
    """Return the latest quotes; an option's condition is a string, unlike a stock's. Empty where there is none."""
    figures = (quote.bid, quote.bid_size, quote.ask, quote.ask_size)
    return _timed(template or _QUOTE, quote.at_us, figures, rows)


def trade_texts(trade: TradeColumns, rows: Rows, template: bytes | None = None) -> list[bytes]:
    """Return the latest trades; an option's condition is a string. Empty where there is none."""
    return _timed(template or _TRADE, trade.at_us, (trade.price, trade.size), rows)


def symbols_of(columns: ChainColumns, rows: Rows) -> list[str]:
    """Return the contracts of `rows`."""
    return [columns.listing.symbols[row] for row in rows.tolist()]


def json_object(members: Mapping[str, bytes]) -> bytes:
    """Return a JSON object of members that are encoded already; the names are OCC symbols and need no escape."""
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), text) for name, text in members.items())


def _named(name: str, template: bytes) -> bytes:
    return b'"%b":%b' % (name.encode(), template)


_QUOTE = b'{"t":"%b","bx":"C","bp":%b,"bs":%b,"ax":"C","ap":%b,"as":%b,"c":"A"}'
_TRADE = b'{"t":"%b","x":"C","p":%b,"s":%b,"c":"I"}'
_BAR = b'{"t":"%b","o":%b,"h":%b,"l":%b,"c":%b,"v":%b,"n":%b,"vw":%b}'
_GREEKS = b'"greeks":{"delta":%b,"gamma":%b,"rho":%b,"theta":%b,"vega":%b}'
_ABSENT = b"null"


def _bar_texts(name: str, bar: BarColumns, rows: Rows) -> list[bytes]:
    figures = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades, bar.vwap)
    return _timed(_named(name, _BAR), bar.at_us, figures, rows)


def _greek_texts(greeks: GreekColumns, rows: Rows) -> list[bytes]:
    columns = (greeks.delta, greeks.gamma, greeks.rho, greeks.theta, greeks.vega)
    figures = zip(*(_texts(column, rows) for column in columns), strict=True)
    # One figure that is missing takes the others with it: a client refuses the whole chain over four greeks.
    return [b"" if _ABSENT in row else _GREEKS % row for row in figures]


def _volatility_texts(volatility: NDArray[np.float64], rows: Rows) -> list[bytes]:
    return [b"" if text == _ABSENT else b'"impliedVolatility":%b' % text for text in _texts(volatility, rows)]


def _timed(
    template: bytes, at_us: NDArray[np.int64], figures: tuple[NDArray[Any], ...], rows: Rows
) -> list[bytes]:
    """Fill `template` with the instant and the figures of each row; empty where the block is absent."""
    instants = at_us[rows].tolist()
    columns = zip(*(_texts(column, rows) for column in figures), strict=True)
    return [template % (_instant(at), *row) if at else b"" for at, row in zip(instants, columns, strict=True)]


def _texts(column: NDArray[Any], rows: Rows) -> list[bytes]:
    """Return figures as JSON texts, a whole column at once; NaN becomes null."""
    return orjson.dumps(column[rows], option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


@lru_cache(maxsize=65536)
def _instant(at_us: int) -> bytes:
    return rfc3339_nano(moment_of(at_us)).encode()


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
