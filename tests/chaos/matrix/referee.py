"""What must hold once a life is over, whatever struck it. Orders and fills are the venue's word, from its journal."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernel.contracts.messages import Execution, OrderStatus, Ticket
from services.executor.core.orders import client_order_id_of
from tests.chaos.matrix.cells import Cell
from tests.chaos.matrix.world import World

_FILLS = ("fill", "partial_fill")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A cell's end: what is wrong with it, the ledger's steps, and how many requests the venue saw."""

    cell: Cell
    wrong: tuple[str, ...]
    steps: tuple[str, ...]
    requests: int


async def is_settled(world: World, tickets: Mapping[Cell, Ticket]) -> bool:
    """Tell whether nothing is left to wait for."""
    ids = [ticket.meta.id for ticket in tickets.values()]
    ((filled,),) = await world.rows(
        "SELECT count(*) FROM dispatch_orders WHERE status = 'FILLED' AND ticket_id = ANY(%s)", ids
    )
    ((waiting,),) = await world.rows("SELECT count(*) FROM dispatch_outbox WHERE published_at IS NULL")
    return bool(filled == len(ids) and waiting == 0) and await world.lag() == 0


async def judge(world: World, tickets: Mapping[Cell, Ticket]) -> list[Verdict]:
    """Return the verdict on every cell of a life."""
    journal, executions = world.journal(), await world.executions()
    common = await _common(world, tickets, journal)
    verdicts = []
    for cell, ticket in tickets.items():
        order = client_order_id_of(ticket.meta.id)
        steps = await world.rows(
            "SELECT status, execution_id, sequence, filled_contracts FROM dispatch_executions"
            " WHERE ticket_id = %s ORDER BY sequence",
            ticket.meta.id,
        )
        ((reservation,),) = await world.rows(
            "SELECT state FROM dispatch_reservations WHERE ticket_id = %s", ticket.meta.id
        )
        wrong = [
            *common,
            *_at_the_venue(ticket, journal),
            *_in_the_ledger(ticket, steps, reservation),
            *_in_the_log([e for e in executions if e.client_order_id == order], [row[1] for row in steps]),
        ]
        verdicts.append(Verdict(cell, tuple(wrong), tuple(r[0] for r in steps), _requests(order, journal)))
    return verdicts


async def _common(world: World, tickets: Mapping[Cell, Ticket], journal: list[dict[str, Any]]) -> list[str]:
    wrong = []
    ours = {client_order_id_of(ticket.meta.id) for ticket in tickets.values()}
    foreign = {row["client_order_id"] for row in journal if row["kind"] == "order_accepted"} - ours
    if foreign:
        wrong.append(f"orders nobody asked for: {foreign}")
    held = sum(position.qty for position in world.venue.desk.account.positions.values())
    asked = sum(ticket.contracts for ticket in tickets.values())
    if held != asked:
        wrong.append(f"the venue holds {held} contracts, the tickets asked for {asked}")
    if buried := await world.dead_letters():
        wrong.append(f"{buried} dead letters")
    if lag := await world.lag():
        wrong.append(f"{lag} tickets are not acknowledged")
    ((waiting,),) = await world.rows("SELECT count(*) FROM dispatch_outbox WHERE published_at IS NULL")
    if waiting:
        wrong.append(f"{waiting} messages wait in the outbox")
    return wrong


def _at_the_venue(ticket: Ticket, journal: list[dict[str, Any]]) -> list[str]:
    order = client_order_id_of(ticket.meta.id)
    kinds = Counter(row["kind"] for row in journal if row.get("client_order_id") == order)
    filled = sum(
        int(row["qty"]) for row in journal if row.get("client_order_id") == order and row["kind"] in _FILLS
    )
    wrong = []
    if kinds["order_accepted"] != 1:
        wrong.append(f"the venue took {kinds['order_accepted']} orders")
    if filled != ticket.contracts:
        wrong.append(f"the venue filled {filled} of {ticket.contracts} contracts")
    return wrong


def _in_the_ledger(ticket: Ticket, steps: list[tuple[Any, ...]], reservation: str) -> list[str]:
    wrong = []
    if [row[2] for row in steps] != list(range(1, len(steps) + 1)):
        wrong.append(f"the ledger has the steps {[row[2] for row in steps]}")
    if not steps or (steps[-1][0], steps[-1][3]) != (OrderStatus.FILLED, ticket.contracts):
        wrong.append(f"the ledger ends with {steps[-1:]}")
    if reservation != "released":
        wrong.append(f"the reservation is {reservation}")
    return wrong


def _in_the_log(executions: list[Execution], ledger: list[str]) -> list[str]:
    """Repeats are told by their ids; what is left must be the ledger, in its order."""
    told = list(dict.fromkeys(execution.meta.id for execution in executions))
    return [] if told == ledger else [f"the log tells {len(told)} executions, the ledger has {len(ledger)}"]


def _requests(order: str, journal: list[dict[str, Any]]) -> int:
    return sum(
        row["kind"] == "request" and row["method"] == "POST" and row.get("client_order_id") == order
        for row in journal
    )
