"""How much money one contract would have taken. Pure.

Entry points: `what_it_takes` (told), `enough_for`, `smallest_amount`.
1. Whole dollars: an amount that is returned is enough. Under the step table it is the smallest such; under the smooth
   scaling, whose percentage is rounded, it may be some dollars more.
2. More money can mean a smaller risk budget (`dispatch explain size` shows the cliffs of the step table), so an account
   smaller than the present one may have done as well. Between two bounds of the table, and between two anchors
   of the smooth scaling, what is left over rises and then falls at most once: each such piece is searched by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from functools import partial
from itertools import pairwise

from kernel.domain.options import Strategy
from kernel.domain.params import SizerParams
from kernel.domain.tiers import RiskBudget, risk_budget

#: Where the search ends: no account here is larger.
_MOST_USD = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One contract risks `risk_usd` and costs `cost_usd`; tickets in flight hold `in_flight_usd`."""

    risk_usd: Decimal
    cost_usd: Decimal
    in_flight_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Enough:
    """An amount that one contract would have fitted, and the risk budget it gives."""

    amount_usd: int
    budget: RiskBudget

    @property
    def text(self) -> str:
        """As told: $11,200 (medium, 6.25% = $700.00 per trade)."""
        budget = self.budget
        pct = f"{budget.risk_pct.normalize():f}%"
        return f"${self.amount_usd:,} ({budget.tier.name}, {pct} = ${budget.budget_usd:,.2f} per trade)"


def what_it_takes(
    need: Need, strategy: Strategy, equity_usd: Decimal, buying_power_usd: Decimal, params: SizerParams
) -> str | None:
    """Return in words what would have been enough for one contract, or None where nothing would."""
    more, smaller = enough_for(need, strategy, equity_usd, buying_power_usd, params)
    if more is None:
        return None
    told = f"options buying power that one contract would have fitted: {more.text}"
    if more.amount_usd < equity_usd:
        told += f", at the equity of ${equity_usd:,.2f}"
    if need.in_flight_usd:
        told += f", ${need.in_flight_usd:,.2f} of it in flight"
    if smaller is None:
        return told
    return f"{told}; so would a smaller account, which may risk a larger share: {smaller.text}"


def enough_for(
    need: Need, strategy: Strategy, equity_usd: Decimal, buying_power_usd: Decimal, params: SizerParams
) -> tuple[Enough | None, Enough | None]:
    """Return the smallest larger buying power at this equity, and the smaller account that may risk a larger share.

    The second is None where there is none. Its equity is its buying power.
    """
    breaks = [t.up_to_usd for t in params.tiers if t.up_to_usd is not None]
    breaks += [a.amount_usd for a in params.smooth_anchors] if params.risk_scaling == "smooth" else []
    above = int(buying_power_usd.to_integral_value(ROUND_FLOOR)) + 1
    at_equity = partial(_budget, need, strategy, equity_usd, params)
    by_itself = partial(_budget, need, strategy, Decimal(0), params)
    more = _search(need, at_equity, breaks, max(1, above))
    smaller = _search(need, by_itself, breaks, 1)
    present = risk_budget(equity_usd, buying_power_usd, strategy, params)
    if smaller is None or smaller.amount_usd >= equity_usd or smaller.budget.risk_pct <= present.risk_pct:
        return more, None
    return more, smaller


def _budget(
    need: Need, strategy: Strategy, equity_usd: Decimal, params: SizerParams, amount: int
) -> RiskBudget:
    """Return what a trade may risk with `amount` of buying power; the tier is the larger's, as in the sizer."""
    return risk_budget(max(equity_usd, Decimal(amount)), amount - need.in_flight_usd, strategy, params)


def _search(
    need: Need, budget: Callable[[int], RiskBudget], breaks: Sequence[Decimal], at_least: int
) -> Enough | None:
    def left_over(amount: int) -> Decimal:
        return min(budget(amount).budget_usd - need.risk_usd, amount - need.in_flight_usd - need.cost_usd)

    found = smallest_amount(left_over, breaks, at_least=at_least)
    return None if found is None else Enough(found, budget(found))


def smallest_amount(
    left_over: Callable[[int], Decimal], breaks: Sequence[Decimal], *, at_least: int = 1
) -> int | None:
    """Return the smallest whole amount from `at_least` on where `left_over` is not negative, or None.

    `breaks` are the last amounts of the pieces on each of which `left_over` rises and then falls at most once.
    """
    inside = sorted({int(b.to_integral_value(ROUND_FLOOR)) for b in breaks if at_least <= b < _MOST_USD})
    for before, last in pairwise([at_least - 1, *inside, _MOST_USD]):
        first = before + 1
        highest = _highest(left_over, first, last)
        if left_over(highest) >= 0:
            return _first_not_negative(left_over, first, highest)
    return None


def _highest(value: Callable[[int], Decimal], low: int, high: int) -> int:
    """Return where a value that rises and then falls is highest; far points are compared, rounding moves near ones."""
    while high - low > 2:
        third = (high - low) // 3
        if value(low + third) < value(high - third):
            low += third + 1
        else:
            high -= third + 1
    return max(range(low, high + 1), key=value)


def _first_not_negative(rising: Callable[[int], Decimal], low: int, high: int) -> int:
    while low < high:
        middle = (low + high) // 2
        if rising(middle) >= 0:
            high = middle
        else:
            low = middle + 1
    return low
