"""Activities from what happened: fills of orders, and what options leave behind when they are exercised or end."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal

from kernel.domain.calendar import market_day
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.money import CONTRACT_MULTIPLIER
from simulator.venue.activities import ActivityType, Fill, NonTrade
from simulator.venue.identity import uuid_of
from simulator.venue.instruments import Instrument, instrument_of
from simulator.venue.orders import Order
from simulator.venue.settlement import Fate, Outcome, shares_of

_DESCRIPTIONS = {
    ActivityType.EXERCISE: "Option Exercise",
    ActivityType.ASSIGNMENT: "Option Assignment",
    ActivityType.EXPIRY: "Option Expiry",
    ActivityType.OPTION_TRADE: "Option Trade",
    ActivityType.CASH_SETTLEMENT: "Option Cash Settlement",
}


def fills_of(order: Order, qty: int, prices: Sequence[Decimal], now: datetime) -> Iterator[Fill]:
    """Yield a fill for each part of an order that just traded `qty` units at `prices`; `order` is as it is after."""
    for part, price in zip(order.parts, prices, strict=True):
        assert part.instrument is not None
        assert part.side is not None
        yield Fill(
            id=_activity_id(part.id, f"fill:{part.filled_qty}", now),
            transaction_time=now,
            instrument=part.instrument,
            side=part.side,
            qty=qty * part.ratio_qty,
            price=price,
            order_id=part.id,
            order_status=part.status,
            cum_qty=part.filled_qty,
            leaves_qty=part.qty - part.filled_qty,
        )


def settled(outcome: Outcome, spot: Decimal, parent: str, now: datetime) -> Iterator[NonTrade]:
    """Yield the records of contracts that expire, deliver or pay cash; the contracts go first, then what they bring.

    `parent` must differ for each outcome: the ids follow from it.
    """
    instrument, qty = outcome.instrument, outcome.qty
    is_worthless = outcome.fate is Fate.EXPIRES
    held_as = ActivityType.EXERCISE if qty > 0 else ActivityType.ASSIGNMENT
    ending = ActivityType.EXPIRY if is_worthless else held_as
    yield _record(ending, instrument, -qty, Decimal(0), parent=parent, now=now)
    if outcome.fate is Fate.DELIVERS:
        assert instrument.option is not None
        strike, shares = instrument.option.strike, shares_of(instrument, qty)
        stock = instrument_of(instrument.underlying)
        yield _record(
            ActivityType.OPTION_TRADE,
            stock,
            shares,
            -strike * shares,
            parent=f"{parent}:{instrument.symbol}",
            now=now,
            price=strike,
        )
    elif outcome.fate is Fate.PAYS_CASH:
        net_usd = instrument.intrinsic(spot) * qty * CONTRACT_MULTIPLIER
        yield _record(ActivityType.CASH_SETTLEMENT, instrument, 0, net_usd, parent=parent, now=now)


def next_day(now: datetime) -> datetime:
    """Return the start of the market's next calendar day."""
    return datetime.combine(market_day(now) + timedelta(days=1), time(), tzinfo=MARKET_ZONE)


def _record(
    kind: ActivityType,
    instrument: Instrument,
    qty: int,
    net_usd: Decimal,
    *,
    parent: str,
    now: datetime,
    price: Decimal | None = None,
) -> NonTrade:
    return NonTrade(
        id=_activity_id(f"{parent}:{instrument.symbol}", f"{kind}:{now.isoformat()}", next_day(now)),
        type=kind,
        instrument=instrument,
        date=market_day(now),
        occurred_at=now,
        visible_from=next_day(now),
        qty=qty,
        net_usd=net_usd,
        description=_DESCRIPTIONS[kind],
        price=price,
    )


def _activity_id(parent: str, step: str, at: datetime) -> str:
    """Return an id as Alpaca writes them: the instant to the millisecond, then a UUID."""
    stamp = at.astimezone(MARKET_ZONE).strftime("%Y%m%d%H%M%S%f")[:17]
    return f"{stamp}::{uuid_of(parent, step)}"
