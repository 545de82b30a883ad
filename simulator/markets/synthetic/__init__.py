"""A seeded market: underlyings that move by the second, option chains that look like real ones."""

from simulator.markets.synthetic.market import DEFAULT_DAY, SyntheticMarket
from simulator.markets.synthetic.universe import UNDERLYINGS, Underlying

__all__ = ["DEFAULT_DAY", "UNDERLYINGS", "SyntheticMarket", "Underlying"]
