"""Rules of the trading day: what may be sent when, and when an order ends by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.venue.instruments import Instrument
from simulator.venue.orders import OPENING, Intent, OrderType, TimeInForce
from simulator.venue.refusals import Refusal, unprocessable

#: From 3:30 pm of a full day (half an hour before the close) nothing is opened in contracts that expire that day.
EXPIRY_ENTRY_STOP = timedelta(minutes=30)
#: A gtc order ends after this long at the latest, as the venue's calendar of expiries has it.
GTC_LIFETIME = timedelta(days=90)
#: Options on some broad funds and indexes trade this much longer: to 4:15 pm on a full day.
LATE_CLOSE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """The session that runs now or comes next, and the end of a contract's last one; a stock has no last one."""

    is_open: bool
    opens_at: datetime
    closes_at: datetime
    last_close: datetime | None


def check_tradable(
    instrument: Instrument, order_type: OrderType, *, listed: bool, hours: Hours, now: datetime
) -> Refusal | None:
    """Refuse what no account may send now: unknown or expired contracts, market orders outside the session."""
    if hours.last_close is not None and now >= hours.last_close:
        return unprocessable(f'contract "{instrument.symbol}" is expired')
    if not listed:
        return unprocessable(f'asset "{instrument.symbol}" not found')
    if order_type is OrderType.MARKET and not hours.is_open and instrument.option is not None:
        return unprocessable("options market orders are only allowed during market hours")
    return None


def check_expiry(symbol: str, intent: Intent, *, hours: Hours, now: datetime) -> Refusal | None:
    """Refuse to open a position in a contract's last half hour."""
    if intent in OPENING and hours.last_close is not None and now >= hours.last_close - EXPIRY_ENTRY_STOP:
        return unprocessable(f'contract "{symbol}" expires soon, unable to open new positions')
    return None


def expiry_of(time_in_force: TimeInForce, *, hours: Sequence[Hours], now: datetime) -> datetime:
    """Return when an order ends by itself: a day order at the close, a gtc order with its first contract at the latest.

    `hours` are those of each instrument it trades.
    """
    ends = [each.last_close for each in hours if each.last_close is not None]
    regular = (
        min(each.closes_at for each in hours) if time_in_force is TimeInForce.DAY else now + GTC_LIFETIME
    )
    return min([regular, *ends])
