"""A seeded market: underlyings that move by the second, option chains that look like real ones."""

from simulator.markets.synthetic.market import DEFAULT_DAY, SyntheticMarket
from simulator.markets.synthetic.universe import INDEXES, UNDERLYINGS, Underlying

__all__ = ["DEFAULT_DAY", "INDEXES", "UNDERLYINGS", "SyntheticMarket", "Underlying"]
