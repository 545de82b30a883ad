"""An order as rows of dispatch_orders and dispatch_executions, and back."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from kernel.contracts.codec import Codec
from kernel.contracts.messages import Execution, OrderStatus, Ticket
from kernel.contracts.topics import TICKETS
from kernel.domain.calendar import market_day
from kernel.domain.money import MICRO, spread_pct
from services.executor.core.order_life import Order
from services.executor.core.orders import request_hash, request_of
from services.executor.core.steps import Step

SELECT_ORDER = (
    "SELECT client_order_id, ticket, request_hash, status, sequence, venue_order_id, filled_contracts,"
    " average_fill_price, venue_at, reason, id_claimed FROM dispatch_orders"
)


@dataclass(frozen=True, slots=True)
class OrderRow:
    """A row of SELECT_ORDER."""

    client_order_id: str
    ticket: bytes
    request_hash: str
    status: str
    sequence: int
    venue_order_id: str | None
    filled_contracts: int
    average_fill_price: Decimal | None
    venue_at: datetime | None
    reason: str | None
    id_claimed: bool

    def order(self, codec: Codec) -> Order:
        """Return the order of this row."""
        return Order(
            ticket=codec.decode(TICKETS, bytes(self.ticket)),
            client_order_id=self.client_order_id,
            status=OrderStatus(self.status),
            sequence=self.sequence,
            venue_order_id=self.venue_order_id,
            filled_contracts=self.filled_contracts,
            average_fill_price=self.average_fill_price,
            venue_at=self.venue_at,
            reason=self.reason,
            id_claimed=self.id_claimed,
        )


def order_row(step: Step, codec: Codec) -> dict[str, object]:
    """Return the columns of an order after its first step."""
    order, ticket = step.order, step.order.ticket
    return {
        **state_row(order),
        "market_day": market_day(step.at),
        "ticket_id": ticket.meta.id,
        "signal_id": ticket.meta.correlation_id,
        "account_id": ticket.account.account_id,
        "ticket": codec.encode(TICKETS, ticket),
        "request_hash": request_hash(request_of(ticket)),
        "contracts": ticket.contracts,
        "price_ceiling": ticket.price_ceiling,
        "expires_at": ticket.expires_at,
    }


def state_row(order: Order) -> dict[str, object]:
    """Return the columns that steps change, and the key."""
    return {
        "client_order_id": order.client_order_id,
        "status": order.status.value,
        "sequence": order.sequence,
        "venue_order_id": order.venue_order_id,
        "filled_contracts": order.filled_contracts,
        "average_fill_price": order.average_fill_price,
        "venue_at": order.venue_at,
        "reason": order.reason,
        "id_claimed": order.id_claimed,
    }


def ledger_row(step: Step) -> dict[str, object]:
    """Return the ledger's columns of a step: its Execution, and of the ticket what explains it."""
    (execution,) = [m for m in step.messages if isinstance(m, Execution)]
    ticket = step.order.ticket
    price = execution.average_fill_price
    return {
        "client_order_id": execution.client_order_id,
        "sequence": execution.sequence,
        "execution_id": execution.meta.id,
        "ticket_id": execution.ticket_id,
        "signal_id": execution.meta.correlation_id,
        "account_id": ticket.account.account_id,
        "venue_order_id": execution.venue_order_id,
        "ticker": ticket.idea.underlying,
        "occ_symbol": ticket.legs[0].occ_symbol,
        "action": execution.action.value,
        "strategy": ticket.idea.strategy.value,
        "direction": ticket.idea.direction.value,
        "tier": ticket.account.tier,
        "status": execution.status.value,
        "contracts": execution.contracts,
        "filled_contracts": execution.filled_contracts,
        "price": execution.limit_price if price is None else price,
        "notional": execution.notional_usd,
        "mid": ticket.mid,
        "spread_pct": _spread_pct(ticket),
        "total_risk_usd": ticket.total_risk_usd,
        "score": ticket.score.total,
        "reason": execution.reason,
        "code": None if step.code is None else step.code.value,
        "market_ts": step.at,
        "venue_ts": execution.venue_at,
    }


def _spread_pct(ticket: Ticket) -> Decimal:
    leg = ticket.legs[0]
    return spread_pct(leg.bid, leg.ask).quantize(MICRO)
