"""The executor's hand on the switch: held while an order is sent, read by the listener, tripped by the wire guard."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from kernel.adapters.control import Lease, change_switch, held, holding_times, read_switch
from kernel.adapters.postgres import Database
from kernel.contracts.origin import Origin
from kernel.domain.control import ControlState, Switch, tightened
from kernel.runtime.logging import get_logger

_log = get_logger()


class PostgresSwitch:
    """The switch of one database. `on_commit` is called after a change, to hurry the outbox.

    Each order on its way holds a connection of `database`: give it a pool of its own, as large as orders are many.
    """

    def __init__(
        self, database: Database, origin: Origin, on_commit: Callable[[], None], *, venue_deadline_s: float
    ) -> None:
        self._database = database
        self._origin = origin
        self._on_commit = on_commit
        self._times = holding_times(venue_deadline_s)

    def held(self) -> AbstractAsyncContextManager[Lease]:
        """Hold the switch as it stands while an order is sent; raises DatabaseUnavailable before the block only."""
        return held(self._database, self._times)

    async def read(self) -> Switch:
        """Return the switch as it stands; raises DatabaseUnavailable."""
        async with self._database.transaction() as connection:
            return await read_switch(connection)

    async def trip(self, state: ControlState, reason: str) -> Switch:
        """Tighten the switch; returns it as it stands then. Raises DatabaseUnavailable."""
        async with self._database.transaction() as connection:
            switch = await change_switch(
                connection,
                lambda standing, now: tightened(
                    standing, state, reason=reason, by=self._origin.stage, now=now
                ),
                self._origin,
            )
        self._on_commit()
        _log.critical("the switch was tripped", state=switch.state.value, reason=switch.reason, by=switch.by)
        return switch
