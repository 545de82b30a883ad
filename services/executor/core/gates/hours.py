"""Gates of time: the clocks, the session, the contract's last day."""

import math
from datetime import date, timedelta

from kernel.contracts.messages import Ticket
from kernel.domain.calendar import TradingCalendar, market_day
from kernel.domain.options import OptionSymbol
from services.executor.core.facts import Facts
from services.executor.core.gates.gate import No, no
from services.executor.core.gates.limits import Limits


def clocks_agree(_ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    skew = facts.clock_skew_s
    if skew is None or (math.isfinite(skew) and abs(skew) <= limits.clock_skew_s_max):
        return None
    return no(
        f"this machine's clock is {skew:.3f} s off the venue's, more than {limits.clock_skew_s_max:g} s",
        clock_skew_s=f"{skew:.3f}",
        clock_skew_s_max=limits.clock_skew_s_max,
    )


def market_open(_ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    if facts.calendar.is_open(facts.now):
        return None
    return no(f"the market is closed at {facts.now.isoformat()}", now=facts.now)


def before_the_last_minutes(ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    symbol = ticket.legs[0].occ_symbol
    to_close = facts.calendar.time_to_close(facts.now)
    cutoff = timedelta(minutes=limits.expiry_day_cutoff_min)
    if _trades_after(symbol, market_day(facts.now), facts.calendar):
        return None
    if to_close is not None and to_close > cutoff and _expires_on_or_after(symbol, market_day(facts.now)):
        return None
    return no(
        f"{symbol} has its last session today and its last {limits.expiry_day_cutoff_min:g} minutes have begun",
        occ_symbol=symbol,
        to_close_min=None if to_close is None else f"{to_close / timedelta(minutes=1):.2f}",
        expiry_day_cutoff_min=limits.expiry_day_cutoff_min,
    )


def _trades_after(symbol: str, today: date, calendar: TradingCalendar) -> bool:
    """Tell whether a session known to the calendar lies after today and not after the contract's expiration.

    Old contracts expire on a Saturday: their last session is the Friday before.
    """
    expiration = _expiration(symbol)
    return expiration is not None and any(today < s.day <= expiration for s in calendar.sessions)


def _expires_on_or_after(symbol: str, today: date) -> bool:
    expiration = _expiration(symbol)
    return expiration is not None and expiration >= today


def _expiration(symbol: str) -> date | None:
    try:
        return OptionSymbol.parse(symbol).expiration
    except ValueError:
        return None
