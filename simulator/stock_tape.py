"""An underlying's single trades and quotes, made of what the market shows from one moment to the next.

1. They agree with the snapshots and bars: the last trade of a moment is the snapshot's, and the sizes and the number
   of the trades between two moments are what the day's bar grew by.
2. Prices between two moments lead from the one to the other, so no trade lies outside the bar that spans it.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta

from kernel.domain.calendar import Session
from kernel.domain.clock import MARKET_ZONE
from simulator.markets.market import Market, Quote, StockSnapshot, Trade

_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
#: Recorded minutes reach from the first to the last of the extended hours.
_EXTENDED = (time(4), time(20))


def trades_between(before: StockSnapshot | None, after: StockSnapshot) -> list[Trade]:
    """Return the trades after the moment of `before`, up to that of `after`."""
    last = after.trade
    if last is None or before is None or before.trade is None:
        return [last] if last else []
    if before.trade.at == last.at:
        return []
    volume, count = _growth(before, after)
    others = min(count - 1, volume - last.size)
    return [*_leading(before.trade, last, volume - last.size, others), last] if others > 0 else [last]


def quote_changed(before: StockSnapshot | None, after: StockSnapshot) -> Quote | None:
    """Return the quote of `after` where it is not the one of `before`."""
    then, now = before.quote if before else None, after.quote
    if now is None or (then is not None and _figures(then) == _figures(now)):
        return None
    return now


def trades(
    market: Market, symbol: str, start: datetime, end: datetime, *, at: datetime, newest_first: bool
) -> Iterator[Trade]:
    """Yield the trades in [start, end] that were known by `at`."""
    for before, after in _moments(market, symbol, start, end, at=at, newest_first=newest_first):
        found = [trade for trade in trades_between(before, after) if start <= trade.at <= end]
        yield from reversed(found) if newest_first else found


def quotes(
    market: Market, symbol: str, start: datetime, end: datetime, *, at: datetime, newest_first: bool
) -> Iterator[Quote]:
    """Yield the quotes in [start, end] that were known by `at`, one for each change."""
    for before, after in _moments(market, symbol, start, end, at=at, newest_first=newest_first):
        quote = quote_changed(before, after)
        if quote is not None and start <= quote.at <= end:
            yield quote


def _growth(before: StockSnapshot, after: StockSnapshot) -> tuple[int, int]:
    """Return by how many shares and trades the day's bar grew; a new day's bar grew from nothing."""
    now, then = after.day_bar, before.day_bar
    if now is None:
        return 0, 0
    if then is None or then.at != now.at:
        return now.volume, now.trades
    return now.volume - then.volume, now.trades - then.trades


def _leading(first: Trade, last: Trade, volume: int, count: int) -> Iterator[Trade]:
    each, more = divmod(volume, count)
    for number in range(1, count + 1):
        yield Trade(
            at=first.at + (last.at - first.at) * number / (count + 1),
            price=round(first.price + (last.price - first.price) * number / count, 2),
            size=each + (1 if number <= more else 0),
        )


def _figures(quote: Quote) -> tuple[float, int, float, int]:
    return quote.bid, quote.bid_size, quote.ask, quote.ask_size


def _moments(
    market: Market, symbol: str, start: datetime, end: datetime, *, at: datetime, newest_first: bool
) -> Iterator[tuple[StockSnapshot | None, StockSnapshot]]:
    """Yield the pictures of neighbouring moments that meet [start, end]."""
    step = _SECOND if market.quote_interval_s == 1 else _MINUTE
    look = _Looker(market, symbol)
    for session in reversed(market.calendar.sessions) if newest_first else market.calendar.sessions:
        opens_at, closes_at = _hours(session, step)
        first, last = max(opens_at, _floor(start, step)), min(closes_at, _floor(end, step) + step)
        count = (last - first) // step + 1
        for index in range(count - 1, -1, -1) if newest_first else range(count):
            moment = first + step * index
            after = look(moment) if moment <= at else None
            if after is not None:
                yield look(moment - step), after


class _Looker:
    """Reads the market's pictures, the two latest kept: neighbours are asked for one after the other."""

    def __init__(self, market: Market, symbol: str) -> None:
        self._read: Callable[[datetime], StockSnapshot | None] = lambda at: market.stock(symbol, at)
        self._kept: dict[datetime, StockSnapshot | None] = {}

    def __call__(self, at: datetime) -> StockSnapshot | None:
        if at not in self._kept:
            while len(self._kept) > 1:
                del self._kept[next(iter(self._kept))]
            try:
                self._kept[at] = self._read(at)
            except LookupError:
                # The market has not begun yet.
                self._kept[at] = None
        return self._kept[at]


def _hours(session: Session, step: timedelta) -> tuple[datetime, datetime]:
    if step == _SECOND:
        return session.opens_at, session.closes_at
    first, last = (datetime.combine(session.day, hour, tzinfo=MARKET_ZONE) for hour in _EXTENDED)
    return first.astimezone(session.opens_at.tzinfo), last.astimezone(session.opens_at.tzinfo)


def _floor(at: datetime, step: timedelta) -> datetime:
    cut = at.replace(microsecond=0)
    return cut if step == _SECOND else cut.replace(second=0)
