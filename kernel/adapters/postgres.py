"""Postgres: one pool per process, short transactions, lost connections as DatabaseUnavailable."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from kernel.domain.errors import DatabaseUnavailable

Connection = AsyncConnection[tuple[Any, ...]]

#: Longer than any statement of ours needs; a stuck server is treated as lost.
_STATEMENT_TIMEOUT_MS = 10_000
#: A process that stands still inside a transaction holds its locks: the server ends it, so that others can go on.
#: Longer than any transaction of ours.
_TRANSACTION_TIMEOUT_MS = 30_000
_LIMITS_TRANSACTIONS = 170_000
#: A server whose packets no longer arrive is noticed within about ten seconds. Left to itself the kernel would wait for
#: two hours, or a quarter of one, and with it whoever asked: a leader that nobody hears would believe that it leads.
NOTICES_A_LOST_SERVER: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_LOST = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    # The server has ended the session; psycopg does not count these among the operational errors.
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
    PoolTimeout,
)


class Database:
    """A pool of connections at READ COMMITTED; invariants rest on keys, conditional updates and row locks.

    Use as an async context manager, or call `open` and `close`.
    """

    def __init__(self, url: str, *, size: int = 4) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            open=False,
            timeout=5.0,
            configure=_bound_transactions,
            kwargs={
                "options": f"-c statement_timeout={_STATEMENT_TIMEOUT_MS} -c timezone=UTC",
                "connect_timeout": 5,
                **NOTICES_A_LOST_SERVER,
            },
        )

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Start the pool; the first connection may come later."""
        await self._pool.open()

    async def close(self) -> None:
        """Give all connections back."""
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Yield a connection inside one transaction: committed at the end, rolled back on any exception.

        Raises DatabaseUnavailable when the connection is lost. After that the caller cannot know whether a commit
        happened: every write must be safe to repeat.
        """
        try:
            async with self._pool.connection() as connection, connection.transaction():
                yield connection
        except _LOST as e:
            msg = (
                f"the database did not answer: {type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}"
            )
            raise DatabaseUnavailable(msg) from e


def transaction_limit(connection: Connection) -> str:
    """Return the setting by which this server ends a transaction whose holder stands still.

    Before Postgres 17 only idle time can be limited, which Postgres 18 was seen to forget after a pipeline.
    """
    has_own = connection.info.server_version >= _LIMITS_TRANSACTIONS
    return "transaction_timeout" if has_own else "idle_in_transaction_session_timeout"


async def _bound_transactions(connection: Connection) -> None:
    limit = (transaction_limit(connection), f"{_TRANSACTION_TIMEOUT_MS}ms")
    await connection.execute("SELECT set_config(%s, %s, false)", limit)
    await connection.commit()
