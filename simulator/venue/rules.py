"""Rules of the trading day: what may be sent when, and when an order ends by itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.venue.orders import Intent, OrderRequest, OrderType, TimeInForce
from simulator.venue.refusals import Refusal, unprocessable

#: From 3:30 pm of a full day (half an hour before the close) nothing is opened in contracts that expire that day.
EXPIRY_ENTRY_STOP = timedelta(minutes=30)
#: A gtc order ends after this long at the latest, as the venue's calendar of expiries has it.
GTC_LIFETIME = timedelta(days=90)

_OPENING = frozenset({Intent.BUY_TO_OPEN, Intent.SELL_TO_OPEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The session that runs now or comes next, and the end of the contract's last one."""

    is_open: bool
    opens_at: datetime
    closes_at: datetime
    last_close: datetime


def check_tradable(request: OrderRequest, *, listed: bool, hours: Hours, now: datetime) -> Refusal | None:
    """Refuse what no account may send now: unknown or expired contracts, market orders outside the session."""
    if now >= hours.last_close:
        return unprocessable(f'contract "{request.symbol}" is expired')
    if not listed:
        return unprocessable(f'asset "{request.symbol}" not found')
    if request.type is OrderType.MARKET and not hours.is_open:
        return unprocessable("options market orders are only allowed during market hours")
    return None


def check_expiry(symbol: str, intent: Intent, *, hours: Hours, now: datetime) -> Refusal | None:
    """Refuse to open a position in a contract's last half hour."""
    if intent in _OPENING and now >= hours.last_close - EXPIRY_ENTRY_STOP:
        return unprocessable(f'contract "{symbol}" expires soon, unable to open new positions')
    return None


def expiry_of(time_in_force: TimeInForce, *, hours: Hours, now: datetime) -> datetime:
    """Return when an order ends by itself: a day order at the close, a gtc order with its contract at the latest."""
    if time_in_force is TimeInForce.DAY:
        return min(hours.closes_at, hours.last_close)
    return min(now + GTC_LIFETIME, hours.last_close)
