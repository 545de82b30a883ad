"""Time that passes for an account: orders work, sessions close, options end, days begin.

However far the clock jumped, every close on the way is kept in its order: first the orders that end there, then the
contracts whose last close it was, at the prices of that instant, then the day's equity.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from kernel.domain.calendar import market_day
from simulator.market_view import MarketView
from simulator.venue.account import Account
from simulator.venue.instruments import Instrument
from simulator.venue.orders import OrderEvent
from simulator.venue.positions import Position, mark_price
from simulator.venue.quotes import NO_QUOTE, Nbbo, QuoteOf

#: How often equity is kept within a session, for intraday histories.
_MARK_EVERY = timedelta(minutes=5)


def pass_time(account: Account, view: MarketView, at: datetime) -> list[OrderEvent]:
    """Bring the account up to `at`; return what happened to orders."""
    days = account.days
    since = days.seen_to if days.seen_to is not None and days.seen_to <= at else at
    events: list[OrderEvent] = []
    for close in view.closes_between(since, at):
        _begin_day(account, close)
        events += account.advance(close, quote_of=nobody_quotes)
        events += _settle(account, view, close)
        if view.is_session_close(close):
            account.close_day(close, price_at(view, close))
    _begin_day(account, at)
    if account.open_orders:
        events += account.advance(at, quote_of=quotes_at(view, at))
    events += _settle(account, view, at)
    if _epoch(since) < _epoch(at) and view.market.calendar.is_open(at):
        account.mark(at, price_at(view, at))
    days.seen_to = at
    return events


def quotes_at(view: MarketView, at: datetime) -> QuoteOf:
    """Return the quotes that orders trade against: none for what is closed."""
    return lambda symbol: view.nbbo(symbol, at) if view.is_open(symbol, at) else NO_QUOTE


def nobody_quotes(_symbol: str) -> Nbbo:
    """Return no quote, as at a close."""
    return NO_QUOTE


def price_at(view: MarketView, at: datetime) -> Callable[[Position], Decimal]:
    """Return what a position is worth per share at an instant."""
    return lambda held: mark_price(held, view.nbbo(held.symbol, at))


def _begin_day(account: Account, at: datetime) -> None:
    seen_to = account.days.seen_to
    if seen_to is None or market_day(seen_to) != market_day(at):
        account.start_day()
    account.days.seen_to = at


def _settle(account: Account, view: MarketView, at: datetime) -> list[OrderEvent]:
    """End every contract whose last close has come, one underlying and one close after the other."""
    ending: dict[tuple[datetime, str], dict[Instrument, int]] = {}
    for held in account.positions.values():
        last_close = view.last_close(held.instrument)
        if last_close is not None and last_close <= at:
            group = ending.setdefault((last_close, held.instrument.underlying), {})
            group[held.instrument] = held.qty
    events: list[OrderEvent] = []
    for (close, underlying), contracts in sorted(ending.items(), key=lambda row: row[0]):
        spot = view.settlement_price(underlying, close)
        # An underlying without a price settles as soon as it has one.
        if spot is not None:
            quote_of = partial(view.nbbo, at=close)
            events += account.settle(contracts, spot=spot, now=close, quote_of=quote_of)
    return events


def _epoch(at: datetime) -> int:
    return int(at.timestamp() // _MARK_EVERY.total_seconds())
