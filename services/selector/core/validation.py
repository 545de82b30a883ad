"""Whether a contract may be bought at all; every no has a typed reason.

Entry points: `ContractReason`, `validate`, `failing` (every reason against every contract, for who explains).
1. The reasons stand in the order in which they are asked; a contract carries the first that applies.
2. Comparisons of money are exact: a spread of exactly the limit fails, a mid of exactly the least premium passes, a
   contract that costs exactly the risk budget passes.
3. A parameter finer than six decimals is cut to six; with prices below $1,000,000 every product then fits 63 bits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from kernel.domain.calendar import Session, TradingCalendar, market_day
from kernel.domain.clock import microseconds
from kernel.domain.money import CONTRACT_MULTIPLIER, MICRO
from kernel.domain.params import SelectorParams, StrategyParams
from services.selector.core.chain import UNITS_PER_USD, Bools, Chain
from services.selector.core.measures import Measures
from services.selector.core.scoring import has_delta_points

#: Far enough back to hold the previous session over any holiday.
CALENDAR_DAYS_BACK = 10
#: Beyond the last expiration of any window the calendar must hold the sessions that expiration is counted to.
_BEYOND_WINDOW_DAYS = 10


class ContractReason(StrEnum):
    """Why a contract does not qualify, in the order of the checks."""

    VALUE_INVALID = "VALUE_INVALID"
    QUOTE_MISSING = "QUOTE_MISSING"
    QUOTE_CROSSED = "QUOTE_CROSSED"
    QUOTE_STALE = "QUOTE_STALE"
    SPREAD_TOO_WIDE = "SPREAD_TOO_WIDE"
    PREMIUM_TOO_LOW = "PREMIUM_TOO_LOW"
    VOLUME_TOO_LOW = "VOLUME_TOO_LOW"
    EXPIRED = "EXPIRED"
    OUTSIDE_EXPIRATION_WINDOW = "OUTSIDE_EXPIRATION_WINDOW"
    EXPIRES_TODAY_TOO_LATE = "EXPIRES_TODAY_TOO_LATE"
    NOT_TRADABLE = "NOT_TRADABLE"
    DELTA_MISSING = "DELTA_MISSING"
    DELTA_OUT_OF_BAND = "DELTA_OUT_OF_BAND"
    OPEN_INTEREST_TOO_LOW = "OPEN_INTEREST_TOO_LOW"
    TOO_EXPENSIVE = "TOO_EXPENSIVE"


REASONS = tuple(ContractReason)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdicts:
    """One code per contract: 0 qualifies, i carries `REASONS[i - 1]`."""

    codes: NDArray[np.int8]

    @property
    def qualifies(self) -> Bools:
        """Where a contract has no reason against it."""
        return np.equal(self.codes, 0)

    def reason(self, row: int) -> ContractReason | None:
        """Return what speaks against one contract, or None."""
        code = int(self.codes[row])
        return REASONS[code - 1] if code else None

    def counts(self) -> Mapping[ContractReason, int]:
        """Return how many contracts carry each reason, in the order of the checks, those that occur alone."""
        found = np.bincount(self.codes, minlength=len(REASONS) + 1)
        return {reason: int(n) for reason, n in zip(REASONS, found[1:], strict=True) if n}


def validate(
    chain: Chain,
    measures: Measures,
    strategy: StrategyParams,
    params: SelectorParams,
    *,
    budget_usd: Decimal,
    calendar: TradingCalendar,
    now: datetime,
) -> Verdicts:
    """Judge every contract of the chain. `budget_usd` is what one trade may risk; one contract at the mid must fit."""
    against = failing(chain, measures, strategy, params, budget_usd=budget_usd, calendar=calendar, now=now)
    codes = np.zeros(len(chain), np.int8)
    for code in range(len(REASONS), 0, -1):  # backwards, so that the first reason is written last and stands
        codes[against[REASONS[code - 1]]] = code
    return Verdicts(codes=codes)


def failing(
    chain: Chain,
    measures: Measures,
    strategy: StrategyParams,
    params: SelectorParams,
    *,
    budget_usd: Decimal,
    calendar: TradingCalendar,
    now: datetime,
) -> Mapping[ContractReason, Bools]:
    """Return for each reason which contracts it speaks against; arguments as for `validate`."""
    days = measures.days_to_expiration
    return {
        ContractReason.VALUE_INVALID: chain.unreadable,
        ContractReason.QUOTE_MISSING: (chain.bid <= 0) | (chain.ask <= 0) | (chain.quoted_at_us == 0),
        ContractReason.QUOTE_CROSSED: chain.bid > chain.ask,
        ContractReason.QUOTE_STALE: _stale(chain, params, now),
        ContractReason.SPREAD_TOO_WIDE: _too_wide(chain, params.spread_pct_below),
        ContractReason.PREMIUM_TOO_LOW: _sum_below(chain, params.premium_usd_min),
        ContractReason.VOLUME_TOO_LOW: measures.volume < params.day_volume_min,
        ContractReason.OUTSIDE_EXPIRATION_WINDOW: (days < strategy.dte_min) | (days > strategy.dte_max),
        ContractReason.NOT_TRADABLE: ~chain.tradable,
        ContractReason.DELTA_MISSING: np.isnan(chain.delta),
        ContractReason.DELTA_OUT_OF_BAND: ~has_delta_points(measures.delta_abs, strategy, params.scoring),
        ContractReason.OPEN_INTEREST_TOO_LOW: _interest_too_low(chain, params.open_interest_min),
        ContractReason.TOO_EXPENSIVE: _too_expensive(chain, budget_usd),
        **_expiry_day(measures, params, calendar, now),
    }


def _stale(chain: Chain, params: SelectorParams, now: datetime) -> Bools:
    """A quote of exactly the greatest age still stands."""
    age_us_max = round(params.quote_age_s_max * 1_000_000)
    return microseconds(now) - chain.quoted_at_us > age_us_max


def _too_wide(chain: Chain, spread_pct_below: Decimal) -> Bools:
    """(ask − bid) ÷ ((bid + ask) ÷ 2) × 100 ≥ limit, multiplied out so that only whole numbers are compared."""
    limit, parts = spread_pct_below.quantize(MICRO, rounding=ROUND_DOWN).as_integer_ratio()
    return (chain.ask - chain.bid) * (200 * parts) >= (chain.bid + chain.ask) * limit


def _sum_below(chain: Chain, mid_usd_min: Decimal) -> Bools:
    """Compare bid + ask, which is twice the mid and a whole number."""
    least = (mid_usd_min * 2 * UNITS_PER_USD).to_integral_value(rounding=ROUND_CEILING)
    return chain.bid + chain.ask < int(least)


def _too_expensive(chain: Chain, budget_usd: Decimal) -> Bools:
    most = (budget_usd * 2 * UNITS_PER_USD / CONTRACT_MULTIPLIER).to_integral_value(rounding=ROUND_FLOOR)
    return chain.bid + chain.ask > int(most)


def _interest_too_low(chain: Chain, open_interest_min: int) -> Bools:
    return (chain.open_interest >= 0) & (chain.open_interest < open_interest_min)


def _expiry_day(
    measures: Measures, params: SelectorParams, calendar: TradingCalendar, now: datetime
) -> dict[ContractReason, Bools]:
    """A contract on its last session is refused in that session's last minutes, and is expired after its close."""
    today = market_day(now)
    session = calendar.session_on(today)
    days = measures.days_to_expiration
    over = session is None or now >= session.closes_at
    late = session is not None and _in_last_minutes(session, params.expiry_day_cutoff_min, now)
    last_day = measures.last_session == np.datetime64(today, "D")
    return {
        ContractReason.EXPIRED: (days < 0) | (last_day & over),
        ContractReason.EXPIRES_TODAY_TOO_LATE: last_day & late,
    }


def _in_last_minutes(session: Session, minutes: float, now: datetime) -> bool:
    """The last hour of a session that closes at 16:00 begins at 15:00 sharp."""
    return session.closes_at - now <= timedelta(minutes=minutes)


def expiration_window(today: date, strategy: StrategyParams) -> tuple[date, date]:
    """Return the first and last expiration date that can be inside a strategy's window.

    An expiration may lie behind its last session, by a long week-end at the most: hence three days more at the end.
    """
    return today + timedelta(days=strategy.dte_min), today + timedelta(days=strategy.dte_max + 3)


def calendar_days_ahead(params: SelectorParams) -> int:
    """Return how many days ahead the calendar must reach for the widest window of any strategy."""
    return max(windows.dte_max for windows in params.strategies.values()) + _BEYOND_WINDOW_DAYS
