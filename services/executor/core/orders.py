"""From a ticket to the order that is sent, and back: is this order at the venue the one we meant?

1. The client order id and the request are functions of the ticket alone, so a redelivered ticket finds its own order.
2. The request is written in exact decimals; its hash tells two requests apart whatever their ids say.
"""

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal

from kernel.contracts.messages import Ticket
from kernel.contracts.parts import Action, Side
from kernel.domain.ids import derive_id
from kernel.domain.money import plain
from services.executor.core.venue_reports import VenueReport


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """A limit order, good for the day, in one option. `limit_price` is USD per share."""

    client_order_id: str
    occ_symbol: str
    side: Side
    intent: Action
    contracts: int
    limit_price: Decimal


def client_order_id_of(ticket_id: str) -> str:
    """Return our id of a ticket's order at the venue."""
    return derive_id(ticket_id, "order")


def request_of(ticket: Ticket) -> OrderRequest:
    """Return the order a ticket asks for; the ticket has one leg (see `gates`)."""
    leg = ticket.legs[0]
    return OrderRequest(
        client_order_id=client_order_id_of(ticket.meta.id),
        occ_symbol=leg.occ_symbol,
        side=leg.side,
        intent=ticket.action,
        contracts=ticket.contracts,
        limit_price=ticket.limit_price,
    )


def request_hash(request: OrderRequest) -> str:
    """Return the SHA-256 of a request, in hex."""
    fields = [
        request.client_order_id,
        request.occ_symbol,
        request.side.value,
        request.intent.value,
        str(request.contracts),
        plain(request.limit_price),
    ]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


def is_ours(request: OrderRequest, report: VenueReport) -> bool:
    """Tell whether the venue's order under our id is the one we asked for."""
    asked = (
        request.client_order_id,
        request.occ_symbol,
        request.side,
        request.contracts,
        request.limit_price,
    )
    found = (report.client_order_id, report.occ_symbol, report.side, report.contracts, report.limit_price)
    return asked == found
