"""What the options of one underlying may cost at their worst, and which of the short ones nothing covers.

Entry points: `shortfall`, `maintenance_usd`. A lot is (option, signed quantity); all lots are of one underlying.

1. A long option covers a short one of the same right that expires no later, whatever their strikes.
2. Margin is the universal spread rule (Alpaca's Level 3 page; Cboe rule filing SR-CBOE-2012-043): premiums ignored,
   the exercise payoff of everything still alive at an expiration, at its worst price; the largest expiration counts.
   A piecewise linear payoff is at its worst at 0 or at a strike once no short call is left uncovered.
3. Short calls covered by shares need none: the shares are what is delivered.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.options import OptionSymbol, Right

Lot = tuple[OptionSymbol, int]
_NOTHING = Decimal(0)


def shortfall(lots: Sequence[Lot], right: Right, pending: Sequence[Sequence[Lot]] = ()) -> int:
    """Return how many short contracts of `right` no long contract covers, whichever of `pending` come to pass.

    `pending` holds what each open order would still change. Cover is counted at every expiration, over what lives that
    long; an order counts there only if it takes cover away.
    """
    days = {option.expiration for part in (lots, *pending) for option, _ in part}
    return max((-_least_cover(lots, pending, right, day) for day in days), default=0)


def maintenance_usd(lots: Sequence[Lot]) -> Decimal:
    """Return the margin of one underlying's options, USD; shares are taken to cover what longs do not."""
    at_risk = _without_covered_calls(lots)
    if all(qty >= 0 for _, qty in at_risk):
        return _NOTHING
    expirations = {option.expiration for option, _ in at_risk}
    return max(_worst_loss_usd([lot for lot in at_risk if lot[0].expiration >= day]) for day in expirations)


def _worst_loss_usd(lots: Sequence[Lot]) -> Decimal:
    prices = {_NOTHING, *(option.strike for option, _ in lots)}
    worst = min(sum((_payoff(option, price) * qty for option, qty in lots), _NOTHING) for price in prices)
    return max(-worst, _NOTHING) * CONTRACT_MULTIPLIER


def _payoff(option: OptionSymbol, price: Decimal) -> Decimal:
    gain = price - option.strike if option.right is Right.CALL else option.strike - price
    return max(gain, _NOTHING)


def _least_cover(lots: Sequence[Lot], pending: Sequence[Sequence[Lot]], right: Right, day: date) -> int:
    """Return what is held net at `day`, 0 at most, if every order that lessens it trades."""
    held = _cover(lots, right, day) + sum(min(_cover(move, right, day), 0) for move in pending)
    return min(held, 0)


def _cover(lots: Sequence[Lot], right: Right, day: date) -> int:
    return sum(qty for option, qty in lots if option.right is right and option.expiration >= day)


def _without_covered_calls(lots: Sequence[Lot]) -> list[Lot]:
    """Drop the short calls that shares cover: of those that no long covers, the lowest strikes first."""
    left = dict(lots)
    while True:
        calls = [(option, qty) for option, qty in left.items() if option.right is Right.CALL]
        missing = _latest_shortfall(calls)
        if missing is None:
            return [(option, qty) for option, qty in left.items() if qty]
        day, count = missing
        option = min(
            (option for option, qty in calls if qty < 0 and option.expiration >= day),
            key=lambda option: (option.strike, option.expiration),
        )
        left[option] += min(count, -left[option])


def _latest_shortfall(calls: Sequence[Lot]) -> tuple[date, int] | None:
    """Return the latest expiration that lacks cover and by how much."""
    for day in sorted({option.expiration for option, _ in calls}, reverse=True):
        net = sum(qty for option, qty in calls if option.expiration >= day)
        if net < 0:
            return day, -net
    return None
