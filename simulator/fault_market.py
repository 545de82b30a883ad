"""A market whose quotes are spoilt while a fault has it so: for data, streams and fills alike.

Stale quotes are those of the instant the fault began. Everything else is told as the market has it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import numpy as np

from simulator.faults import QUOTE_FAULTS, FaultKind, Faults, Strike
from simulator.markets.columns import Bools, ChainColumns, QuoteColumns
from simulator.markets.market import Market, OptionSnapshot, Quote, StockSnapshot
from simulator.markets.rows import SnapshotRows
from simulator.venue.instruments import instrument_of


def with_faults(market: Market, faults: Faults) -> Market:
    """Return `market` as it looks through its quote faults."""
    return cast("Market", _SpoiltMarket(market, faults))


class _SpoiltMarket:
    def __init__(self, market: Market, faults: Faults) -> None:
        self._market = market
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        """Answer as the market does."""
        return getattr(self._market, name)

    def option_quote(self, symbol: str, at: datetime) -> Quote | None:
        """Return a contract's quote, spoilt."""
        quote = self._market.option_quote(symbol, at)
        underlying = instrument_of(symbol).underlying
        for strike in self._faults.active(QUOTE_FAULTS, symbol, (symbol, underlying)):
            if strike.kind is FaultKind.STALE_QUOTES:
                quote = self._market.option_quote(symbol, _began_at(strike, at))
            else:
                quote = _spoilt(quote, strike.kind)
        return quote

    def chain(self, underlying: str, at: datetime) -> Sequence[OptionSnapshot]:
        """Return a chain, its quotes spoilt."""
        return SnapshotRows(self.chain_columns(underlying, at))

    def chain_columns(self, underlying: str, at: datetime) -> ChainColumns:
        """Return a chain as arrays, its quotes spoilt."""
        columns = self._market.chain_columns(underlying, at)
        names = (underlying, *columns.listing.symbols)
        for strike in self._faults.active(QUOTE_FAULTS, underlying, names):
            struck = _rows_of(strike, underlying, columns)
            if strike.kind is FaultKind.STALE_QUOTES:
                before = self._market.chain_columns(underlying, _began_at(strike, at))
                columns = replace(columns, quote=_stale(columns, before, struck))
            else:
                columns = replace(columns, quote=_spoilt_rows(columns.quote, strike.kind, struck))
        return columns

    def stock(self, symbol: str, at: datetime) -> StockSnapshot | None:
        """Return an underlying, its quote spoilt."""
        stock = self._market.stock(symbol, at)
        if stock is None:
            return None
        for strike in self._faults.active(QUOTE_FAULTS, symbol, (symbol,)):
            if strike.kind is FaultKind.STALE_QUOTES:
                before = self._market.stock(symbol, _began_at(strike, at))
                stock = replace(stock, quote=before.quote if before else None)
            else:
                stock = replace(stock, quote=_spoilt(stock.quote, strike.kind))
        return stock


def _spoilt(quote: Quote | None, kind: FaultKind) -> Quote | None:
    if quote is None:
        return None
    if kind is FaultKind.ZERO_QUOTES:
        return replace(quote, bid=0.0, ask=0.0, bid_size=0, ask_size=0)
    if not (quote.bid and quote.ask):
        return quote
    low, high = _crossed(quote.bid, quote.ask)
    return replace(quote, bid=high, ask=low)


def _crossed(bid: float, ask: float) -> tuple[float, float]:
    """Return (ask, bid) of a crossed quote: the two change places, or part by a cent where they were locked."""
    return (bid, ask) if ask > bid else (bid, round(bid + 0.01, 2))


def _spoilt_rows(quote: QuoteColumns, kind: FaultKind, struck: Bools) -> QuoteColumns:
    if kind is FaultKind.ZERO_QUOTES:
        return replace(
            quote,
            bid=np.where(struck, 0.0, quote.bid),
            ask=np.where(struck, 0.0, quote.ask),
            bid_size=np.where(struck, 0, quote.bid_size),
            ask_size=np.where(struck, 0, quote.ask_size),
        )
    struck = struck & (quote.bid > 0) & (quote.ask > 0)
    high = np.where(quote.ask > quote.bid, quote.ask, np.round(quote.bid + 0.01, 2))
    return replace(quote, bid=np.where(struck, high, quote.bid), ask=np.where(struck, quote.bid, quote.ask))


def _stale(now: ChainColumns, before: ChainColumns, struck: Bools) -> QuoteColumns:
    """Return the quotes of now, but where `struck` those of before; a contract that is new since has none."""
    row_before = {symbol: row for row, symbol in enumerate(before.listing.symbols)}
    rows = np.array([row_before.get(symbol, -1) for symbol in now.listing.symbols], np.int64)
    known = rows >= 0
    columns = {
        name: np.where(
            struck, np.where(known, getattr(before.quote, name)[rows], 0), getattr(now.quote, name)
        )
        for name in ("at_us", "bid", "bid_size", "ask", "ask_size")
    }
    return QuoteColumns(**columns)


def _rows_of(strike: Strike, underlying: str, columns: ChainColumns) -> Bools:
    symbol = strike.fault.symbol
    if symbol in (None, underlying):
        return np.ones(len(columns.listing), np.bool_)
    return np.array([name == symbol for name in columns.listing.symbols], np.bool_)


def _began_at(strike: Strike, at: datetime) -> datetime:
    """Return the market second the fault began, never later than now."""
    began_at = strike.injected_at
    if strike.fault.market_from is not None:
        began_at = max(began_at, strike.fault.market_from)
    return min(began_at.replace(microsecond=0), at)
