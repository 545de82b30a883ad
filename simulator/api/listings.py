"""Where well-known underlyings are listed and under which name; others are told as NASDAQ stocks named by their symbol."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listing:
    """An asset's name, and its primary exchange as Alpaca names it."""

    name: str
    exchange: str = "NASDAQ"


_KNOWN = {
    "SPY": Listing("SPDR S&P 500 ETF Trust", "ARCA"),
    "QQQ": Listing("Invesco QQQ Trust, Series 1"),
    "IWM": Listing("iShares Russell 2000 ETF", "ARCA"),
    "AAPL": Listing("Apple Inc. Common Stock"),
    "AMD": Listing("Advanced Micro Devices, Inc. Common Stock"),
    "AMZN": Listing("Amazon.com, Inc. Common Stock"),
    "GOOG": Listing("Alphabet Inc. Class C Capital Stock"),
    "GOOGL": Listing("Alphabet Inc. Class A Common Stock"),
    "MSFT": Listing("Microsoft Corporation Common Stock"),
    "NVDA": Listing("NVIDIA Corporation Common Stock"),
    "TSLA": Listing("Tesla, Inc. Common Stock"),
    "SPX": Listing("S&P 500 Index", ""),
    "NDX": Listing("Nasdaq-100 Index", ""),
    "RUT": Listing("Russell 2000 Index", ""),
    "VIX": Listing("Cboe Volatility Index", ""),
}


def listing_of(symbol: str) -> Listing:
    """Return what is known of an asset."""
    return _KNOWN.get(symbol) or Listing(symbol)
