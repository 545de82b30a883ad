"""The operator's hand on the switch: changed, announced, waited for, and told.

1. The change is committed before anything is waited for: whatever happens to this command then, trading is stopped.
2. Only the switch a person was shown is lifted: a tighter stop that was committed while he looked stays.
3. Nothing here talks to the venue. Orders are cancelled by the executor, whose ledger follows them.
"""

import asyncio
import getpass
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kernel.adapters.control import (
    LiveOrder,
    change_switch,
    drained,
    holding_times,
    live_orders,
    read_switch,
)
from kernel.adapters.postgres import Database
from kernel.contracts.origin import Origin
from kernel.domain.control import ControlState, Switch, resumed, tightened
from kernel.domain.errors import DatabaseUnavailable, TradingError
from kernel.runtime.settings import ServiceSettings

#: Cancelling takes the executor's listener about a second; some more for a slow venue and many orders.
_CANCEL_PATIENCE_S = 20.0
_LOOK_EVERY_S = 0.2


class SwitchMoved(TradingError):
    """What a person wanted to lift is not what stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """What a person asks for: HALTED or REDUCING."""

    state: ControlState
    reason: str
    by: str
    cancel_orders: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a command. `drained`: no order is on its way any more; None where nothing was waited for.

    `left`: orders that were to be cancelled and still live.
    """

    switch: Switch
    asked: ControlState
    changed: bool
    drained: bool | None = None
    left: Sequence[LiveOrder] = ()

    @property
    def complete(self) -> bool:
        """Whether all that was asked for is so."""
        return self.switch.state is self.asked and self.drained is not False and not self.left


async def stop_trading(
    url: str,
    settings: ServiceSettings,
    stop: Stop,
    *,
    on_committed: Callable[[Switch], None],
    cancel_patience_s: float = _CANCEL_PATIENCE_S,
) -> Done:
    """Tighten the switch, then wait for orders on their way, then for the cancellations.

    Raises DatabaseUnavailable where it cannot be said that the change was committed: to ask again does no harm.
    """

    def change(standing: Switch, now: datetime) -> Switch:
        return tightened(
            standing, stop.state, reason=stop.reason, by=stop.by, now=now, cancel_orders=stop.cancel_orders
        )

    async with _database(url) as database:
        switch, changed = await _change(database, change, settings)
        on_committed(switch)
        all_in = False
        left: Sequence[LiveOrder] = ()
        with suppress(DatabaseUnavailable):  # it is stopped all the same; what is not known is told as not so
            all_in = await drained(database, holding_times(settings.venue_deadline_s).longest_s)
            left = await _left(database, switch, cancel_patience_s) if stop.cancel_orders else ()
    return Done(switch=switch, asked=stop.state, changed=changed, drained=all_in, left=left)


async def resume_trading(url: str, settings: ServiceSettings, shown: Switch, reason: str, by: str) -> Done:
    """Let everything through again, if what stands is what was `shown`.

    Raises SwitchMoved if it is not, which leaves it as it is; DatabaseUnavailable.
    """

    def change(standing: Switch, now: datetime) -> Switch:
        # A row that is missing is written, as what its absence means, before it is changed.
        if standing.version != max(shown.version, 1) and not standing.active:
            raise SwitchMoved(f"it has changed since it was read; it stands so now: {headline(standing)}")
        return resumed(standing, reason=reason, by=by, now=now)

    async with _database(url) as database:
        switch, changed = await _change(database, change, settings)
    return Done(switch=switch, asked=ControlState.ACTIVE, changed=changed)


async def standing_switch(url: str) -> Switch:
    """Return the switch as it stands; raises DatabaseUnavailable."""
    async with _database(url) as database, database.transaction() as connection:
        return await read_switch(connection)


def named_user() -> str:
    """Return who types, by the operating system's word."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user often has a number only
        return f"uid {os.getuid()}"


def headline(switch: Switch) -> str:
    """Return the switch in one line: what, who, when, why."""
    since = switch.since.isoformat(sep=" ", timespec="seconds")
    cancels = ", cancelling working orders" if switch.cancel_orders else ""
    return f"trading: {switch.state.value}{cancels}  by {switch.by} since {since}: {switch.reason}"


def told(done: Done) -> Iterator[str]:
    """Yield what a person needs to know of a command's outcome."""
    if done.switch.state is not done.asked:
        yield f"{done.asked.value} would loosen what stands; only `dispatch resume` does that"
    elif not done.changed:
        yield "it stood so already"
    yield headline(done.switch)
    if done.drained:
        yield "no order is on its way any more"
    elif done.drained is False:
        yield "an order may still be on its way to the venue: run this again to wait for it"
    for order in done.left:
        yield f"not cancelled yet: {order.occ_symbol}, {order.status}, client order id {order.client_order_id}"
    if done.left:
        yield "the executor goes on cancelling; if none runs, or the venue stays away, cancel them at the venue"


def document(switch: Switch) -> dict[str, Any]:
    """Return the switch as JSON holds it."""
    return {
        "scope": switch.scope,
        "state": switch.state.value,
        "reason": switch.reason,
        "by": switch.by,
        "since": switch.since.isoformat(),
        "version": switch.version,
        "cancel_orders": switch.cancel_orders,
    }


async def _change(
    database: Database, change: Callable[[Switch, datetime], Switch], settings: ServiceSettings
) -> tuple[Switch, bool]:
    changed = False

    def noted(standing: Switch, now: datetime) -> Switch:
        nonlocal changed
        after = change(standing, now)
        changed = after is not standing
        return after

    # No trading parameters are read: a damaged file of them must not keep anybody from stopping.
    origin = Origin("operator", settings.code_revision(), "none")
    async with database.transaction() as connection:
        switch = await change_switch(connection, noted, origin, patient=True)
    return switch, changed


async def _left(database: Database, switch: Switch, patience_s: float) -> Sequence[LiveOrder]:
    end_s = time.monotonic() + patience_s
    left = await _live(database, switch)
    while left and time.monotonic() < end_s:
        await asyncio.sleep(_LOOK_EVERY_S)
        left = await _live(database, switch)
    return left


async def _live(database: Database, switch: Switch) -> Sequence[LiveOrder]:
    async with database.transaction() as connection:
        orders = await live_orders(connection)
    return [order for order in orders if order.opens or switch.state is ControlState.HALTED]


@asynccontextmanager
async def _database(url: str) -> AsyncIterator[Database]:
    async with Database(url, size=2) as database:
        yield database
