"""At what price, and for how much, an order trades against the quotes it meets.

Entry points: `FillRules.execution` (what trades now), `FillRules.latency`, `is_triggered` (stop orders).

1. Nothing trades without a quote on the side it takes, nor against a crossed one; legs need one each.
2. A limit is never violated: net of all legs, a buy pays at most, a sell receives at least its limit price.
3. No net price is better than the mid (except that MID fills a limit at its rounded mid) or worse than the far side.
4. Legs trade together, at prices whose sum is the order's net price.
5. Every throw is a function of the seed and the order: a run repeats itself.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Protocol

from kernel.domain.money import CENT, round_to_tick
from simulator.venue.orders import Order, Side
from simulator.venue.quotes import Nbbo, QuoteOf

__all__ = [
    "Execution",
    "FillGate",
    "FillModel",
    "FillRules",
    "Nbbo",
    "is_triggered",
    "net_price",
    "roll",
    "spread_share",
]

#: The share of half the spread that `honest` pays: three quarters with one leg, 0.56 with four;
#: linear between. Complex orders trade nearer to the mid, the more legs share the market maker's risk.
_SHARE_OF_ONE_LEG = Decimal("0.75")
_SHARE_OF_FOUR_LEGS = Decimal("0.56")
_HALF = Decimal("0.5")
#: A leg's price to a hundredth of a cent: a contract's is then whole cents.
_FINE = Decimal("0.0001")


class FillModel(StrEnum):
    """How an order trades.

    NBBO: Alpaca's paper rule, only when marketable, at the far side of the quote, whatever the quoted size.
    MID: a limit at or better than the mid rounded to the tick fills at its limit; else like NBBO.
    HONEST: pays a share of half the spread, less with more legs, and takes no more than the quoted size.
    """

    NBBO = "nbbo"
    MID = "mid"
    HONEST = "honest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What of an order trades now: `qty` units, its `parts` at `prices` USD per share, one for each."""

    qty: int
    prices: tuple[Decimal, ...]


class FillGate(Protocol):
    """What the outside may impose on fills."""

    def is_shut(self, order: Order, now: datetime) -> bool:
        """Tell whether an order that would fill may not yet: a halt, or a fill that comes late."""
        ...

    def forces_part(self, order: Order, now: datetime) -> bool:
        """Tell whether an order that fills now must fill in part."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRules:
    """The venue's settings of filling; `latency_ms` is a uniform range, `partial_pct` the share of partial fills."""

    model: FillModel = FillModel.NBBO
    latency_ms: tuple[float, float] = (20.0, 60.0)
    partial_pct: float = 0.0
    seed: int = 0
    gate: FillGate | None = None

    def latency(self, order_key: str) -> timedelta:
        """Return how long an order takes to reach the market, in real time."""
        low, high = self.latency_ms
        return timedelta(milliseconds=low + (high - low) * roll(self.seed, f"{order_key}:latency"))

    def execution(self, order: Order, quote_of: QuoteOf, now: datetime) -> Execution | None:
        """Return what of a working order trades now, or None; a stop order must have been triggered."""
        sides = [_Side.of(part, quote_of(part.symbol)) for part in order.parts]
        prices = _prices(self.model, order, sides)
        if prices is None or (self.gate and self.gate.is_shut(order, now)):
            return None
        qty = self._quantity(order, sides, now)
        return Execution(qty=qty, prices=prices) if qty else None

    def _quantity(self, order: Order, sides: "list[_Side]", now: datetime) -> int:
        """Return how many open units an eligible fill takes: usually all, seldom fewer."""
        qty = order.open_qty if self.model is not FillModel.HONEST else _quoted_qty(order, sides, now)
        throw = f"{order.id}:{order.filled_qty}"
        if qty < 2 or not self._is_partial(order, throw, now):
            return qty
        return 1 + int(roll(self.seed, f"{throw}:size") * (qty - 1))

    def _is_partial(self, order: Order, throw: str, now: datetime) -> bool:
        if roll(self.seed, f"{throw}:partial") * 100 < self.partial_pct:
            return True
        return self.gate is not None and self.gate.forces_part(order, now)


def is_triggered(order: Order, quote: Nbbo) -> bool:
    """Tell whether a stop order becomes live: the side it would trade at reached its stop price."""
    if order.side is None or order.stop_price is None:
        return False
    far = _far(order.side, quote)
    return far is not None and (
        far >= order.stop_price if order.side is Side.BUY else far <= order.stop_price
    )


def net_price(order: Order, prices: Sequence[Decimal]) -> Decimal:
    """Return what a unit trades at when its parts do at `prices`: net for legs (above 0 is paid), USD per share."""
    if not order.legs:
        return prices[0]
    priced = zip(order.legs, prices, strict=True)
    return sum((price * leg.side.sign * leg.ratio_qty for leg, price in priced if leg.side), Decimal(0))


def spread_share(legs: int) -> Decimal:
    """Return the share of half the spread that an order with `legs` legs (1 to 4) pays under `honest`."""
    return _SHARE_OF_ONE_LEG + (_SHARE_OF_FOUR_LEGS - _SHARE_OF_ONE_LEG) * (legs - 1) / 3


