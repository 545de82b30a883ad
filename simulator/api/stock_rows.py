"""An underlying's bars, quotes and trades as the data API writes them."""

from collections.abc import Callable
from typing import Any

from simulator.markets.market import Bar, Quote, StockSnapshot, Trade
from simulator.quote_codes import (
    STOCK_EXCHANGE,
    STOCK_QUOTE_CONDITIONS,
    STOCK_TAPE,
    STOCK_TRADE_CONDITIONS,
    trade_id,
)
from simulator.wire_time import rfc3339_nano

Row = dict[str, Any]


def bar_row(bar: Bar) -> Row:
    """Return a bar; options have the same."""
    prices = {"o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close}
    return {"t": rfc3339_nano(bar.at), **prices, "v": bar.volume, "n": bar.trades, "vw": bar.vwap}


def quote_row(quote: Quote) -> Row:
    """Return a quote; its conditions are a list, unlike an option's."""
    ask = {"ax": STOCK_EXCHANGE, "ap": quote.ask, "as": quote.ask_size}
    bid = {"bx": STOCK_EXCHANGE, "bp": quote.bid, "bs": quote.bid_size}
    return {"t": rfc3339_nano(quote.at), **ask, **bid, "c": STOCK_QUOTE_CONDITIONS, "z": STOCK_TAPE}


def trade_row(trade: Trade) -> Row:
    """Return a trade; its conditions are a list, unlike an option's."""
    told = {"t": rfc3339_nano(trade.at), "x": STOCK_EXCHANGE, "p": trade.price, "s": trade.size}
    return {**told, "c": STOCK_TRADE_CONDITIONS, "i": trade_id(trade), "z": STOCK_TAPE}


def snapshot_row(stock: StockSnapshot) -> Row:
    """Return a snapshot; a block that the market does not know is absent."""
    blocks: tuple[tuple[str, Any, Callable[[Any], Row]], ...] = (
        ("latestTrade", stock.trade, trade_row),
        ("latestQuote", stock.quote, quote_row),
        ("minuteBar", stock.minute_bar, bar_row),
        ("dailyBar", stock.day_bar, bar_row),
        ("prevDailyBar", stock.previous_day_bar, bar_row),
    )
    return {name: encode(block) for name, block, encode in blocks if block is not None}
