"""How the books stand against the venue, in one line."""

import asyncio

from kernel.adapters.postgres import Database
from kernel.domain.errors import DatabaseUnavailable
from services.executor.adapters.postgres_drift import PostgresDrift, Standing


def books_here(database_url: str) -> list[str]:
    """Return a line for each account that an executor listens to; that the database is away is one too."""

    async def read() -> list[Standing]:
        async with Database(database_url, size=1) as database:
            return await PostgresDrift(database).standings()

    try:
        return [line_of(standing) for standing in asyncio.run(read())]
    except DatabaseUnavailable as e:
        return [f"books: {e}"]


def line_of(standing: Standing) -> str:
    """Return an account's last comparison in one line."""
    stream = "stream up" if standing.stream_ready else "stream down"
    if standing.pass_at is None:
        return f"books of {standing.account_id}: not compared yet, {stream}"
    parts = [f"compared {standing.pass_at:%H:%M:%S} UTC in {standing.pass_ms or 0:.0f} ms"]
    if standing.expected:
        parts.append(f"{standing.expected} to be confirmed by the venue's activities")
    if standing.unconfirmed:
        parts.append(f"{len(standing.unconfirmed)} not explained yet")
    if standing.drift:
        parts.append(f"DRIFT: {'; '.join(standing.drift)}")
    elif not standing.unconfirmed:
        parts.append("agree")
    return f"books of {standing.account_id}: {', '.join(parts)}, {stream}"
