"""Elects one worker per account to listen to the venue, by a session lock of Postgres on a connection of its own.

1. The lock lives as long as its connection: a leader that dies loses it at once, one that stands still loses it when
   the server ends the idle session. Another worker takes over within `STAND_BY_S` + `_IDLE_LIMIT`, under 5 s.
2. A leader that lost its connection stops its work before it stands again. For a moment two may work: every step they
   write is decided under the order's row lock, so that is harmless.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection

from kernel.adapters.postgres import NOTICES_A_LOST_SERVER
from kernel.domain.errors import TransientError
from kernel.runtime.logging import get_logger

_log = get_logger()
#: How often a candidate tries, and how often the leader shows the server that it is alive.
STAND_BY_S = 1.0
_IDLE_LIMIT = "3500ms"
_SESSION = f"-c idle_session_timeout={_IDLE_LIMIT} -c statement_timeout=2000"
_CONNECT_TIMEOUT_S = 5


class PostgresElection:
    """One leader among the workers that share a database and a `name`."""

    def __init__(self, database_url: str, name: Callable[[], str]) -> None:
        """`name` is asked when the first vote is cast: it may only then be known."""
        self._database_url = database_url
        self._name = name

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """For ever: wait to become the leader, run `work` as long as that lasts, stand by again."""
        while True:
            try:
                async with await self._connect() as connection:
                    await self._win(connection)
                    _log.info("leads: listens to the venue for all executors")
                    await _hold(connection, work)
            except (psycopg.Error, TransientError) as e:
                _log.warning("does not lead", error=type(e).__name__, reason=str(e).partition("\n")[0])
            await asyncio.sleep(STAND_BY_S)

    async def _connect(self) -> AsyncConnection[tuple[object, ...]]:
        return await AsyncConnection.connect(
            self._database_url,
            autocommit=True,
            options=_SESSION,
            connect_timeout=_CONNECT_TIMEOUT_S,
            **NOTICES_A_LOST_SERVER,
        )

    async def _win(self, connection: AsyncConnection[tuple[object, ...]]) -> None:
        while True:
            cursor = await connection.execute(
                "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (self._name(),)
            )
            row = await cursor.fetchone()
            if row is not None and row[0] is True:
                return
            await asyncio.sleep(STAND_BY_S)


async def _hold(connection: AsyncConnection[tuple[object, ...]], work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` while the connection lives; raises what ended either."""
    task = asyncio.ensure_future(work())
    try:
        while not task.done():
            await asyncio.wait([task], timeout=STAND_BY_S)
            await connection.execute("SELECT 1")
        task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task
