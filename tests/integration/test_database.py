"""Database, migrations and the decision log against a real Postgres."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from kernel.adapters.decision_log import DecisionLog
from kernel.adapters.migrate import migrate
from kernel.adapters.postgres import Database
from kernel.contracts.codec import Codec
from kernel.contracts.topics import TICKETS
from kernel.domain.errors import DatabaseUnavailable, UnknownSchema
from kernel.stream.stage import Emission
from kernel.testing.builders import a_ticket
from tests.fakes.revisions import changed, exported, own_store, values, with_field, written

pytestmark = pytest.mark.integration
POOL_SIZE = 4
CREATE = "CREATE TABLE kept (word text PRIMARY KEY)"


@pytest.fixture
async def database(database_url):
    async with Database(database_url, size=POOL_SIZE) as opened:
        yield opened


async def words(database: Database) -> list[str]:
    async with database.transaction() as connection:
        cursor = await connection.execute("SELECT word FROM kept ORDER BY word")
        return [row[0] for row in await cursor.fetchall()]


async def hold_at_once(database: Database, count: int) -> None:
    """Run `count` transactions that all are open at the same time."""
    everyone = asyncio.Barrier(count)

    async def hold() -> None:
        async with database.transaction() as connection:
            await connection.execute("SELECT 1")
            await everyone.wait()

    await asyncio.gather(*(hold() for _ in range(count)))


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {row[0] for row in rows}


async def test_a_transaction_is_kept_whole_or_not_at_all(database):
    async with database.transaction() as connection:
        await connection.execute(CREATE)
        await connection.execute("INSERT INTO kept VALUES ('first')")
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO kept VALUES ('second'); SELECT 1 / 0")
    assert await words(database) == ["first"]


async def test_every_session_speaks_utc_and_bounds_its_statements(database):
    async with database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT current_setting('timezone'), current_setting('statement_timeout'),"
            " current_setting('transaction_isolation')"
        )
        assert await cursor.fetchone() == ("UTC", "10s", "read committed")


async def test_a_statement_that_is_stuck_counts_as_a_lost_database(database):
    with pytest.raises(DatabaseUnavailable, match="statement timeout"):
        async with database.transaction() as connection:
            await connection.execute("SET LOCAL statement_timeout = 20; SELECT pg_sleep(30)")


async def test_who_stands_still_inside_a_transaction_loses_it_to_others(database, database_url, monkeypatch):
    """The limit leaves time to take the row on a busy machine, and is that of the one who stands still only."""

    async def stand_still(brief: Database) -> None:
        async with brief.transaction() as paused:
            async with paused.pipeline():  # after one the server does not count idle time
                await paused.execute("UPDATE kept SET word = 'lost'")
            monkeypatch.undo()
            await win()

    async def win() -> None:
        """Wait for the row until the server has taken it away."""
        async with database.transaction() as other:
            await other.execute("UPDATE kept SET word = 'won'")

    async with database.transaction() as connection:
        await connection.execute(CREATE)
        await connection.execute("INSERT INTO kept VALUES ('held')")
    monkeypatch.setattr("kernel.adapters.postgres._TRANSACTION_TIMEOUT_MS", 2_000)
    async with Database(database_url) as brief:
        with pytest.raises(DatabaseUnavailable):
            await stand_still(brief)
    assert await words(database) == ["won"]


async def test_a_transaction_that_was_idle_for_too_long_counts_as_a_lost_database(database, database_url):
    async def idle() -> None:
        async with database.transaction() as connection:
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 20")
            await asyncio.to_thread(until_ended, database_url, connection.info.backend_pid)

    with pytest.raises(DatabaseUnavailable):
        await idle()


def until_ended(url: str, session: int) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(query, (session,)).fetchone() != (0,):
            pass


async def test_a_connection_killed_by_the_server_is_transient_and_the_next_one_works(database):
    with pytest.raises(DatabaseUnavailable):
        async with database.transaction() as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    async with database.transaction() as connection:
        cursor = await connection.execute("SELECT 1")
        assert await cursor.fetchone() == (1,)


async def test_after_the_server_dropped_every_connection_the_pool_mends_itself(database, database_url):
    """Nothing checks a connection before it is lent: each dead one costs one failed transaction, no more."""
    await hold_at_once(database, POOL_SIZE)
    with psycopg.connect(database_url) as connection:
        dropped = connection.execute(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE"
            " datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchone()
    failed = 0
    for _ in range(3 * POOL_SIZE):
        try:
            await hold_at_once(database, 1)
        except DatabaseUnavailable:
            failed += 1
    assert dropped == (POOL_SIZE,)
    assert failed <= POOL_SIZE
    await hold_at_once(database, POOL_SIZE)


async def test_a_mistake_in_a_statement_is_not_taken_for_an_outage(database):
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with database.transaction() as connection:
            await connection.execute("SELECT * FROM nowhere")


async def test_a_row_there_already_is_not_taken_for_an_outage(database):
    async with database.transaction() as connection:
        await connection.execute(CREATE)
        await connection.execute("INSERT INTO kept VALUES ('first')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO kept VALUES ('first')")


def test_migrating_twice_changes_nothing(database_url):
    migrate(database_url)
    once = tables(database_url)
    migrate(database_url)
    assert tables(database_url) == once
    assert {"dispatch_decisions", "dispatch_accounts", "dispatch_reservations"} <= once


def test_several_processes_may_migrate_at_once(database_url):
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migrate, database_url) for _ in range(4)]:
            done.result()
    with psycopg.connect(database_url) as connection:
        assert len(connection.execute("SELECT version_num FROM alembic_version").fetchall()) == 1


def test_a_server_that_is_not_there_is_transient_and_the_password_is_not_told():
    with pytest.raises(DatabaseUnavailable) as lost:
        migrate("postgresql://dispatch:s3cret@127.0.0.1:1/dispatch")
    assert "s3cret" not in str(lost.value)


async def test_the_recorded_answer_is_recalled_to_the_byte(database_url, database):
    migrate(database_url)
    log, codec = DecisionLog("sizer"), Codec()
    answer = [Emission(TICKETS, a_ticket()), Emission(TICKETS, a_ticket("signal-2"))]
    async with database.transaction() as connection:
        assert await log.recall(connection, "selection-1") is None
        assert await log.record(connection, "selection-1", answer)
    async with database.transaction() as connection:
        recalled = await log.recall(connection, "selection-1")
    assert [(e.topic.name, codec.encode(e.topic, e.message)) for e in recalled] == [
        (e.topic.name, codec.encode(e.topic, e.message)) for e in answer
    ]


async def test_another_revisions_answer_goes_out_again_with_what_this_one_does_not_know(
    database_url, database, monkeypatch
):
    migrate(database_url)
    newer = changed("ticket", with_field("note", ["null", "string"], default=None))
    wire = written(newer, values(a_ticket()) | {"note": "later"})
    log, store = DecisionLog("sizer"), own_store()
    monkeypatch.setattr(log, "_codec", Codec(store))
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO dispatch_decisions (stage, input_id, topics, payloads)"
            " VALUES ('sizer', 'selection-1', %s, %s)",
            (["tickets"], [wire]),
        )
    async with database.transaction() as connection:
        with pytest.raises(UnknownSchema):
            await log.recall(connection, "selection-1")
        store.learn(exported("ticket", newer))
        (kept,) = await log.recall(connection, "selection-1")
    assert (kept.message, kept.wire) == (a_ticket(), wire)


async def test_the_first_answer_stays_and_the_second_is_told_so(database_url, database):
    migrate(database_url)
    log = DecisionLog("sizer")
    async with database.transaction() as connection:
        assert await log.record(connection, "selection-1", [Emission(TICKETS, a_ticket())])
    async with database.transaction() as connection:
        assert not await log.record(connection, "selection-1", [])
        (kept,) = await log.recall(connection, "selection-1")
    assert kept.message == a_ticket()


async def test_an_answer_of_nothing_is_an_answer(database_url, database):
    migrate(database_url)
    log = DecisionLog("executor")
    async with database.transaction() as connection:
        await log.record(connection, "ticket-1", [])
        assert await log.recall(connection, "ticket-1") == []


async def test_two_stages_answer_the_same_input_apart(database_url, database):
    migrate(database_url)
    async with database.transaction() as connection:
        assert await DecisionLog("sizer").record(connection, "input", [Emission(TICKETS, a_ticket())])
        assert await DecisionLog("executor").recall(connection, "input") is None
        assert await DecisionLog("executor").record(connection, "input", [])


async def test_of_two_workers_recording_at_once_exactly_one_is_first(database_url, database):
    migrate(database_url)
    log = DecisionLog("sizer")

    async def record(cause: str) -> bool:
        async with database.transaction() as connection:
            return await log.record(connection, "input", [Emission(TICKETS, a_ticket(cause))])

    assert sorted(await asyncio.gather(record("one"), record("other"))) == [False, True]


async def test_a_server_whose_packets_are_lost_is_noticed_within_seconds(database_url: str) -> None:
    """Packets cannot be lost here; what the operating system is told to do about it can be seen."""
    async with Database(database_url) as database, database.transaction() as connection:
        told = connection.info.get_parameters()

    assert (told["keepalives_idle"], told["keepalives_interval"], told["keepalives_count"]) == ("5", "2", "3")
    assert told["tcp_user_timeout"] == "10000"
