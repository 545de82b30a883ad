"""Alpaca's answers about a chain, raw JSON, as a Chain. Pure: no IO here.

Entry points: `parse_chain`, `parse_listing`, `parse_spot`.
1. No answer raises: an odd symbol is skipped and counted, an absent block leaves its columns empty, a figure that is
   none (NaN, negative, a word where a number belongs) marks the contract unreadable.
2. A contract that the listing does not have is not tradable; so is one that does not deliver 100 shares, because every
   amount of money in this program counts 100.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np

from kernel.domain.clock import MARKET_ZONE, microseconds
from kernel.domain.money import CONTRACT_MULTIPLIER
from services.selector.core.chain import NO_OPEN_INTEREST, UNITS_PER_USD, Chain, Days, Ints, occ_columns

#: Marks a figure that was there and is none; no column may keep it.
_UNREADABLE = -1
_NO_DAY = np.iinfo(np.int64).min  # what numpy takes for NaT
#: Above this a price is a mistake; below it the exact comparisons of `core.validation` fit 63 bits.
_PRICE_USD_MAX = 1_000_000
_COUNT_MAX = 1_000_000_000
_NOTHING: dict[str, Any] = {}
_NUMBER = (float, int)
#: From this UTC hour on it is the same date in New York, summer and winter.
_SAME_DATE_FROM_HOUR = 5


@dataclass(frozen=True, slots=True)
class Listed:
    """A contract of the contracts endpoint. `open_interest` is of the previous day, -1 when unknown."""

    open_interest: int
    tradable: bool


_UNLISTED = Listed(NO_OPEN_INTEREST, tradable=False)


def parse_listing(rows: Iterable[Any]) -> dict[str, Listed]:
    """Read rows of the contracts endpoint, by symbol."""
    return {row["symbol"]: _listed(row) for row in rows if isinstance(row, Mapping) and "symbol" in row}


def parse_spot(snapshot: Any) -> Decimal | None:
    """Return the underlying's price in USD: its latest trade, else the mid of its latest quote, else None."""
    blocks = _block(snapshot)
    traded = _price(_block(blocks.get("latestTrade")).get("p"))
    if traded > 0:
        return Decimal(traded) / UNITS_PER_USD
    quote = _block(blocks.get("latestQuote"))
    bid, ask = _price(quote.get("bp")), _price(quote.get("ap"))
    return Decimal(bid + ask) / (2 * UNITS_PER_USD) if bid > 0 and ask >= bid else None


def parse_chain(
    underlying: str,
    spot: Decimal | None,
    snapshots: Mapping[str, Any],
    listing: Mapping[str, Listed],
    observed_at: datetime,
) -> Chain:
    """Return the chain of `snapshots` (symbol → snapshot block, as the chain endpoint gives them)."""
    symbols = _readable(snapshots)
    occ = occ_columns(symbols)
    rows = [_row(snapshots[s]) for s in symbols]
    figures = np.array([r[:-1] for r in rows], np.int64).reshape(len(rows), _FIGURES)
    deltas = np.array([r[-1] for r in rows], np.float64)
    listed = [listing.get(s, _UNLISTED) for s in symbols]
    counts = np.maximum(figures, 0).T
    return Chain(
        underlying=underlying,
        spot=spot,
        observed_at=observed_at,
        symbols=symbols,
        is_call=occ.is_call,
        strike=occ.strike,
        expiration=occ.expiration,
        bid=counts[0],
        ask=counts[1],
        quoted_at_us=counts[2],
        day_bar_volume=counts[3],
        previous_bar_volume=counts[4],
        trade_size=counts[5],
        day_bar_date=_days(figures[:, 6]),
        previous_bar_date=_days(figures[:, 7]),
        trade_date=_days(figures[:, 8]),
        delta=np.where(np.abs(deltas) <= 1, deltas, np.nan),
        open_interest=np.array([c.open_interest for c in listed], np.int64),
        tradable=np.array([c.tradable for c in listed], np.bool_),
        unreadable=(figures == _UNREADABLE).any(axis=1) | (np.abs(deltas) > 1),
        skipped=len(snapshots) - len(symbols),
    )


