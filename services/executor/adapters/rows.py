"""An order as rows of dispatch_orders, dispatch_attempts and dispatch_executions, and back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from kernel.contracts.codec import Codec
from kernel.contracts.messages import Execution, OrderStatus, Ticket
from kernel.contracts.topics import TICKETS
from kernel.domain.calendar import market_day
from kernel.domain.money import MICRO, spread_pct
from services.executor.core.attempts import Attempt
from services.executor.core.order_life import Order
from services.executor.core.orders import request_hash, request_of
from services.executor.core.steps import Step

SELECT_ORDER = (
    "SELECT client_order_id, ticket, request_hash, status, sequence, venue_order_id, filled_contracts,"
    " average_fill_price, venue_at, reason FROM dispatch_orders"
)
SELECT_ATTEMPTS = (
    "SELECT order_id, number, client_order_id, limit_price, contracts, status, replaces, requests, began_at,"
    " venue_order_id, filled_contracts, average_fill_price, id_claimed FROM dispatch_attempts"
)
#: Of SELECT_ORDER: the order one of whose attempts has this id.
OF_ATTEMPT = "WHERE client_order_id = (SELECT order_id FROM dispatch_attempts WHERE client_order_id = %s)"
UPSERT_ATTEMPT = """
    INSERT INTO dispatch_attempts
        (client_order_id, order_id, number, limit_price, contracts, status, replaces, requests, began_at,
         venue_order_id, filled_contracts, average_fill_price, id_claimed)
    VALUES
        (%(client_order_id)s, %(order_id)s, %(number)s, %(limit_price)s, %(contracts)s, %(status)s, %(replaces)s,
         %(requests)s, %(began_at)s, %(venue_order_id)s, %(filled_contracts)s, %(average_fill_price)s, %(id_claimed)s)
    ON CONFLICT (client_order_id) DO UPDATE
    SET contracts = EXCLUDED.contracts, status = EXCLUDED.status, replaces = EXCLUDED.replaces,
        requests = EXCLUDED.requests, began_at = EXCLUDED.began_at, venue_order_id = EXCLUDED.venue_order_id,
        filled_contracts = EXCLUDED.filled_contracts, average_fill_price = EXCLUDED.average_fill_price,
        id_claimed = EXCLUDED.id_claimed
"""


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A row of SELECT_ATTEMPTS."""

    order_id: str
    number: int
    client_order_id: str
    limit_price: Decimal
    contracts: int
    status: str
    replaces: bool
    requests: int
    began_at: datetime | None
    venue_order_id: str | None
    filled_contracts: int
    average_fill_price: Decimal | None
    id_claimed: bool

    def attempt(self) -> Attempt:
        """Return the attempt of this row."""
        return Attempt(
            number=self.number,
            client_order_id=self.client_order_id,
            limit_price=self.limit_price,
            contracts=self.contracts,
            status=OrderStatus(self.status),
            replaces=self.replaces,
            requests=self.requests,
            began_at=self.began_at,
            venue_order_id=self.venue_order_id,
            filled_contracts=self.filled_contracts,
            average_fill_price=self.average_fill_price,
            id_claimed=self.id_claimed,
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

    def order(self, codec: Codec, attempts: Iterable[AttemptRow]) -> Order:
        """Return the order of this row and the rows of its attempts, in their order."""
        return Order(
            ticket=codec.decode(TICKETS, bytes(self.ticket)),
            client_order_id=self.client_order_id,
            status=OrderStatus(self.status),
            sequence=self.sequence,
            attempts=tuple(row.attempt() for row in attempts),
            venue_order_id=self.venue_order_id,
            filled_contracts=self.filled_contracts,
            average_fill_price=self.average_fill_price,
            venue_at=self.venue_at,
            reason=self.reason,
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
        "id_claimed": order.current.id_claimed,
    }


def attempt_row(order: Order, attempt: Attempt) -> dict[str, object]:
    """Return an attempt's columns."""
    return {
        "client_order_id": attempt.client_order_id,
        "order_id": order.client_order_id,
        "number": attempt.number,
        "limit_price": attempt.limit_price,
        "contracts": attempt.contracts,
        "status": attempt.status.value,
        "replaces": attempt.replaces,
        "requests": attempt.requests,
        "began_at": attempt.began_at,
        "venue_order_id": attempt.venue_order_id,
        "filled_contracts": attempt.filled_contracts,
        "average_fill_price": attempt.average_fill_price,
        "id_claimed": attempt.id_claimed,
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
        "attempt": execution.attempt,
        "slippage": execution.slippage_usd,
        "market_ts": step.at,
        "venue_ts": execution.venue_at,
    }


def _spread_pct(ticket: Ticket) -> Decimal:
    leg = ticket.legs[0]
    return spread_pct(leg.bid, leg.ask).quantize(MICRO)
