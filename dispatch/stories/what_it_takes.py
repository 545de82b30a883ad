"""Which account would have been large enough. Pure.

Entry points: `smallest_amount`, `accounts_for`.
1. Whole dollars: an amount that is returned is enough. Under the step table it is the smallest such; under the smooth
   scaling, whose percentage is rounded, it may be some dollars more.
2. More money can mean a smaller risk budget (`dispatch explain size` shows the cliffs of the step table), so an account
   smaller than the present one may have done as well. Between two bounds of the table, and between two anchors
   of the smooth scaling, what is left over rises and then falls at most once: each such piece is searched by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from itertools import pairwise

from kernel.domain.options import Strategy
from kernel.domain.params import SizerParams
from kernel.domain.tiers import RiskBudget, risk_budget

#: Where the search ends: no account here is larger.
_MOST_USD = 10**9


@dataclass(frozen=True, slots=True)
class EnoughAccount:
    """An account, all of it buying power, that one contract would have fitted, with its risk budget."""

    amount_usd: int
    budget: RiskBudget

    @property
    def text(self) -> str:
        """As told: $11,200 (medium, 6.25% = $700.00 per trade)."""
        budget = self.budget
        pct = f"{budget.risk_pct.normalize():f}%"
        return f"${self.amount_usd:,} ({budget.tier.name}, {pct} = ${budget.budget_usd:,.2f} per trade)"


def accounts_for(
    *,
    risk_usd: Decimal,
    cost_usd: Decimal,
    in_flight_usd: Decimal,
    strategy: Strategy,
    present_usd: Decimal,
    params: SizerParams,
) -> list[EnoughAccount]:
    """Return the smallest account that one contract fits, and the smallest above `present_usd` if that is another.

    One contract risks `risk_usd` and costs `cost_usd`; tickets in flight hold `in_flight_usd`.
    """

    def budget(amount: int) -> RiskBudget:
        return risk_budget(Decimal(amount), Decimal(amount) - in_flight_usd, strategy, params)

    def left_over(amount: int) -> Decimal:
        return min(budget(amount).budget_usd - risk_usd, amount - in_flight_usd - cost_usd)

    breaks = [t.up_to_usd for t in params.tiers if t.up_to_usd is not None]
    breaks += [a.amount_usd for a in params.smooth_anchors] if params.risk_scaling == "smooth" else []
    above = int(present_usd.to_integral_value(ROUND_FLOOR)) + 1
    found = [smallest_amount(left_over, breaks, at_least=start) for start in (1, max(1, above))]
    return [EnoughAccount(amount, budget(amount)) for amount in dict.fromkeys(found) if amount is not None]


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
