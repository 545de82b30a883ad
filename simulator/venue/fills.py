"""At what price, and for how much, an order trades against a quote.

1. Nothing trades without a quote on the side it takes.
2. A limit never trades beyond its limit price.
3. Every throw is a function of the seed and the order: a run repeats itself.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from kernel.domain.money import mid_price, round_to_tick
from simulator.venue.orders import Order, Side


class FillModel(StrEnum):
    """How a limit order trades.

    NBBO: Alpaca's paper rule, only when marketable, at the far side of the quote.
    MID: a limit at or better than the mid rounded to the tick fills at its limit; else like NBBO.
    """

    NBBO = "nbbo"
    MID = "mid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nbbo:
    """Best bid and ask in USD per share; None where nobody quotes."""

    bid: Decimal | None
    ask: Decimal | None

    @property
    def mid(self) -> Decimal | None:
        """The exact midpoint, or None when a side is missing."""
        return None if self.bid is None or self.ask is None else mid_price(self.bid, self.ask)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRules:
    """The venue's settings of filling; `latency_ms` is a uniform range, `partial_pct` the share of partial fills."""

    model: FillModel = FillModel.NBBO
    latency_ms: tuple[float, float] = (20.0, 60.0)
    partial_pct: float = 0.0
    seed: int = 0

    def latency(self, order_key: str) -> timedelta:
        """Return how long an order takes to reach the market, in real time."""
        low, high = self.latency_ms
        return timedelta(milliseconds=low + (high - low) * roll(self.seed, f"{order_key}:latency"))

    def quantity(self, order: Order) -> int:
        """Return how many of the open contracts an eligible fill takes: usually all, seldom fewer."""
        open_qty, throw = order.open_qty, f"{order.id}:{order.filled_qty}"
        if open_qty < 2 or roll(self.seed, f"{throw}:partial") * 100 >= self.partial_pct:
            return open_qty
        return 1 + int(roll(self.seed, f"{throw}:size") * (open_qty - 1))


def fill_price(model: FillModel, order: Order, quote: Nbbo) -> Decimal | None:
    """Return the price per share at which `order` trades now, or None when it does not."""
    far = quote.ask if order.side is Side.BUY else quote.bid
    if far is None:
        return None
    limit = order.limit_price
    if limit is None or not _is_beyond(far, limit, order.side):
        return far
    patient = model is FillModel.MID and quote.mid is not None and _reaches_mid(limit, quote.mid, order.side)
    return limit if patient else None


def roll(seed: int, key: str) -> float:
    """Return a number in [0, 1) that depends on the arguments alone."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _is_beyond(far: Decimal, limit: Decimal, side: Side) -> bool:
    """Tell whether the far side asks for more than the limit allows."""
    return far > limit if side is Side.BUY else far < limit


def _reaches_mid(limit: Decimal, mid: Decimal, side: Side) -> bool:
    rounded = round_to_tick(mid)
    return limit >= rounded if side is Side.BUY else limit <= rounded
