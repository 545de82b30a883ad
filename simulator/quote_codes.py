"""Exchanges, conditions and tape that the venue writes on every quote and trade, in REST answers and streams alike."""

from kernel.domain.clock import microseconds
from simulator.markets.market import Trade

OPTION_EXCHANGE = "C"
OPTION_QUOTE_CONDITION = "A"
OPTION_TRADE_CONDITION = "I"
STOCK_EXCHANGE = "V"
STOCK_QUOTE_CONDITIONS = ["R"]
STOCK_TRADE_CONDITIONS = ["@"]
STOCK_TAPE = "C"

#: Option exchange codes (OPRA participants) and their names.
OPTION_EXCHANGES = {
    "A": "NYSE American Options",
    "B": "Boston Options Exchange",
    "C": "Cboe Options Exchange",
    "D": "Miami Emerald Options Exchange",
    "E": "Cboe EDGX Options Exchange",
    "H": "ISE Gemini",
    "I": "International Securities Exchange",
    "J": "MRX Options Exchange",
    "M": "Miami International Stock Exchange",
    "N": "NYSE Arca Options",
    "O": "OPRA",
    "P": "Miami Pearl Options Exchange",
    "Q": "NASDAQ Options",
    "S": "NASDAQ BX Options",
    "T": "MEMX Options Exchange",
    "U": "Members Exchange",
    "W": "C2 Options Exchange",
    "X": "NASDAQ PHLX",
    "Z": "Cboe BZX Options Exchange",
}


def trade_id(trade: Trade) -> int:
    """Return a stock trade's number: its time, as no two trades of a symbol share one."""
    return microseconds(trade.at)
