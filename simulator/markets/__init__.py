"""Where prices come from: a seeded synthetic market, or recorded days."""

from simulator.markets.market import Market
from simulator.markets.open import open_market

__all__ = ["Market", "open_market"]
