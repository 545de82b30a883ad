"""Who listens for all: on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import pytest

from kernel.adapters.migrate import migrate
from services.executor.adapters.postgres_election import PostgresElection
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration


class Candidate:
    """A worker that stands for election; `leads` while it is the leader."""

    def __init__(self, database_url: str, name: str = "account") -> None:
        self.election = PostgresElection(database_url, lambda: name)
        self.leads = False

    async def work(self) -> None:
        self.leads = True
        try:
            await asyncio.Event().wait()
        finally:
            self.leads = False


class Asked:
    """When the candidates' sessions asked for the lead, as the server tells."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._times: dict[int, set[object]] = {}

    def again(self) -> bool:
        """Whether one of them was seen to ask twice."""
        query = (
            "SELECT pid, query_start FROM pg_stat_activity"
            " WHERE query LIKE '%pg_try_advisory_lock%' AND pid <> pg_backend_pid()"
        )
        with psycopg.connect(self._url, autocommit=True) as connection:
            for pid, at in connection.execute(query).fetchall():
                self._times.setdefault(pid, set()).add(at)
        return any(len(times) > 1 for times in self._times.values())


@pytest.fixture
def migrated_url(database_url: str) -> str:
    migrate(database_url)
    return database_url


async def test_one_candidate_leads_and_another_takes_over_within_five_seconds(migrated_url: str) -> None:
    first, second = Candidate(migrated_url), Candidate(migrated_url)
    async with running(second.election.lead(second.work)):
        async with running(first.election.lead(first.work)):
            await eventually(lambda: first.leads or second.leads)
            asked = Asked(migrated_url)
            # Who asks again does not lead: only then has the other one had its chance to.
            await eventually(lambda: asked.again() or (first.leads and second.leads))
            assert first.leads != second.leads
        await eventually(lambda: second.leads, within_s=5)
        assert not first.leads


async def test_a_leader_whose_connection_is_cut_stops_working_and_the_lead_passes_on(
    migrated_url: str,
) -> None:
    candidate = Candidate(migrated_url)
    async with running(candidate.election.lead(candidate.work)):
        await eventually(lambda: candidate.leads)
        stopped = False

        def has_stopped() -> bool:
            nonlocal stopped
            stopped = stopped or not candidate.leads
            return stopped

        with psycopg.connect(migrated_url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            )
        await eventually(has_stopped, within_s=5)
        await eventually(lambda: candidate.leads, within_s=5)


async def test_a_leader_that_stands_still_loses_the_lead(migrated_url: str) -> None:
    """A paused process keeps its connection: the server has to end the session."""
    paused = await PostgresElection(migrated_url, lambda: "account")._connect()
    await paused.execute("SELECT pg_try_advisory_lock(hashtextextended('account', 0))")
    candidate = Candidate(migrated_url)
    async with running(candidate.election.lead(candidate.work)):
        await eventually(lambda: candidate.leads, within_s=5)
    await paused.close()


async def test_candidates_for_different_accounts_all_lead(migrated_url: str) -> None:
    first, second = Candidate(migrated_url, "one"), Candidate(migrated_url, "two")
    async with running(first.election.lead(first.work)), running(second.election.lead(second.work)):
        await eventually(lambda: first.leads and second.leads)


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
