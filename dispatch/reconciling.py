"""How the books stand against the venue, in one line: by the same words, and the same query, as the executor's gates."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dispatch.connection import running_stack
from kernel.adapters.postgres import Database
from kernel.contracts.messages import RejectionCode
from kernel.runtime.clock import SystemClock
from services.executor.adapters.postgres_drift import PostgresDrift, Standing
from services.executor.adapters.postgres_readiness import PostgresReadiness
from services.executor.core.readiness import Readiness
from services.executor.settings import ExecutorSettings


@dataclass(frozen=True, slots=True)
class BookLine:
    """An account's books: what stands, and what the executor makes of it."""

    standing: Standing
    readiness: Readiness

    @property
    def refusal(self) -> RejectionCode | None:
        """What a ticket would be refused with, as far as the books are asked; in the order of the gates."""
        if not self.readiness.stream_ready:
            return RejectionCode.STREAM_NOT_READY
        if not self.readiness.reconciled:
            return RejectionCode.RECONCILING
        return RejectionCode.DRIFT_UNEXPLAINED if self.readiness.drift else None


def books_here(database_url: str, reconcile_s: float) -> list[BookLine]:
    """Return the books of each account that an executor listens to; raises DatabaseUnavailable.

    `reconcile_s`: seconds between two passes, as the executor was told.
    """

    async def read() -> list[BookLine]:
        async with Database(database_url, size=1) as database:
            return await book_lines(database, reconcile_s)

    return asyncio.run(read())


async def book_lines(database: Database, reconcile_s: float) -> list[BookLine]:
    """Return the books of each account; raises DatabaseUnavailable."""
    standings = await PostgresDrift(database).standings()
    return [await _line(database, standing, reconcile_s) for standing in standings]


async def _line(database: Database, standing: Standing, reconcile_s: float) -> BookLine:
    board = PostgresReadiness(database, lambda: standing.account_id, reconcile_s)
    return BookLine(standing, await board.readiness())


def reconcile_s_here(environ: Mapping[str, str] = os.environ) -> float:
    """Return the seconds between two passes, as the executor of the database that commands talk to was told."""
    state = None if "DATABASE_URL" in environ else running_stack(environ)
    given = {} if state is None else state.environment
    return ExecutorSettings.from_env({**environ, **given}).reconcile_s


def line_of(line: BookLine, now: datetime | None = None) -> str:
    """Return an account's last comparison in one line; `now` is real time, None asks for it."""
    standing, at = line.standing, now or SystemClock().now()
    word = "agree" if line.refusal is None else f"no new order, {line.refusal.value}"
    parts = [word, _compared(standing, at)]
    if standing.expected:
        parts.append(f"{standing.expected} to be confirmed by the venue's activities")
    if standing.unconfirmed:
        parts.append(f"{len(standing.unconfirmed)} not explained yet")
    if standing.drift:
        parts.append(f"DRIFT: {'; '.join(standing.drift)}")
    parts.append("stream up" if standing.stream_ready else "stream down")
    return f"books of {standing.account_id}: {', '.join(parts)}"


def _compared(standing: Standing, now: datetime) -> str:
    if standing.pass_at is None:
        return "not compared yet"
    clean = "never clean" if standing.clean_at is None else f"clean {_ago(standing.clean_at, now)}"
    return f"compared {_ago(standing.pass_at, now)} in {standing.pass_ms or 0:.0f} ms, {clean}"


def _ago(then: datetime, now: datetime) -> str:
    seconds = max(0, round((now - then).total_seconds()))
    return f"{seconds} s ago" if seconds < 120 else f"{seconds // 60} min ago"
