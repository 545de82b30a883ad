"""The shared request buckets on a real Postgres."""

import asyncio
import math
import random

import psycopg
import pytest

from kernel.adapters.migrate import migrate
from kernel.adapters.rate_governor import RateGovernor
from kernel.adapters.request_buckets import RequestBuckets, account_key
from kernel.domain.errors import DatabaseUnavailable, OverBudget
from kernel.domain.rate_limit import Bucket, Budget, Told, Urgency, admit, full, learn, refilled

pytestmark = pytest.mark.integration
ACCOUNT = account_key("PK-TEST")


@pytest.fixture
def url(database_url: str) -> str:
    migrate(database_url)
    return database_url


def test_a_key_id_cannot_be_read_from_its_buckets_name() -> None:
    assert "PK-TEST" not in ACCOUNT
    assert len(ACCOUNT) == 16
    assert account_key("PK-OTHER") != ACCOUNT


@pytest.mark.parametrize("seed", range(5))
async def test_the_statements_do_the_arithmetic_of_the_domain(url: str, seed: int) -> None:
    """Each step is done by both from the row as it stood, at the instant the server did it."""
    steps = random.Random(seed)
    async with RequestBuckets(url, ACCOUNT) as buckets:
        await buckets.take(Budget.DATA, 0, Urgency.EXIT)
        for _ in range(60):
            before = stored(url)
            if steps.random() < 0.7:
                wanted, urgency = steps.randrange(40), steps.choice(list(Urgency))
                granted, after = await buckets.take(Budget.DATA, wanted, urgency)
                now_s = counted_at(url) - after.at_s
                expected, expected_grant = admit(before, wanted, urgency, now_s)
                assert granted == expected_grant
            else:
                limit, remaining = steps.choice([60, 200, 200, 5000]), steps.randrange(220)
                told = Told(limit, remaining, steps.choice([-1.0, 0.0, 1.2]), refused=steps.random() < 0.1)
                after = await buckets.learn(Budget.DATA, told)
                now_s = counted_at(url) - after.at_s
                expected = learn(before, told, now_s)
            expected = refilled(expected, now_s)
            assert after.limit == expected.limit
            assert math.isclose(after.tokens, expected.tokens, abs_tol=1e-3)
            assert math.isclose(now_s + after.at_s, expected.at_s, abs_tol=1e-3)
            move_back(url, steps.random() * 3)


async def test_many_connections_at_once_are_granted_what_there_is_and_no_more(url: str) -> None:
    connections = [RequestBuckets(url, ACCOUNT) for _ in range(12)]
    granted = 0

    async def take_until_refused(buckets: RequestBuckets) -> None:
        nonlocal granted
        while (n := (await buckets.take(Budget.TRADING, 1, Urgency.EXIT))[0]) > 0:
            granted += n

    began_s = await server_s(url)
    await asyncio.gather(*(take_until_refused(each) for each in connections))
    took_s = await server_s(url) - began_s
    for each in connections:
        await each.close()

    bucket = full(200, 0.0)
    assert granted >= bucket.capacity
    assert granted <= bucket.capacity + math.ceil(took_s * bucket.per_s)


async def test_reads_of_all_processes_together_leave_the_entries_their_share(url: str) -> None:
    async with RequestBuckets(url, ACCOUNT) as reader, RequestBuckets(url, ACCOUNT) as trader:
        read = (await reader.take(Budget.TRADING, 1000, Urgency.READ))[0]
        entered = (await trader.take(Budget.TRADING, 1000, Urgency.ENTRY))[0]
        left = (await trader.take(Budget.TRADING, 1000, Urgency.EXIT))[0]

    assert (read, entered, left) == (25, 15, 10)


async def test_what_one_process_learns_holds_for_the_other_and_the_apis_count_apart(url: str) -> None:
    async with RequestBuckets(url, ACCOUNT) as one, RequestBuckets(url, ACCOUNT) as other:
        await one.learn(Budget.TRADING, Told(200, 0, 50.0, refused=True))

        granted, bucket = await other.take(Budget.TRADING, 1, Urgency.EXIT)
        assert granted == 0
        assert 45 < bucket.at_s <= 50
        assert (await other.take(Budget.DATA, 1, Urgency.READ))[0] == 1


async def test_a_connection_that_was_cut_is_replaced_at_the_next_question(url: str) -> None:
    async with RequestBuckets(url, ACCOUNT) as buckets:
        await buckets.take(Budget.TRADING, 1, Urgency.READ)
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        with pytest.raises(DatabaseUnavailable):
            await buckets.take(Budget.TRADING, 1, Urgency.READ)

        assert (await buckets.take(Budget.TRADING, 1, Urgency.READ))[0] == 1


async def test_a_database_without_the_table_lets_no_entry_through(database_url: str) -> None:
    async with RateGovernor(lambda: RequestBuckets(database_url, ACCOUNT)) as governor:
        with pytest.raises(OverBudget):
            await governor.admit(Budget.TRADING, Urgency.ENTRY)
        await governor.admit(Budget.TRADING, Urgency.EXIT)


def stored(url: str) -> Bucket:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT limit_per_minute, tokens, extract(epoch FROM counted_at)::float8"
            " FROM dispatch_request_buckets WHERE budget = 'data'"
        ).fetchone()
    assert row is not None
    return Bucket(*row)


def counted_at(url: str) -> float:
    return stored(url).at_s


def move_back(url: str, by_s: float) -> None:
    """Let time pass: the row was counted that much longer ago."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "UPDATE dispatch_request_buckets SET counted_at = counted_at - %s * interval '1 s'", (by_s,)
        )


async def server_s(url: str) -> float:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    assert row is not None
    return float(row[0])
