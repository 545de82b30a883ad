"""The walk of a limit price: from the mid towards the far side, a tick-wise step at a time, then rest, then cancel.

Entry points: `step_price` (the price of one step), `decide` (what to do with a working order now; `due_step`: whether
there is anything to decide), `slippage_usd`.
Prices are USD per share, and signed: what a buyer pays is positive, what a seller takes and a credit of several legs
are negative. So every order walks upwards, towards paying more or taking less, and one arithmetic serves all of them.

1. A step is never beyond the far side of the quote, nor the collar around its mid, nor the ticket's bound.
2. A later step is never better for us than an earlier one on the same quote; a walk never goes back.
3. Every step is on the tick, rounded to the side that costs us less.
4. The sign never flips, and no step is zero: a credit stays one tick of credit at least.
5. Without a usable quote nothing is replaced; the end of the walk comes all the same.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from kernel.domain.money import CONTRACT_MULTIPLIER, MICRO, floor_to_tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How to walk: `steps` steps of `step_s` market seconds, `rest_s` at the last one; `collar_pct` of the mid."""

    steps: int
    step_s: float
    rest_s: float
    collar_pct: Decimal
    tick_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """The quote now, signed: the price in the middle, and the one at which a counterparty stands ready."""

    mid: Decimal
    far: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """An order at the venue, signed: its limit and what it must never pass; when its walk and this attempt began."""

    limit: Decimal
    bound: Decimal
    walk_began_at: datetime
    attempt_began_at: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave the order as it is."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reprice:
    """Ask for the unfilled rest at another limit; `step` says how far the walk is."""

    limit: Decimal
    step: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Cancel the unfilled rest: the walk is over."""

    reason: str


Move = Wait | Reprice | GiveUp


def market_of_buyer(bid: Decimal, ask: Decimal) -> Market | None:
    """Return the market for one who buys at this quote, or None when it cannot be used: missing, crossed or NaN."""
    return Market(mid=(bid + ask) / 2, far=ask) if _is_usable(bid, ask) else None


def market_of_seller(bid: Decimal, ask: Decimal) -> Market | None:
    """Return the market for one who sells at this quote, or None when it cannot be used."""
    return Market(mid=-(bid + ask) / 2, far=-bid) if _is_usable(bid, ask) else None


def step_price(step: int, market: Market, bound: Decimal, walk: Walk) -> Decimal | None:
    """Return the limit of step 0 (the mid) to `walk.steps` (the far side); None when the bounds leave no price."""
    share = Decimal(min(max(step, 0), walk.steps)) / walk.steps
    collar = market.mid + abs(market.mid) * walk.collar_pct / 100
    highest = min(market.far, collar, bound)
    wanted = market.mid + (market.far - market.mid) * share
    price = floor_to_tick(min(wanted, highest), walk.tick_usd)
    if market.mid < 0:
        return min(price, -walk.tick_usd)
    return price if price > 0 else None


def decide(now: datetime, working: Working, market: Market | None, walk: Walk) -> Move:
    """Return what to do at the market time `now` with an order that works at the venue."""
    step = due_step(now, working, walk)
    if not isinstance(step, int):
        return step
    if market is None:
        return Wait("there is no usable quote")
    price = step_price(step, market, working.bound, walk)
    if price is None or price <= working.limit:
        return Wait("no bound leaves a better price")
    return Reprice(price, step)


def due_step(now: datetime, working: Working, walk: Walk) -> int | Wait | GiveUp:
    """Return the step whose time has come, if one's has: a quote is needed only then."""
    elapsed_s = (now - working.walk_began_at).total_seconds()
    if elapsed_s >= walk.steps * walk.step_s + walk.rest_s:
        return GiveUp(f"not filled after {walk.steps} steps and {walk.rest_s:g} s of rest")
    if elapsed_s >= (walk.steps + 1) * walk.step_s:
        return Wait("the last step rests")
    step = int(elapsed_s // walk.step_s)
    begun_s = (working.attempt_began_at - working.walk_began_at).total_seconds()
    # An attempt that was late shortens its own time, not that of the steps after it; half a step it always has.
    if step <= begun_s // walk.step_s or elapsed_s - begun_s < walk.step_s / 2:
        return Wait("this step's time is not over")
    return step


def slippage_usd(average_fill_price: Decimal | None, mid: Decimal, filled_contracts: int) -> Decimal | None:
    """Return what the fills cost beyond the decision's mid, prices signed as above; None before the first fill."""
    if average_fill_price is None:
        return None
    return ((average_fill_price - mid) * filled_contracts * CONTRACT_MULTIPLIER).quantize(MICRO)


def _is_usable(bid: Decimal, ask: Decimal) -> bool:
    return bid.is_finite() and ask.is_finite() and 0 <= bid <= ask and ask > 0
