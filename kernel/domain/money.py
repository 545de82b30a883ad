"""Decimal money with its rounding spelled out.

All amounts are US dollars as Decimal. Prices of options are per share; one contract is `CONTRACT_MULTIPLIER` shares.
"""

from decimal import ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal

CONTRACT_MULTIPLIER = 100
CENT = Decimal("0.01")
#: The finest amount a message or a table keeps: six decimals.
MICRO = Decimal("0.000001")
#: The venue takes two decimals from $1.00 up and four below (its rule for limit prices in general).
DEFAULT_TICK_USD = Decimal("0.01")


def to_cents(amount_usd: Decimal) -> Decimal:
    """Round to whole cents, half up, as statements do."""
    return amount_usd.quantize(CENT, rounding=ROUND_HALF_UP)


def floor_to_micro(amount: Decimal) -> Decimal:
    """Round down to six decimals: what is decided on is what is written, and money is never rounded up."""
    return amount.quantize(MICRO, rounding=ROUND_FLOOR)


def mid_price(bid: Decimal, ask: Decimal) -> Decimal:
    """Return the exact midpoint of a quote, unrounded."""
    return (bid + ask) / 2


def spread_pct(bid: Decimal, ask: Decimal) -> Decimal:
    """Return (ask − bid) ÷ mid × 100. The mid must be positive."""
    return (ask - bid) / mid_price(bid, ask) * 100


def round_to_tick(price: Decimal, tick: Decimal = DEFAULT_TICK_USD) -> Decimal:
    """Round to the nearest tick, half up: 2.525 becomes 2.53. A mid stays below an ask that lies on a tick, only then."""
    return (price / tick).quantize(Decimal(1), rounding=ROUND_HALF_UP) * tick


def floor_to_tick(price: Decimal, tick: Decimal = DEFAULT_TICK_USD) -> Decimal:
    """Round down to the tick: for a ceiling, which must never be passed."""
    return (price / tick).quantize(Decimal(1), rounding=ROUND_FLOOR) * tick


def floor_to_contracts(budget_usd: Decimal, per_contract_usd: Decimal) -> int:
    """Return how many whole contracts `budget_usd` pays for; never negative. `per_contract_usd` must be positive."""
    if per_contract_usd <= 0:
        msg = f"cost per contract must be positive, was {per_contract_usd}"
        raise ValueError(msg)
    if budget_usd <= 0:
        return 0
    return int((budget_usd / per_contract_usd).to_integral_value(rounding=ROUND_DOWN))


def usd_per_contract(price: Decimal) -> Decimal:
    """Return the dollars one contract costs at `price` per share."""
    return price * CONTRACT_MULTIPLIER


def plain(amount: Decimal) -> str:
    """Write a Decimal without exponent or trailing zeros beyond cents: 2.500000 → 2.50, 0.3125 → 0.3125."""
    text = format(amount.normalize(), "f")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(2, '0')}" if fraction else whole