def roll(seed: int, key: str) -> float:
    """Return a number in [0, 1) that depends on the arguments alone."""
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


@dataclass(frozen=True, slots=True)
class _Side:
    """One part of an order against its quote, in signed prices: a sale's are negative, so that less is always better."""

    sign: int
    ratio: int
    near: Decimal | None
    mid: Decimal | None
    far: Decimal | None
    units: int | None

    @property
    def is_crossed(self) -> bool:
        """Tell whether buying costs less than selling brings."""
        return self.near is not None and self.far is not None and self.far < self.near

    @classmethod
    def of(cls, part: Order, quote: Nbbo) -> "_Side":
        assert part.side is not None, "an order without a side has legs"
        sign, buys = part.side.sign, part.side is Side.BUY
        size = quote.ask_size if buys else quote.bid_size
        return cls(
            sign=sign,
            ratio=part.ratio_qty,
            near=_signed(sign, quote.bid if buys else quote.ask),
            mid=_signed(sign, quote.mid),
            far=_signed(sign, _far(part.side, quote)),
            units=None if size is None else size // part.ratio_qty,
        )


def _prices(model: FillModel, order: Order, sides: list[_Side]) -> tuple[Decimal, ...] | None:
    """Return a price for each part at which `order` trades now, or None when it does not."""
    far = [side.far for side in sides if side.far is not None]
    if len(far) < len(sides) or any(side.is_crossed for side in sides):
        return None
    limit = _limit(order)
    if model is FillModel.HONEST:
        return _within(limit, _between(sides, far, spread_share(len(sides))), sides)
    marketable = _within(limit, far, sides)
    if marketable or model is FillModel.NBBO or limit is None:
        return marketable
    return _patient(sides, far, limit)


def _patient(sides: list[_Side], far: list[Decimal], limit: Decimal) -> tuple[Decimal, ...] | None:
    """Fill at the limit where it reaches the mid rounded to the tick."""
    mids = [side.mid for side in sides if side.mid is not None]
    if len(mids) < len(sides):
        return None
    if len(sides) == 1:
        sign = sides[0].sign
        mid = round_to_tick(mids[0] * sign) * sign
        return (limit * sign,) if limit >= mid else None
    net, worst = _net(sides, mids), _net(sides, far)
    if limit < round_to_tick(net):
        return None
    # Every leg goes the same part of its way to the far side; the first takes what the rounding leaves.
    share = (limit - net) / (worst - net) if worst > net else Decimal(0)
    others = [(mid + (end - mid) * share).quantize(_FINE) for mid, end in zip(mids[1:], far[1:], strict=True)]
    first = (limit - _net(sides[1:], others)) / sides[0].ratio
    prices = [first.quantize(_FINE, rounding=ROUND_FLOOR), *others]
    return _within(limit, prices, sides)


def _between(sides: list[_Side], far: list[Decimal], share: Decimal) -> list[Decimal]:
    """Return signed prices on the tick, `share` of the way from mid to far side; the rounding evens out over the legs.

    The last leg rounds against the order, and no leg leaves its quote. A side without a mid trades at its far side.
    """
    prices: list[Decimal] = []
    carried = Decimal(0)
    for index, (side, worst) in enumerate(zip(sides, far, strict=True)):
        wanted = worst if side.mid is None else side.mid + (worst - side.mid) * share
        wanted += carried / side.ratio
        is_last = index + 1 == len(sides)
        rounded = _to_cent(wanted, ROUND_CEILING) if is_last else _to_cent(wanted + CENT * _HALF, ROUND_FLOOR)
        price = min(rounded, worst) if side.near is None else max(min(rounded, worst), side.near)
        carried = (wanted - price) * side.ratio
        prices.append(price)
    return prices


def _within(
    limit: Decimal | None, signed_prices: list[Decimal], sides: list[_Side]
) -> tuple[Decimal, ...] | None:
    """Return plain prices if their net keeps within the signed limit."""
    if limit is not None and _net(sides, signed_prices) > limit:
        return None
    return tuple(price * side.sign for price, side in zip(signed_prices, sides, strict=True))


def _net(sides: list[_Side], signed_prices: list[Decimal]) -> Decimal:
    return sum((price * side.ratio for price, side in zip(signed_prices, sides, strict=True)), Decimal(0))


def _limit(order: Order) -> Decimal | None:
    """Return the limit as a signed net price: legs have it so, a sale's is negative."""
    if order.limit_price is None or order.side is None:
        return order.limit_price
    return order.limit_price * order.side.sign


def _quoted_qty(order: Order, sides: list[_Side], now: datetime) -> int:
    """Return the open units that every quote has room for; an order takes the size of one second's quote once."""
    if order.filled_qty and now.replace(microsecond=0) <= order.updated_at.replace(microsecond=0):
        return 0
    return min(order.open_qty, *(order.open_qty if side.units is None else side.units for side in sides))


def _to_cent(price: Decimal, rounding: str) -> Decimal:
    return price.quantize(CENT, rounding=rounding)


def _signed(sign: int, price: Decimal | None) -> Decimal | None:
    return None if price is None else price * sign


def _far(side: Side, quote: Nbbo) -> Decimal | None:
    return quote.ask if side is Side.BUY else quote.bid
