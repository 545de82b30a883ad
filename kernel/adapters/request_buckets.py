"""The buckets all processes of an account share, in Postgres: one statement for each grant, on a connection of its own.

The statements are `kernel.domain.rate_limit` in SQL, by the server's clock; a test holds both against each other. Each
is a single statement that commits by itself, so a process that stands still can never hold the row. Commits are not
awaited on disk: a crash of the server forgets the last grants, and the venue's next answer corrects them.
"""

import hashlib
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection

from kernel.adapters.postgres import NOTICES_A_LOST_SERVER
from kernel.adapters.rate_governor import RateGovernor
from kernel.domain.errors import DatabaseUnavailable
from kernel.domain.rate_limit import (
    ASSUMED_LIMIT,
    KEPT_BACK,
    Bucket,
    Budget,
    Told,
    Urgency,
    anew_in_s,
    capacity_of,
    per_s_of,
)
from kernel.runtime.settings import ServiceSettings

_SESSION = "-c statement_timeout=2000 -c synchronous_commit=off -c timezone=UTC"
_CONNECT_TIMEOUT_S = 2


def shared_governor(settings: ServiceSettings) -> RateGovernor:
    """Return the governor of a process that shares its account's requests with others through the database."""
    url = settings.database_url.get_secret_value()
    account = account_key(settings.apca_api_key_id.get_secret_value())
    return RateGovernor(lambda: RequestBuckets(url, account))


def account_key(key_id: str) -> str:
    """Return the name of an account's buckets: a hash, because a key id has no place in a table."""
    return hashlib.sha256(b"dispatch request bucket\0" + key_id.encode()).hexdigest()[:16]


class RequestBuckets:
    """The buckets of one account. Calls must come one after another; each raises DatabaseUnavailable."""

    def __init__(self, database_url: str, account: str) -> None:
        self._database_url = database_url
        self._account = account
        self._connection: AsyncConnection[tuple[Any, ...]] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connection back; the next call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def take(self, budget: Budget, wanted: int, urgency: Urgency) -> tuple[int, Bucket]:
        """Take up to `wanted` tokens; return how many were granted and the bucket after it, with now as second 0."""
        values = {"wanted": wanted, "kept_back": KEPT_BACK[urgency]}
        granted, *bucket = await self._run(_TAKE, budget, values)
        return int(granted), _bucket(bucket)

    async def learn(self, budget: Budget, told: Told) -> Bucket:
        """Take over what the venue told; return the bucket after it, with now as second 0."""
        values = {
            "limit": told.limit,
            "capacity": capacity_of(told.limit),
            "per_s": per_s_of(told.limit),
            "remaining": told.remaining,
            "refused": told.refused,
            "anew_in_s": anew_in_s(told),
        }
        return _bucket(await self._run(_LEARN, budget, values))

    async def _run(self, statement: str, budget: Budget, values: dict[str, Any]) -> tuple[Any, ...]:
        values |= {"account": self._account, "budget": budget.value}
        try:
            if self._connection is None:
                self._connection = await AsyncConnection.connect(
                    self._database_url,
                    autocommit=True,
                    options=_SESSION,
                    connect_timeout=_CONNECT_TIMEOUT_S,
                    **NOTICES_A_LOST_SERVER,
                )
            row = await (await self._connection.execute(statement, values)).fetchone()
            if row is None:
                await self._connection.execute(_BEGIN, values | _ASSUMED)
                row = await (await self._connection.execute(statement, values)).fetchone()
        except psycopg.Error as e:
            await self.close()
            msg = f"the request buckets could not be read: {type(e).__name__}"
            raise DatabaseUnavailable(msg) from e
        assert row is not None, "the bucket was made a line ago"
        return row


def _bucket(row: tuple[Any, ...] | list[Any]) -> Bucket:
    limit, tokens, held_s = row
    return Bucket(limit, tokens, held_s)


_ASSUMED = {
    "limit": ASSUMED_LIMIT,
    "capacity": capacity_of(ASSUMED_LIMIT),
    "per_s": per_s_of(ASSUMED_LIMIT),
}

_BEGIN = """
INSERT INTO dispatch_request_buckets (account, budget, limit_per_minute, capacity, per_s, tokens)
VALUES (%(account)s, %(budget)s, %(limit)s, %(capacity)s, %(per_s)s, %(capacity)s) ON CONFLICT DO NOTHING
"""

#: The row as it stands now, locked: a grant that waited for another is judged on what that one left.
_NOW = """
WITH locked AS (
    SELECT *, clock_timestamp() AS at FROM dispatch_request_buckets
    WHERE account = %(account)s AND budget = %(budget)s FOR UPDATE
), bucket AS (
    SELECT locked.*,
        least(capacity, tokens + greatest(0, extract(epoch FROM at - counted_at)::float8) * per_s) AS present,
        greatest(at, counted_at) AS present_at
    FROM locked
)
"""

_TAKE = (
    _NOW  # noqa: S608 - both parts are literals
    + """, answer AS (
    SELECT bucket.*, CASE WHEN counted_at > at THEN 0
        ELSE greatest(0, least(%(wanted)s, floor(present - %(kept_back)s * capacity)))::int END AS granted
    FROM bucket
)
UPDATE dispatch_request_buckets AS stored
SET tokens = answer.present - answer.granted, counted_at = answer.present_at
FROM answer WHERE stored.account = answer.account AND stored.budget = answer.budget
RETURNING answer.granted, stored.limit_per_minute, stored.tokens,
    extract(epoch FROM stored.counted_at - answer.at)::float8
"""
)

_LEARN = (
    _NOW  # noqa: S608 - both parts are literals
    + """, resized AS (
    SELECT bucket.*, CASE WHEN limit_per_minute = %(limit)s THEN present
        ELSE present / capacity * %(capacity)s END AS scaled
    FROM bucket
)
UPDATE dispatch_request_buckets AS stored
SET limit_per_minute = %(limit)s, capacity = %(capacity)s, per_s = %(per_s)s,
    tokens = CASE WHEN %(refused)s THEN %(capacity)s
        WHEN resized.counted_at > resized.at THEN resized.scaled
        ELSE least(resized.scaled, %(remaining)s) END,
    counted_at = CASE WHEN %(refused)s THEN greatest(resized.present_at, resized.at + %(anew_in_s)s * interval '1 s')
        ELSE resized.present_at END
FROM resized WHERE stored.account = resized.account AND stored.budget = resized.budget
RETURNING stored.limit_per_minute, stored.tokens, extract(epoch FROM stored.counted_at - resized.at)::float8
"""
)
