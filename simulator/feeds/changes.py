"""What the market tells between two moments, for the symbols that anyone listens to.

1. A quote is told when a price or a size of it is another one; a trade when it is new.
2. The trades told are those of the trade history, one by one. Only where "*" makes a whole chain trade at once, or a
   clock at great speed takes long steps, is the latest trade of each contract or name told alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from simulator.feeds import messages
from simulator.feeds.wire import MarketMessage
from simulator.market_view import ChainPicture
from simulator.markets.columns import Bools
from simulator.markets.market import Market, StockSnapshot
from simulator.markets.rows import quote_at, trade_at
from simulator.stock_tape import quote_changed, trades_between

_MINUTE = timedelta(minutes=1)
_MICROSECOND = timedelta(microseconds=1)
#: Contracts of which every single trade of a step is looked up; beyond it the latest has to do.
_SINGLE_TRADES_MAX = 64


@dataclass(frozen=True, slots=True)
class Interest:
    """What is listened to in one channel: some symbols, or all there are."""

    symbols: frozenset[str]
    everything: bool

    def __contains__(self, symbol: object) -> bool:
        return self.everything or symbol in self.symbols

    def __bool__(self) -> bool:
        return self.everything or bool(self.symbols)


def option_changes(
    market: Market, before: ChainPicture, after: ChainPicture, quotes: Interest, trades: Interest
) -> Iterator[MarketMessage]:
    """Yield what happened in one chain between two pictures of the same listing."""
    if before.columns.listing.symbols != after.columns.listing.symbols:
        return
    then, now = before.columns, after.columns
    names = now.listing.symbols
    grown = now.day_bar.trades - then.day_bar.trades
    traded = _rows(after, trades, then.trade.at_us != now.trade.at_us, grown != 0)
    several = [row for row in traded if grown[row] > 1][:_SINGLE_TRADES_MAX]
    for row in traded:
        yield from _option_trades(market, before, after, row, single=row in several)
    changed = [getattr(then.quote, side) != getattr(now.quote, side) for side in _SIDES]
    for row in _rows(after, quotes, *changed):
        quote = quote_at(now.quote, row)
        if quote is not None:
            yield messages.option_quote(names[row], quote)


def stock_changes(
    before: StockSnapshot | None, after: StockSnapshot, quotes: Interest, trades: Interest
) -> Iterator[MarketMessage]:
    """Yield one name's trades and quote between two neighbouring moments."""
    if after.symbol in trades and before is not None:
        for trade in trades_between(before, after):
            yield messages.stock_trade(after.symbol, trade)
    quote = quote_changed(before, after)
    if after.symbol in quotes and before is not None and quote is not None:
        yield messages.stock_quote(after.symbol, quote)


def stock_bars(
    market: Market, symbol: str, since: datetime, until: datetime, *, bars: Interest, days: Interest
) -> Iterator[MarketMessage]:
    """Yield one name's minute bars that ended in (since, until], and with the last of them the day's bar so far."""
    if _minute(since) == _minute(until):
        return
    found = market.stock_bars(symbol, 1, _minute(since), until, until)
    ended = [bar for bar in found if since < bar.at + _MINUTE <= until]
    if symbol in bars:
        yield from (messages.stock_bar("bars", symbol, bar) for bar in ended)
    after = market.stock(symbol, until) if ended and symbol in days else None
    if after is not None and after.day_bar is not None:
        yield messages.stock_bar("dailyBars", symbol, after.day_bar)


def interest_in(wanted: Iterable[frozenset[str]]) -> Interest:
    """Join what several clients listen to."""
    symbols: frozenset[str] = frozenset().union(*wanted)
    return Interest(symbols - {"*"}, "*" in symbols)


_SIDES = ("bid", "ask", "bid_size", "ask_size")


def _rows(picture: ChainPicture, wanted: Interest, *changed: Bools) -> Sequence[int]:
    """Return the rows that are wanted and changed."""
    if not wanted:
        return ()
    moved: NDArray[np.bool_] = np.logical_or.reduce(changed)
    if wanted.everything:
        return np.flatnonzero(moved).tolist()
    rows = (picture.row_of.get(symbol) for symbol in wanted.symbols)
    return sorted(row for row in rows if row is not None and moved[row])


def _option_trades(
    market: Market, before: ChainPicture, after: ChainPicture, row: int, *, single: bool
) -> Iterator[MarketMessage]:
    symbol = after.columns.listing.symbols[row]
    if single:
        found = market.option_trades(symbol, before.second + _MICROSECOND, after.second, after.second)
    else:
        latest = trade_at(after.columns.trade, row)
        found = [latest] if latest else []
    yield from (messages.option_trade(symbol, trade) for trade in found)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
