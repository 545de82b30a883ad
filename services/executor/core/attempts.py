"""The attempts of an order: one request to the venue each, at a limit of its own, under an id of its own.

Entry points: `first_attempt`, `next_attempt`, `reported`, `fills_of`, `request_of_attempt`.
1. Attempt 1 has the order's own id, attempt n an id derived from the ticket and n: a request that is made again, after
   a crash too, asks for the same thing under the same id, and the venue refuses an id it has seen.
2. A replacement's figures count what was filled before it in the attempts it replaced, as in FIX: its `contracts` are
   the whole, its fills those of the whole chain. What follows a cancelled attempt begins to count anew. Which of both an
   attempt is the venue tells (`replaces`), not our intent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from kernel.contracts.messages import OrderStatus, Ticket
from kernel.domain.ids import derive_id
from kernel.domain.money import MICRO
from services.executor.core.orders import OrderRequest, client_order_id_of, request_of
from services.executor.core.venue_reports import VenueReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt. `limit_price` is USD per share; `contracts` is the quantity asked for, `filled_contracts` its part.

    `replaces`: asked for by replacing the attempt before. `requests`: how often the venue was asked for it.
    `began_at`: market time of its intent, of the first one when the venue first showed it.
    `id_claimed`: the venue has said that an order stands under this id. No look-up disproves that; it only shows it.
    """

    number: int
    client_order_id: str
    limit_price: Decimal
    contracts: int
    status: OrderStatus
    replaces: bool = False
    requests: int = 0
    began_at: datetime | None = None
    venue_order_id: str | None = None
    filled_contracts: int = 0
    average_fill_price: Decimal | None = None
    id_claimed: bool = False


def first_attempt(ticket: Ticket) -> Attempt:
    """Return the attempt every order begins with: all of the ticket at its own limit."""
    return Attempt(
        number=1,
        client_order_id=client_order_id_of(ticket.meta.id),
        limit_price=ticket.limit_price,
        contracts=ticket.contracts,
        status=OrderStatus.NEW,
    )


def next_attempt(
    ticket: Ticket, number: int, before: Attempt, limit: Decimal, at: datetime, *, replaces: bool
) -> Attempt:
    """Return the intent of the n-th attempt: a replacement of `before`, or what follows once that is cancelled."""
    return Attempt(
        number=number,
        client_order_id=attempt_id_of(ticket.meta.id, number),
        limit_price=limit,
        contracts=before.contracts,
        status=OrderStatus.SENDING if replaces else OrderStatus.NEW,
        replaces=replaces,
        requests=1 if replaces else 0,
        began_at=at,
    )


def attempt_id_of(ticket_id: str, number: int) -> str:
    """Return our id of a ticket's n-th attempt at the venue."""
    return client_order_id_of(ticket_id) if number == 1 else derive_id(ticket_id, f"order-{number}")


def request_of_attempt(ticket: Ticket, attempt: Attempt) -> OrderRequest:
    """Return what an attempt asks the venue for."""
    return replace(
        request_of(ticket),
        client_order_id=attempt.client_order_id,
        contracts=attempt.contracts,
        limit_price=attempt.limit_price,
    )


def reported(attempt: Attempt, report: VenueReport) -> Attempt:
    """Return `attempt` as the venue shows it; fills that were shown before stay."""
    first_seen = attempt.number == 1 and attempt.venue_order_id is None
    busted = report.filled_contracts < attempt.filled_contracts
    fills: Attempt | VenueReport = attempt if busted else report
    return replace(
        attempt,
        status=report.status,
        replaces=attempt.number > 1 and report.replaces is not None,
        venue_order_id=report.venue_order_id,
        filled_contracts=fills.filled_contracts,
        average_fill_price=fills.average_fill_price,
        began_at=report.updated_at if first_seen else attempt.began_at,
    )


def fills_of(attempts: Sequence[Attempt]) -> tuple[int, Decimal | None]:
    """Return the contracts that all attempts filled together, and their average price, None without a fill.

    Within a chain of replacements the largest figure counts, chains are added up.
    """
    chains: list[Attempt] = []
    for attempt in attempts:
        if attempt.replaces and chains:
            chains[-1] = max(chains[-1], attempt, key=lambda a: a.filled_contracts)
        else:
            chains.append(attempt)
    filled = sum(chain.filled_contracts for chain in chains)
    if not filled:
        return 0, None
    cost = sum(
        (chain.filled_contracts * (chain.average_fill_price or Decimal(0)) for chain in chains), Decimal(0)
    )
    return filled, (cost / filled).quantize(MICRO)
