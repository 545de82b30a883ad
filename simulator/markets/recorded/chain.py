"""A recorded chain at an instant.

1. A quote is the closing bid and ask of the last bar that ended, each side carried forward; its time is that bar's end.
2. A day's volume is the sum of the trade bars that ended; a contract that has not traded has no bar and no trade. The
   latest trade is the last trade bar's close, its size that bar's volume.
3. Volatility is Black-Scholes on the mid and the underlying's last trade, both as known at the instant, for the time to
   the close of the last session on or before expiration. It is absent where a side is missing or the quote is crossed.
"""

import numpy as np

from simulator.markets import pricing
from simulator.markets.columns import (
    BarColumns,
    ChainColumns,
    Floats,
    Ints,
    ListingColumns,
    QuoteColumns,
    no_bars,
    take,
)
from simulator.markets.recorded.day import RecordedDay
from simulator.markets.recorded.daytime import MINUTE_MS


def chain_at(
    day: RecordedDay, rows: Ints, at_ms: int, *, previous: BarColumns, rate: float, dividend: float
) -> ChainColumns:
    """Return the contracts `rows` as known `at_ms` after midnight; `previous` are their bars of the session before."""
    options = day.options
    listing = listing_of(options.listing, rows)
    quote = take(options.quotes.quote, options.quotes.series.last(rows, at_ms))
    traded = options.trades.series.last(rows, at_ms)
    by_minute = day.recording.interval_ms == MINUTE_MS
    years = pricing.years_until(options.expires_us[rows], day.time.us(at_ms))
    spot = spot_at(day, at_ms)
    volatility = pricing.implied_volatility(
        _clear_mid(quote), listing.is_call, spot, listing.strike, years, rate=rate, dividend=dividend
    )
    return ChainColumns(
        listing=listing,
        quote=quote,
        trade=take(options.trades.trade, traded),
        day_bar=take(options.trades.day, traded),
        minute_bar=take(options.trades.bar, traded) if by_minute else no_bars(rows.size),
        previous_day_bar=previous,
        implied_volatility=volatility,
        greeks=pricing.greeks(
            listing.is_call, spot, listing.strike, years, volatility, rate=rate, dividend=dividend
        ),
    )


def listing_of(listing: ListingColumns, rows: Ints) -> ListingColumns:
    """Return the part of a listing."""
    return ListingColumns(
        symbols=tuple(listing.symbols[row] for row in rows),
        strike=listing.strike[rows],
        is_call=listing.is_call[rows],
        expiration=listing.expiration[rows],
    )


def spot_at(day: RecordedDay, at_ms: int) -> float:
    """Return the close of the underlying's last trade bar that ended by `at_ms`; NaN before the first."""
    trades = day.stock.trades
    return float(trades.trade.price[trades.series.last(np.zeros(1, np.int64), at_ms)[0]])


def _clear_mid(quote: QuoteColumns) -> Floats:
    """Return the mids of two-sided quotes that are not crossed, NaN elsewhere."""
    clear = (quote.bid > 0) & (quote.ask >= quote.bid)
    return np.asarray(np.where(clear, (quote.bid + quote.ask) / 2, np.nan))
