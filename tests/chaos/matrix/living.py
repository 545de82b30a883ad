"""Runs one life: its tickets go one by one to their boundaries, then all are struck together, then all must settle."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from kernel.contracts.messages import Ticket
from services.executor.core.orders import client_order_id_of
from simulator.faults import Fault, FaultKind
from tests.chaos.matrix.cells import Boundary, Cell, Outcome, Way
from tests.chaos.matrix.failpoints import Act, Failpoint, Folder
from tests.chaos.matrix.lives import OF_THE_RELAY, Life
from tests.chaos.matrix.referee import Verdict, is_settled, judge
from tests.chaos.matrix.slow_road import slow_road
from tests.chaos.matrix.world import SETTLE_S, Servers, World, a_world

DEADLINE_S = 90.0
#: The process's wait for an answer: short where answers are lost, endless where one is held.
_SHORT_S, _LONG_S = 1.0, 60.0
_POST, _QUESTION = {"path": "/v2/orders", "method": "POST"}, {"path": "/v2/calendar", "method": "GET"}
_UNDER_TEST, _PLAIN = "tests.chaos.matrix.executor_under_test", "services.executor"
X = Outcome


class NotReached(AssertionError):
    """A ticket never came to where it was to be struck."""


async def live(servers: Servers, life: Life, folder: Path) -> list[Verdict]:
    """Run a life and judge its cells."""
    deadline_s = _SHORT_S if life.meets_the_venue else _LONG_S
    async with a_world(servers, folder, deadline_s=deadline_s) as world:
        tickets = {cell: world.ticket_for(cell) for cell in life.cells}
        word = Folder(folder / "word")
        word.write_plan([point for cell, ticket in tickets.items() for point in _plan(cell, ticket)])
        async with (
            slow_road(world.venue.url, deadline_s + SETTLE_S / 2) as road,
            _process(world, _UNDER_TEST, _held(word, road)) as first,
        ):
            await _drive(world, tickets, word)
            await _END[life.way](world, tickets, word, first)
            return await judge(world, tickets)


async def _drive(world: World, tickets: dict[Cell, Ticket], word: Folder) -> None:
    """Bring every ticket to its boundary, those of the relay in one batch at the end."""
    held = {cell: point for cell, ticket in tickets.items() for point in _plan(cell, ticket)[:1]}
    for cell, ticket in tickets.items():
        fault = _fault(cell)
        if fault is not None:
            world.venue.desk.faults.inject(fault)
        await world.publish(ticket)
        if cell.way is Way.STRIKE or cell.boundary in OF_THE_RELAY:
            await eventually(f"{cell}: no order", lambda t=ticket: _is_answered(world, t))
        else:
            await eventually(f"{cell}: not reached", lambda c=cell: _is_reached(word, held[c]))
        assert not world.venue.desk.faults.waiting, f"{cell}: the fault did not strike"
    word.let_publish()
    for cell, point in held.items():
        await eventually(f"{cell}: not reached", lambda p=point: _is_reached(word, p))
        if cell.boundary is Boundary.AFTER_POST:
            await eventually(f"{cell}: not accepted", lambda t=tickets[cell]: _is_accepted(world, t))


async def _live_on(
    world: World, tickets: dict[Cell, Ticket], word: Folder, first: asyncio.subprocess.Process
) -> None:
    word.let_go()
    await eventually("not settled", lambda: is_settled(world, tickets))
    assert first.returncode is None, "the process ended by itself"


async def _kill(
    world: World, tickets: dict[Cell, Ticket], word: Folder, first: asyncio.subprocess.Process
) -> None:
    del word
    first.kill()
    await first.wait()
    async with _process(world, _PLAIN):
        await eventually("not settled", lambda: is_settled(world, tickets))


async def _pause(
    world: World, tickets: dict[Cell, Ticket], word: Folder, first: asyncio.subprocess.Process
) -> None:
    """While the first worker stands still, another must finish all; then the first wakes and finds it done."""
    first.send_signal(signal.SIGSTOP)
    async with _process(world, _PLAIN):
        await eventually("not settled beside a paused worker", lambda: is_settled(world, tickets))
        word.let_go()
        first.send_signal(signal.SIGCONT)
        orders = [client_order_id_of(ticket.meta.id) for ticket in tickets.values()]
        await eventually("the paused worker did not finish", lambda: _is_past(word, orders))
        await eventually("not settled", lambda: is_settled(world, tickets))


_END = {Way.STRIKE: _live_on, Way.KILL: _kill, Way.PAUSE: _pause}


def _plan(cell: Cell, ticket: Ticket) -> list[Failpoint]:
    """Return where the process is struck for a cell: first what strikes at its boundary."""
    order = client_order_id_of(ticket.meta.id)
    if cell.outcome is X.DATABASE_LOST:
        return [Failpoint(cell.boundary, order, Act.LOSE_DATABASE)]
    hold = [] if cell.way is Way.STRIKE else [Failpoint(cell.boundary, order, Act.HOLD)]
    act = _ON_THE_WIRE.get((cell.boundary is Boundary.BEFORE_POST, cell.outcome))
    if act is None or cell.boundary is Boundary.INBOX:
        return hold
    return [*hold, Failpoint(Boundary.BEFORE_POST, order, act)]


#: By whether it is struck before anything is sent, and how.
_ON_THE_WIRE = {
    (True, X.TIMEOUT_BEFORE): Act.CONNECT_TIMEOUT,
    (True, X.RESET_BEFORE): Act.CONNECT_RESET,
    (False, X.TIMEOUT_BEFORE): Act.BLACK_HOLE,
    (False, X.TIMEOUT_LATE): Act.SLOW_ROAD,
    (False, X.DUPLICATE): Act.SEND_TWICE,
}


def _fault(cell: Cell) -> Fault | None:
    """Return what the venue itself does to the ticket's next request."""
    if cell.boundary is Boundary.BEFORE_POST:
        return None
    question = cell.boundary is Boundary.INBOX
    where = _QUESTION if question else _POST
    kind = FaultKind.LATENCY if question and cell.outcome is X.TIMEOUT_BEFORE else _FAULTS.get(cell.outcome)
    return None if kind is None else Fault(kind=kind, delay_ms=3000 * _SHORT_S, retry_after_s=1, **where)