_FIGURES = 9


def _readable(snapshots: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the OCC symbols among the keys, in order."""
    given = tuple(sorted(s for s in snapshots if isinstance(s, str)))
    valid = occ_columns(given).valid
    return given if valid.all() else tuple(s for s, is_valid in zip(given, valid, strict=True) if is_valid)


def _row(snapshot: Any) -> tuple[float, ...]:
    """Return one contract's figures in the order `parse_chain` reads them, the delta last.

    Raw tuples and no object per contract: a chain has thousands, and the signal is waiting.
    """
    blocks = _block(snapshot)
    quote, trade = _block(blocks.get("latestQuote")), _block(blocks.get("latestTrade"))
    day, previous = _block(blocks.get("dailyBar")), _block(blocks.get("prevDailyBar"))
    return (
        _price(quote.get("bp")),
        _price(quote.get("ap")),
        _time(quote.get("t")),
        _count(day.get("v")),
        _count(previous.get("v")),
        _count(trade.get("s")),
        _bar_day(day.get("t")),
        _bar_day(previous.get("t")),
        _trade_day(trade.get("t")),
        _delta(_block(blocks.get("greeks")).get("delta")),
    )


def _listed(row: Mapping[str, Any]) -> Listed:
    standard = row.get("size") in {None, str(CONTRACT_MULTIPLIER), CONTRACT_MULTIPLIER}
    active = row.get("status") in {None, "active"}
    return Listed(
        _open_interest(row.get("open_interest")),
        tradable=row.get("tradable") is True and standard and active,
    )


def _open_interest(value: Any) -> int:
    """The venue writes it as text; anything else than a whole number that is not negative is unknown."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else NO_OPEN_INTEREST


def _block(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else _NOTHING


def _price(value: Any) -> int:
    """Return ten-thousandths of a dollar; 0 when absent."""
    if isinstance(value, _NUMBER) and 0 <= value < _PRICE_USD_MAX:  # a NaN fails the comparison
        return round(value * UNITS_PER_USD)
    return 0 if value is None else _UNREADABLE


def _count(value: Any) -> int:
    if isinstance(value, _NUMBER) and 0 <= value < _COUNT_MAX:
        return int(value)
    return 0 if value is None else _UNREADABLE


def _delta(value: Any) -> float:
    """Return NaN when absent; what is no delta comes back beyond ±1, where `parse_chain` sees it."""
    if value is None:
        return math.nan
    return float(value) if isinstance(value, _NUMBER) and abs(value) <= 1 else math.inf


def _time(text: Any) -> int:
    """Return microseconds since the epoch; 0 when absent."""
    at = _moment(text)
    if at is None:
        return 0 if text is None else _UNREADABLE
    return microseconds(at)


@lru_cache(maxsize=64)
def _bar_day_of(text: str) -> int:
    # All daily bars of a chain start at the same few instants.
    return _trade_day(text)


def _bar_day(text: Any) -> int:
    return _bar_day_of(text) if isinstance(text, str) else _trade_day(text)


def _trade_day(text: Any) -> int:
    """Return the exchange date as days since the epoch; `_NO_DAY` when absent."""
    at = _moment(text)
    if at is None:
        return _NO_DAY if text is None else _UNREADABLE
    at = at.astimezone(UTC)
    local = at if at.hour >= _SAME_DATE_FROM_HOUR else at.astimezone(MARKET_ZONE)
    return local.toordinal() - _EPOCH_ORDINAL


_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def _moment(text: Any) -> datetime | None:
    """Return an aware datetime (nanoseconds are cut to microseconds), or None when there is none in `text`."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _days(numbers: Ints) -> Days:
    days = numbers.astype("datetime64[D]")
    return np.where(numbers == _UNREADABLE, np.datetime64("NaT", "D"), days)
