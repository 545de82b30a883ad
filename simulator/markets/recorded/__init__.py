"""A market replayed from a recorded day in LEAN's folder layout."""

from simulator.markets.recorded.archive import recordings
from simulator.markets.recorded.market import RecordedMarket

__all__ = ["RecordedMarket", "recordings"]
