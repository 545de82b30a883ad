"""The gates before an order is sent: each is a question whose no has a typed code and its figures.

Entry point: `check(ticket, facts, limits)`.
1. All gates are hard: the first no ends the ticket, nothing overrides it.
2. What is missing or not a number fails closed.
3. A bound belongs to the allowed side, except an expiry and the cut-off on the day of expiration, which begin at theirs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from kernel.contracts.messages import RejectionCode, Ticket
from kernel.contracts.parts import Action, Side
from kernel.domain.calendar import TradingCalendar, market_day
from kernel.domain.money import plain
from kernel.domain.options import OptionSymbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the gates see from outside. `clock_skew_s` is None where the venue runs a time of its own (a simulator)."""

    now: datetime
    calendar: TradingCalendar
    clock_skew_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds: minutes before the close on the day of expiration, seconds of clock skew."""

    expiry_day_cutoff_min: float
    clock_skew_s_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A no: its code, one sentence for a person, and the figures behind it."""

    code: RejectionCode
    message: str
    figures: dict[str, str] = field(default_factory=dict)


def check(ticket: Ticket, facts: Facts, limits: Limits) -> Refusal | None:
    """Return the first gate's no, or None when the order may be sent."""
    for gate in _GATES:
        refusal = gate(ticket, facts, limits)
        if refusal is not None:
            return refusal
    return None


def is_expired(ticket: Ticket, now: datetime) -> bool:
    """Tell whether the life of the ticket or of its idea is over: at its expiry it is, as in every stage."""
    return now >= min(ticket.expires_at, ticket.idea.expires_at)


def _structure(ticket: Ticket, _facts: Facts, _limits: Limits) -> Refusal | None:
    leg = ticket.legs[0]
    if (
        len(ticket.legs) == 1
        and (leg.side, leg.ratio) == (Side.BUY, 1)
        and ticket.action is Action.BUY_TO_OPEN
    ):
        return None
    return Refusal(
        code=RejectionCode.STRUCTURE_NOT_AVAILABLE,
        message="only orders that buy one option to open can be sent",
        figures={
            "legs": str(len(ticket.legs)),
            "side": leg.side.value,
            "ratio": str(leg.ratio),
            "action": ticket.action.value,
        },
    )


def _limit_price(ticket: Ticket, _facts: Facts, _limits: Limits) -> Refusal | None:
    if _at_most(ticket.limit_price, ticket.price_ceiling) and ticket.limit_price > 0:
        return None
    figures = {"limit_price": _written(ticket.limit_price), "price_ceiling": _written(ticket.price_ceiling)}
    return Refusal(
        code=RejectionCode.LIMIT_ABOVE_CEILING,
        message=f"the limit {figures['limit_price']} is not within the ceiling {figures['price_ceiling']}",
        figures=figures,
    )


def _contracts(ticket: Ticket, _facts: Facts, _limits: Limits) -> Refusal | None:
    if 0 < ticket.contracts <= ticket.max_contracts:
        return None
    return Refusal(
        code=RejectionCode.CONTRACTS_ABOVE_MAXIMUM,
        message=f"{ticket.contracts} contracts are not within the maximum of {ticket.max_contracts}",
        figures={"contracts": str(ticket.contracts), "max_contracts": str(ticket.max_contracts)},
    )


def _clock(_ticket: Ticket, facts: Facts, limits: Limits) -> Refusal | None:
    skew = facts.clock_skew_s
    if skew is None or (math.isfinite(skew) and abs(skew) <= limits.clock_skew_s_max):
        return None
    return Refusal(
        code=RejectionCode.CLOCK_SKEW,
        message=f"this machine's clock is {skew:.3f} s off the venue's, more than {limits.clock_skew_s_max:g} s",
        figures={"clock_skew_s": f"{skew:.3f}", "clock_skew_s_max": f"{limits.clock_skew_s_max:g}"},
    )


def _expiry(ticket: Ticket, facts: Facts, _limits: Limits) -> Refusal | None:
    if not is_expired(ticket, facts.now):
        return None
    return Refusal(
        code=RejectionCode.TICKET_EXPIRED,
        message=f"the ticket expired before its order could be sent, now {facts.now.isoformat()}",
        figures={
            "now": facts.now.isoformat(),
            "ticket_expires_at": ticket.expires_at.isoformat(),
            "idea_expires_at": ticket.idea.expires_at.isoformat(),
        },
    )


def _market(_ticket: Ticket, facts: Facts, _limits: Limits) -> Refusal | None:
    if facts.calendar.is_open(facts.now):
        return None
    return Refusal(
        code=RejectionCode.MARKET_CLOSED,
        message=f"the market is closed at {facts.now.isoformat()}",
        figures={"now": facts.now.isoformat()},
    )


def _expiration_day(ticket: Ticket, facts: Facts, limits: Limits) -> Refusal | None:
    symbol = ticket.legs[0].occ_symbol
    to_close = facts.calendar.time_to_close(facts.now)
    cutoff = timedelta(minutes=limits.expiry_day_cutoff_min)
    if _trades_after(symbol, market_day(facts.now), facts.calendar):
        return None
    if to_close is not None and to_close > cutoff and _expires_on_or_after(symbol, market_day(facts.now)):
        return None
    return Refusal(
        code=RejectionCode.EXPIRY_DAY_CUTOFF,
        message=f"{symbol} has its last session today and its last {limits.expiry_day_cutoff_min:g} minutes have begun",
        figures={
            "occ_symbol": symbol,
            "to_close_min": "none" if to_close is None else f"{to_close / timedelta(minutes=1):.2f}",
            "expiry_day_cutoff_min": f"{limits.expiry_day_cutoff_min:g}",
        },
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


def _at_most(value: Decimal, bound: Decimal) -> bool:
    return value.is_finite() and bound.is_finite() and value <= bound


def _written(value: Decimal) -> str:
    return plain(value) if value.is_finite() else str(value)


_GATES: tuple[Callable[[Ticket, Facts, Limits], Refusal | None], ...] = (
    _structure,
    _limit_price,
    _contracts,
    _clock,
    _expiry,
    _market,
    _expiration_day,
)
