"""Amounts as the venue writes them."""

from decimal import Decimal


def money_text(amount: Decimal) -> str:
    """Write without exponent or trailing zeros: 100000.00 → "100000", 6.050 → "6.05"."""
    if amount == 0:
        return "0"
    return format(amount.normalize(), "f")
