"""The selector's answers, kept in Postgres."""

from kernel.adapters.decision_log import DecisionLog
from kernel.adapters.postgres import Database
from kernel.domain.errors import InvariantBroken
from kernel.stream.stage import Emissions


class PostgresDecisions:
    """Decisions over the kernel's decision log, one short transaction each."""

    def __init__(self, database: Database, log: DecisionLog) -> None:
        self._database = database
        self._log = log

    async def recall(self, signal_id: str) -> Emissions | None:
        """Return what was answered to a signal before, or None when it is new."""
        async with self._database.transaction() as connection:
            return await self._log.recall(connection, signal_id)

    async def record(self, signal_id: str, emissions: Emissions) -> Emissions:
        """Keep `emissions`, or return the answer another worker kept first."""
        async with self._database.transaction() as connection:
            if await self._log.record(connection, signal_id, emissions):
                return emissions
            standing = await self._log.recall(connection, signal_id)
        if standing is None:
            msg = f"the answer to {signal_id} is neither new nor there"
            raise InvariantBroken(msg)
        return standing
