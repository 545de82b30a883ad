"""The account's risk book out of the model database, as postgres_book reads it out of the real one."""

from datetime import datetime, timedelta
from decimal import Decimal

from kernel.contracts.messages import OrderStatus, RejectionCode, Ticket
from kernel.domain.calendar import market_day
from kernel.domain.money import usd_per_contract
from services.executor.core.order_life import Order
from services.executor.core.orders import client_order_id_of
from services.executor.core.risk_book import AsOf, LiveOrder, RiskBook, committed_usd
from tests.simulation.tables import LedgerRow, Tables

_AT_VENUE = frozenset({OrderStatus.ACKNOWLEDGED, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED})
_MINUTE = timedelta(minutes=1)
_MOST_REJECTS = 100


def book_of(tables: Tables, ticket: Ticket, as_of: AsOf, now: datetime) -> RiskBook:
    """Return the book of a ticket's account without the ticket's own order."""
    own = client_order_id_of(ticket.meta.id)
    others = [order for order in tables.orders.values() if order.client_order_id != own]
    live = [_live(order, tables.ledger[order.client_order_id], as_of.books) for order in others]
    high_usd, high_at = tables.equity_high or (None, None)
    stored = tables.orders.get(own)
    own_usd = (
        Decimal(0) if stored is None else stored.ticket.contracts * usd_per_contract(ticket.price_ceiling)
    )
    return RiskBook(
        orders=tuple(order for order in live if order is not None),
        day_premium_usd=tables.day_premiums_usd.get(market_day(as_of.market), Decimal(0)) - own_usd,
        begun_last_minute=traffic(tables, now, own),
        rejected_at=_rejects(tables),
        same_order_at=_same_order_at(tables, ticket, others),
        equity_high_usd=high_usd,
        equity_high_at=high_at,
        switch=tables.switch,
    )


def traffic(tables: Tables, now: datetime, own: str | None = None) -> int:
    """Return how many tickets were taken up in the last minute, and delivered once more; without the order `own`."""
    begun = [rows[0].at for order_id, rows in tables.ledger.items() if rows and order_id != own]
    return sum(at > now - _MINUTE for at in (*begun, *tables.redeliveries))


def count_premium(tables: Tables, before: Order | None, row: LedgerRow) -> None:
    """Keep the premium of the order's market day in step with the order."""
    after = row.step.order
    first = tables.ledger[after.client_order_id][0].step
    change = committed_usd(after) - (Decimal(0) if before is None else committed_usd(before))
    day = market_day(first.at)
    tables.day_premiums_usd[day] = tables.day_premiums_usd.get(day, Decimal(0)) + change


def _live(order: Order, rows: list[LedgerRow], since: datetime) -> LiveOrder | None:
    if order.ended and not any(row.at > since for row in rows):
        return None
    seen = [row.step.order for row in rows if row.at <= since]
    filled = max((o.filled_contracts for o in seen), default=0)
    counted = order.filled_contracts if order.ended else order.ticket.contracts
    if counted <= filled:
        return None
    return LiveOrder(
        underlying=order.ticket.idea.underlying,
        occ_symbol=order.ticket.legs[0].occ_symbol,
        contracts=counted - filled,
        price_ceiling=order.ticket.price_ceiling,
        first_limit=order.attempts[0].limit_price,
        at_venue=bool(seen) and seen[-1].status in _AT_VENUE and _has_stayed_there(order, seen[-1]),
    )


def _has_stayed_there(order: Order, seen: Order) -> bool:
    """Tell whether the venue had it all the while: between two attempts it has none."""
    moved = len(order.attempts) > 1 and seen.sequence != order.sequence
    return (order.ended or order.alive is not None) and not moved


def _rejects(tables: Tables) -> tuple[datetime, ...]:
    rows = [row for rows in tables.ledger.values() for row in rows]
    shown = [[r.at for r in rows if r.step.order.status in _AT_VENUE] for rows in tables.ledger.values()]
    taken = max((min(times) for times in shown if times), default=None)
    refused = [r.at for r in rows if r.step.code is RejectionCode.VENUE_REJECTED]
    newest = sorted(refused, reverse=True)[:_MOST_REJECTS]
    return tuple(at for at in newest if taken is None or at >= taken)


def _same_order_at(tables: Tables, ticket: Ticket, others: list[Order]) -> datetime | None:
    symbol, action = ticket.legs[0].occ_symbol, ticket.action
    firsts = [
        tables.ledger[o.client_order_id][0].step
        for o in others
        if o.ticket.legs[0].occ_symbol == symbol and o.ticket.action is action
    ]
    return max((step.at for step in firsts if step.order.status is OrderStatus.SENDING), default=None)
