"""What can be traded: US stocks, and options on them or on an index."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.options import OptionSymbol, Right

_STOCK = re.compile(r"[A-Z]{1,5}(\.[A-Z])?")

#: Roots of options whose underlying is an index; they are European and settle in cash (Cboe and Nasdaq product pages).
_INDEX_OF_ROOT = {
    "SPX": "SPX", "SPXW": "SPX", "XSP": "XSP", "NDX": "NDX", "NDXP": "NDX", "XND": "XND", "RUT": "RUT",
    "RUTW": "RUT", "MRUT": "MRUT", "VIX": "VIX", "VIXW": "VIX", "DJX": "DJX", "OEX": "OEX", "XEO": "XEO",
}  # fmt: skip
#: The one index option that is American; it settles in cash like the others.
_AMERICAN_INDEXES = frozenset({"OEX"})


class AssetClass(StrEnum):
    """Alpaca's names of the two classes."""

    STOCK = "us_equity"
    OPTION = "us_option"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A stock (`option` is None) or an option contract. `underlying` of a stock is the stock itself."""

    symbol: str
    underlying: str
    option: OptionSymbol | None = None

    @property
    def asset_class(self) -> AssetClass:
        """Return the class Alpaca files it under."""
        return AssetClass.OPTION if self.option else AssetClass.STOCK

    @property
    def multiplier(self) -> int:
        """Return the shares that one unit stands for."""
        return CONTRACT_MULTIPLIER if self.option else 1

    @property
    def is_cash_settled(self) -> bool:
        """Tell whether an exercise pays money instead of moving shares: so do options on an index."""
        return self.option is not None and self.option.root in _INDEX_OF_ROOT

    @property
    def is_european(self) -> bool:
        """Tell whether it may be exercised at its expiration only."""
        return self.is_cash_settled and self.underlying not in _AMERICAN_INDEXES

    def intrinsic(self, spot: Decimal) -> Decimal:
        """Return what exercising pays per share at an underlying's price of `spot`; never negative."""
        if self.option is None:
            return spot
        gain = spot - self.option.strike if self.option.right is Right.CALL else self.option.strike - spot
        return max(Decimal(0), gain)


@lru_cache(maxsize=65536)
def instrument_of(symbol: str) -> Instrument:
    """Return what `symbol` names; raises ValueError when it is neither an OCC symbol nor a stock's."""
    if _STOCK.fullmatch(symbol):
        return Instrument(symbol, symbol)
    option = OptionSymbol.parse(symbol)
    return Instrument(symbol, underlying_of_root(option.root), option)


def underlying_of_root(root: str) -> str:
    """Return the underlying of an option root: SPXW is written on SPX; a stock's root is its symbol."""
    return _INDEX_OF_ROOT.get(root, root)


def is_index(symbol: str) -> bool:
    """Tell an index, which has options but cannot be traded itself."""
    return symbol in _INDEX_OF_ROOT.values()
