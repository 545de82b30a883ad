"""What speaks against a contract, with the figure and by how much it missed. Pure.

Entry point: `misses_of`.
1. A miss that only follows from another (the spread of a quote that is absent) is not told.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from kernel.domain.calendar import TradingCalendar
from kernel.domain.money import plain, usd_per_contract
from kernel.domain.params import SelectorParams, StrategyParams
from services.selector.core.ranking import RankedContract
from services.selector.core.validation import ContractReason

_R = ContractReason
#: Reason → what cannot be said any more where it applies.
_MAKES_MEANINGLESS: Mapping[ContractReason, frozenset[ContractReason]] = {
    _R.VALUE_INVALID: frozenset(_R) - {_R.VALUE_INVALID},
    _R.QUOTE_MISSING: frozenset(
        {_R.QUOTE_CROSSED, _R.QUOTE_STALE, _R.SPREAD_TOO_WIDE, _R.PREMIUM_TOO_LOW, _R.TOO_EXPENSIVE}
    ),
    _R.QUOTE_CROSSED: frozenset({_R.SPREAD_TOO_WIDE}),
    _R.EXPIRED: frozenset({_R.OUTSIDE_EXPIRATION_WINDOW, _R.EXPIRES_TODAY_TOO_LATE}),
    _R.DELTA_MISSING: frozenset({_R.DELTA_OUT_OF_BAND}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What contracts are judged by, at `now`; `budget_usd` is what one trade may risk."""

    strategy: StrategyParams
    params: SelectorParams
    budget_usd: Decimal
    calendar: TradingCalendar
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """One reason against a contract. `value` missed `limit`, both in `unit`; None where there is no such figure."""

    reason: ContractReason
    text: str
    value: float | None = None
    limit: float | None = None
    unit: str | None = None


def misses_of(
    reasons: Iterable[ContractReason], contract: RankedContract, bounds: Bounds
) -> tuple[Miss, ...]:
    """Return what there is to say of the `reasons` against a contract, in their order."""
    given = list(reasons)
    meaningless = {void for reason in given for void in _MAKES_MEANINGLESS.get(reason, ())}
    return tuple(_miss(reason, contract, bounds) for reason in given if reason not in meaningless)


def _miss(reason: ContractReason, contract: RankedContract, bounds: Bounds) -> Miss:
    if reason in _PLAIN:
        return Miss(reason=reason, text=_PLAIN[reason])
    missed = _FIGURES[reason](contract, bounds)
    return Miss(reason=reason, text=missed.text, value=missed.value, limit=missed.limit, unit=missed.unit)


@dataclass(frozen=True, slots=True)
class _Missed:
    text: str
    value: float
    limit: float
    unit: str


def _crossed(c: RankedContract, _bounds: Bounds) -> _Missed:
    return _Missed(f"bid ${plain(c.bid)} above ask ${plain(c.ask)}", float(c.bid), float(c.ask), "usd")


def _stale(c: RankedContract, b: Bounds) -> _Missed:
    age_s = (b.now - c.quoted_at).total_seconds() if c.quoted_at else 0.0
    most = b.params.quote_age_s_max
    return _Missed(f"quote {age_s:.0f} s old, at most {most:g} s", age_s, most, "s")


def _spread(c: RankedContract, b: Bounds) -> _Missed:
    spread_pct, below = c.spread_pct or 0.0, float(b.params.spread_pct_below)
    return _Missed(f"spread {spread_pct:.1f}%, must be below {below:g}%", spread_pct, below, "pct")


def _premium(c: RankedContract, b: Bounds) -> _Missed:
    least = b.params.premium_usd_min
    return _Missed(f"premium ${plain(c.mid)}, at least ${plain(least)}", float(c.mid), float(least), "usd")


def _volume(c: RankedContract, b: Bounds) -> _Missed:
    least = b.params.day_volume_min
    return _Missed(f"volume {c.volume}, at least {least}", c.volume, least, "contracts")


def _expired(c: RankedContract, _bounds: Bounds) -> _Missed:
    return _Missed(f"expired {c.expiration:%Y-%m-%d}", c.days_to_expiration, 0, "days")


def _window(c: RankedContract, b: Bounds) -> _Missed:
    days, first, last = c.days_to_expiration, b.strategy.dte_min, b.strategy.dte_max
    limit = _nearest(days, first, last)
    return _Missed(f"{days} days to expiration, {first} to {last}", days, limit, "days")


def _too_late(_c: RankedContract, b: Bounds) -> _Missed:
    left = (b.calendar.time_to_close(b.now) or timedelta()) / timedelta(minutes=1)
    cutoff = b.params.expiry_day_cutoff_min
    return _Missed(f"expires today, {left:.0f} min to the close, more than {cutoff:g}", left, cutoff, "min")


def _delta(c: RankedContract, b: Bounds) -> _Missed:
    """Beyond the fall-off on either side of the band a delta earns nothing and is refused."""
    delta_abs, falloff = abs(c.delta or 0.0), b.params.scoring.delta_falloff
    low, high = max(0.0, b.strategy.delta_min - falloff), b.strategy.delta_max + falloff
    text = f"abs delta {delta_abs:.3f}, inside {low:.2f} to {high:.2f}"
    return _Missed(text, delta_abs, _nearest(delta_abs, low, high), "delta")


def _interest(c: RankedContract, b: Bounds) -> _Missed:
    interest, least = c.open_interest or 0, b.params.open_interest_min
    return _Missed(f"open interest {interest}, at least {least}", interest, least, "contracts")


def _cost(c: RankedContract, b: Bounds) -> _Missed:
    cost, text = usd_per_contract(c.mid), f"one contract ${usd_per_contract(c.mid):,.2f}"
    return _Missed(f"{text}, risk budget ${b.budget_usd:,.2f}", float(cost), float(b.budget_usd), "usd")


def _nearest(value: float, low: float, high: float) -> float:
    return low if value <= low else high


_PLAIN: Mapping[ContractReason, str] = {
    _R.VALUE_INVALID: "the venue tells a figure that is none",
    _R.QUOTE_MISSING: "no bid, no ask, or no time of the quote",
    _R.NOT_TRADABLE: "the venue does not trade it",
    _R.DELTA_MISSING: "the venue tells no delta",
}
_FIGURES: Mapping[ContractReason, Callable[[RankedContract, Bounds], _Missed]] = {
    _R.QUOTE_CROSSED: _crossed,
    _R.QUOTE_STALE: _stale,
    _R.SPREAD_TOO_WIDE: _spread,
    _R.PREMIUM_TOO_LOW: _premium,
    _R.VOLUME_TOO_LOW: _volume,
    _R.EXPIRED: _expired,
    _R.OUTSIDE_EXPIRATION_WINDOW: _window,
    _R.EXPIRES_TODAY_TOO_LATE: _too_late,
    _R.DELTA_OUT_OF_BAND: _delta,
    _R.OPEN_INTEREST_TOO_LOW: _interest,
    _R.TOO_EXPENSIVE: _cost,
}
