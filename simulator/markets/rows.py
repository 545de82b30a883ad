"""Chain columns read as snapshots, one at a time and only when asked."""

import math
from collections.abc import Sequence
from typing import overload

from kernel.domain.clock import moment
from simulator.markets.columns import BarColumns, ChainColumns, QuoteColumns, TradeColumns
from simulator.markets.market import Bar, Greeks, OptionSnapshot, Quote, Trade


class SnapshotRows(Sequence[OptionSnapshot]):
    """A sequence view of a chain; building a thousand snapshots that nobody reads would cost the venue its latency."""

    def __init__(self, columns: ChainColumns) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns.listing)

    @overload
    def __getitem__(self, index: int) -> OptionSnapshot: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[OptionSnapshot]: ...
    def __getitem__(self, index: int | slice) -> OptionSnapshot | Sequence[OptionSnapshot]:
        if isinstance(index, slice):
            return [snapshot_at(self._columns, i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            msg = f"chain has {len(self)} rows, index was {index}"
            raise IndexError(msg)
        return snapshot_at(self._columns, index % len(self))


def snapshot_at(columns: ChainColumns, row: int) -> OptionSnapshot:
    """Return one row as a snapshot; absent blocks are None."""
    volatility = float(columns.implied_volatility[row])
    return OptionSnapshot(
        symbol=columns.listing.symbols[row],
        quote=quote_at(columns.quote, row),
        trade=trade_at(columns.trade, row),
        day_bar=bar_at(columns.day_bar, row),
        minute_bar=bar_at(columns.minute_bar, row),
        previous_day_bar=bar_at(columns.previous_day_bar, row),
        implied_volatility=None if math.isnan(volatility) else volatility,
        greeks=_greeks_at(columns, row),
    )


def quote_at(quote: QuoteColumns, row: int) -> Quote | None:
    """Return one quote, or None where there never was one."""
    if not quote.at_us[row]:
        return None
    return Quote(
        at=moment(int(quote.at_us[row])),
        bid=float(quote.bid[row]),
        bid_size=int(quote.bid_size[row]),
        ask=float(quote.ask[row]),
        ask_size=int(quote.ask_size[row]),
    )


def trade_at(trade: TradeColumns, row: int) -> Trade | None:
    """Return one trade, or None where there was none."""
    if not trade.at_us[row]:
        return None
    at = moment(int(trade.at_us[row]))
    return Trade(at=at, price=float(trade.price[row]), size=int(trade.size[row]))


def bar_at(bar: BarColumns, row: int) -> Bar | None:
    """Return one bar, or None where nothing traded."""
    if not bar.at_us[row]:
        return None
    return Bar(
        at=moment(int(bar.at_us[row])),
        open=float(bar.open[row]),
        high=float(bar.high[row]),
        low=float(bar.low[row]),
        close=float(bar.close[row]),
        volume=int(bar.volume[row]),
        trades=int(bar.trades[row]),
        vwap=float(bar.vwap[row]),
    )


def _greeks_at(columns: ChainColumns, row: int) -> Greeks | None:
    greeks = columns.greeks
    if math.isnan(greeks.delta[row]):
        return None
    return Greeks(
        delta=float(greeks.delta[row]),
        gamma=float(greeks.gamma[row]),
        theta=float(greeks.theta[row]),
        vega=float(greeks.vega[row]),
        rho=float(greeks.rho[row]),
    )
