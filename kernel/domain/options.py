"""Option contracts as the trade names them: OCC symbols, rights, days to expiration."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

_OCC = re.compile(r"(?P<root>[A-Z][A-Z0-9]{0,5})(?P<expiry>[0-9]{6})(?P<right>[CP])(?P<strike>[0-9]{8})")
_STRIKE_SCALE = 1000


class Right(StrEnum):
    """Call or put."""

    CALL = "call"
    PUT = "put"


class Direction(StrEnum):
    """Which way a signal expects the underlying to move."""

    BULLISH = "bullish"
    BEARISH = "bearish"


class Strategy(StrEnum):
    """How a signal is meant to be traded; each has its own expiration window, delta band and multiplier."""

    DAY_TRADE = "day_trade"
    SWING = "swing"
    PREMIUM_SELLER = "premium_seller"


@dataclass(frozen=True, slots=True)
class OptionSymbol:
    """A contract by its OCC parts, e.g. AAPL240119C00100000. `strike` is in dollars."""

    root: str
    expiration: date
    right: Right
    strike: Decimal

    @classmethod
    def parse(cls, text: str) -> "OptionSymbol":
        """Read an OCC symbol; raises ValueError naming the text when it is none."""
        refused = (
            f"not an OCC option symbol: {text!r} (expected ROOT + YYMMDD + C|P + strike × 1000 in 8 digits)"
        )
        match = _OCC.fullmatch(text)
        if match is None:
            raise ValueError(refused)
        digits = match["expiry"]
        try:
            expiration = date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
        except ValueError as e:
            raise ValueError(refused) from e
        right = Right.CALL if match["right"] == "C" else Right.PUT
        return cls(match["root"], expiration, right, Decimal(int(match["strike"])) / _STRIKE_SCALE)

    def __str__(self) -> str:
        strike = int(self.strike * _STRIKE_SCALE)
        letter = "C" if self.right is Right.CALL else "P"
        return f"{self.root}{self.expiration:%y%m%d}{letter}{strike:08d}"


def right_for_buyer(direction: Direction) -> Right:
    """A buyer of a bullish signal buys calls, of a bearish one puts."""
    return Right.CALL if direction is Direction.BULLISH else Right.PUT