_FAULTS = {
    X.TIMEOUT_AFTER: FaultKind.TIMEOUT,
    X.ERROR_BEFORE: FaultKind.ERROR_BEFORE_ACCEPT,
    X.ERROR_AFTER: FaultKind.ERROR_AFTER_ACCEPT,
    X.RESET_BEFORE: FaultKind.RESET_BEFORE_ACCEPT,
    X.RESET_AFTER: FaultKind.RESET_AFTER_ACCEPT,
    X.CUT_BODY: FaultKind.PARTIAL_BODY,
    X.RATE_LIMIT: FaultKind.RATE_LIMIT,
}


def _held(word: Folder, road: str) -> dict[str, str]:
    """Return what makes a process one under test; it must not compare, for that brings held orders on."""
    return {
        "EXECUTOR_FAILPOINTS": str(word.path),
        "EXECUTOR_SLOW_ROAD": road,
        "DISPATCH_EXECUTOR_SWEEP_S": "3600",
        "DISPATCH_EXECUTOR_RECONCILE_S": "3600",
    }


@asynccontextmanager
async def _process(
    world: World, module: str, besides: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an executor; it is killed at the end, if it is not over."""
    environ = {**world.environ, **(besides or {})}
    with (world.folder / f"{module.rpartition('.')[2]}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, cwd=world.folder, env=environ, stderr=log
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _is_answered(world: World, ticket: Ticket) -> bool:
    found = await world.rows("SELECT status FROM dispatch_orders WHERE ticket_id = %s", ticket.meta.id)
    return bool(found) and found[0][0] in ("ACKNOWLEDGED", "PARTIALLY_FILLED", "FILLED")


async def _is_accepted(world: World, ticket: Ticket) -> bool:
    order = client_order_id_of(ticket.meta.id)
    return any(r["kind"] == "order_accepted" and r["client_order_id"] == order for r in world.journal())


async def _is_reached(word: Folder, point: Failpoint) -> bool:
    return word.is_reached(point)


async def _is_past(word: Folder, orders: list[str]) -> bool:
    return all(word.is_past(order) for order in orders)


async def eventually(what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """Poll until `holds`; raises NotReached saying `what`."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await holds():  # noqa: ASYNC110 - what is waited for happens in other processes
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise NotReached(what) from None
