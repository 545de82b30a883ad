"""Market data as messages of a stream."""

from simulator.feeds.wire import MarketMessage
from simulator.markets.market import Bar, Quote, Trade
from simulator.quote_codes import (
    OPTION_EXCHANGE,
    OPTION_QUOTE_CONDITION,
    OPTION_TRADE_CONDITION,
    STOCK_EXCHANGE,
    STOCK_QUOTE_CONDITIONS,
    STOCK_TAPE,
    STOCK_TRADE_CONDITIONS,
    trade_id,
)

#: What a bar's message type is by its channel.
_BAR_TYPES = {"bars": "b", "updatedBars": "u", "dailyBars": "d"}


def option_trade(symbol: str, trade: Trade) -> MarketMessage:
    """Return an option's trade; its condition is text."""
    told = {"T": "t", "S": symbol, "t": trade.at, "p": trade.price, "s": trade.size}
    return MarketMessage("trades", symbol, {**told, "x": OPTION_EXCHANGE, "c": OPTION_TRADE_CONDITION})


def option_quote(symbol: str, quote: Quote) -> MarketMessage:
    """Return an option's quote; its condition is text."""
    told = {"T": "q", "S": symbol, "t": quote.at, **_sides(quote, OPTION_EXCHANGE)}
    return MarketMessage("quotes", symbol, {**told, "c": OPTION_QUOTE_CONDITION})


def stock_trade(symbol: str, trade: Trade) -> MarketMessage:
    """Return a stock's trade; its conditions are a list."""
    told = {"T": "t", "S": symbol, "i": trade_id(trade), "x": STOCK_EXCHANGE, "p": trade.price}
    rest = {"s": trade.size, "c": STOCK_TRADE_CONDITIONS, "z": STOCK_TAPE, "t": trade.at}
    return MarketMessage("trades", symbol, {**told, **rest})


def stock_quote(symbol: str, quote: Quote) -> MarketMessage:
    """Return a stock's quote; its conditions are a list."""
    told = {"T": "q", "S": symbol, **_sides(quote, STOCK_EXCHANGE)}
    rest = {"c": STOCK_QUOTE_CONDITIONS, "z": STOCK_TAPE, "t": quote.at}
    return MarketMessage("quotes", symbol, {**told, **rest})


def stock_bar(channel: str, symbol: str, bar: Bar) -> MarketMessage:
    """Return a stock's bar for `channel`."""
    prices = {"o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close}
    rest = {"v": bar.volume, "t": bar.at, "n": bar.trades, "vw": bar.vwap}
    return MarketMessage(channel, symbol, {"T": _BAR_TYPES[channel], "S": symbol, **prices, **rest})


def _sides(quote: Quote, exchange: str) -> dict[str, object]:
    bid = {"bx": exchange, "bp": quote.bid, "bs": quote.bid_size}
    return {**bid, "ax": exchange, "ap": quote.ask, "as": quote.ask_size}
