"""The switch that stops trading, over the model database: an executor's hand on it, and the operator's.

The same steps as kernel.adapters.control takes: read after the shared lock is held, changed under its row, drained by
taking the lock alone.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from kernel.adapters.control import Lease, announcement, holding_times
from kernel.contracts.codec import Codec
from kernel.contracts.origin import Origin
from kernel.contracts.topics import CONTROL
from kernel.domain.control import ControlState, Switch, tightened
from kernel.domain.errors import DatabaseUnavailable
from tests.simulation.database import ModelDatabase, Transaction
from tests.simulation.gateway import DEADLINE_S
from tests.simulation.loop import SimulatedLoop
from tests.simulation.tables import OutboxRow, Tables

Change = Callable[[Switch, datetime], Switch]
_LOCK, _ROW = "switch", "switch row"


class ModelSwitch:
    """What PostgresSwitch and `dispatch halt` do with the switch."""

    def __init__(
        self,
        loop: SimulatedLoop,
        database: ModelDatabase,
        tables: Tables,
        origin: Origin,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._database = database
        self._tables = tables
        self._origin = origin
        self._on_commit = on_commit
        self._times = holding_times(DEADLINE_S)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Lease]:
        """Hold the switch as it stands while an order is sent; raises DatabaseUnavailable before the block only."""
        ends_at_s, over_to_us, failed = self._loop.time() + self._times.lease_s, False, False
        try:
            async with self._database.transaction(at_most_s=self._times.at_most_s) as transaction:
                switch = await self._hold(transaction)
                over_to_us = True
                try:
                    yield Lease(switch, ends_at_s, self._loop.time)
                except BaseException:
                    failed = True
                    raise
        except DatabaseUnavailable:
            if failed or not over_to_us:
                raise

    async def read(self) -> Switch:
        """Return the switch as it stands."""
        async with self._database.transaction() as transaction:
            await transaction.statement()
            return self._tables.switch

    async def trip(self, state: ControlState, reason: str) -> Switch:
        """Tighten the switch."""
        by = self._origin.stage
        return await self.change(
            lambda standing, now: tightened(standing, state, reason=reason, by=by, now=now)
        )

    async def change(self, change: Change) -> Switch:
        """Lock, change, write; returns the switch as it stands then."""
        async with self._database.transaction() as transaction:
            await transaction.lock(_ROW)
            after = change(self._tables.switch, self._database.now())
            transaction.stage(lambda: write_switch(self._tables, after, self._origin))
        self._on_commit()
        return after

    async def drained(self) -> bool:
        """Wait until no order is on its way that was let through before."""
        try:
            async with self._database.transaction() as transaction:
                await transaction.lock(_LOCK)
        except DatabaseUnavailable:
            return False
        return True

    async def _hold(self, transaction: Transaction) -> Switch:
        got = await transaction.try_lock(_LOCK, shared=True)
        await transaction.statement()
        if got or self._tables.switch.state is ControlState.HALTED:
            return self._tables.switch
        await transaction.lock(_LOCK, shared=True)
        await transaction.statement()
        return self._tables.switch


def write_switch(tables: Tables, after: Switch, origin: Origin) -> None:
    """Write the switch and its announcement, unless it is as it was; at a commit."""
    if after is tables.switch:
        return
    tables.switch = after
    message = announcement(after, origin)
    row = OutboxRow(message.meta.id, CONTROL.name, Codec().encode(CONTROL, message))
    tables.outbox[tables.number()] = row
