"""What the account has at stake by our own books, as the gates see it under the account's lock.

Entry points: `RiskBook`, `committed_usd`.
1. The venue's answers and the books overlap in time. The books begin where the venue's answers may end: a fill that
   was written before the venue was asked is in its positions; one written later is counted here. So nothing is missed,
   and what happens in between is at worst counted twice.
2. An order costs what it may cost: its open contracts at the ticket's price ceiling.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from kernel.domain.control import Switch
from kernel.domain.money import usd_per_contract
from services.executor.core.order_life import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """When a decision's facts were gathered: on the database's clock just before, in market time just after."""

    books: datetime
    market: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOrder:
    """What of an order the venue's positions may not show: open contracts, and those filled since they were asked for.

    Prices are USD per share. `at_venue`: the venue held money for it before it was asked for the account, for each
    contract the limit of its first attempt at least: a walk goes up from there, as far as the ceiling. An order between
    two attempts, the one cancelled and the next not taken yet, is not there.
    """

    underlying: str
    occ_symbol: str
    contracts: int
    price_ceiling: Decimal
    first_limit: Decimal
    at_venue: bool

    @property
    def premium_usd(self) -> Decimal:
        """What these contracts may cost."""
        return self.contracts * usd_per_contract(self.price_ceiling)

    @property
    def beyond_venue_usd(self) -> Decimal:
        """What of it the account's buying power does not show yet: the headroom of its walk, or all of it."""
        if not self.at_venue:
            return self.premium_usd
        beyond = self.premium_usd - self.contracts * usd_per_contract(self.first_limit)
        return Decimal(0) if beyond.is_signed() and beyond.is_finite() else beyond


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskBook:
    """The account's other orders. Amounts in USD; times on the database's clock, unless they say market time.

    `day_premium_usd`: what today's orders have cost or may still cost. `begun_last_minute`: tickets that were taken up,
    refused ones too, and deliveries of a ticket to a worker that was done with it. `rejected_at`: the venue's refusals since it last
    took a new order, newest first, at most 100. `same_order_at`: market time of the last order sent on the ticket's
    contract and side. `equity_high_usd`, `equity_high_at`: the highest equity a decision has seen, and when.
    `switch`: as it stands now; None where nobody knows, which lets nothing pass.
    """

    orders: tuple[LiveOrder, ...] = ()
    day_premium_usd: Decimal = Decimal(0)
    begun_last_minute: int = 0
    rejected_at: tuple[datetime, ...] = ()
    same_order_at: datetime | None = None
    equity_high_usd: Decimal | None = None
    equity_high_at: datetime | None = None
    switch: Switch | None = None


def committed_usd(order: Order) -> Decimal:
    """Return what an order has cost, or, as long as it lives, what it may cost."""
    if order.ended:
        return order.filled_contracts * usd_per_contract(order.average_fill_price or Decimal(0))
    if order.sequence == 0:
        return Decimal(0)
    return order.ticket.contracts * usd_per_contract(order.ticket.price_ceiling)
