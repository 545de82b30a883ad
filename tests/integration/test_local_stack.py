"""The local stack's servers: they start, work, stop, come back after a crash, and never outlive their owner."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dispatch.stack import jars
from dispatch.stack.errors import StackError
from dispatch.stack.kafka import start_kafka
from dispatch.stack.options import StackOptions
from dispatch.stack.parts import StackEvent
from dispatch.stack.postgres import start_postgres
from dispatch.stack.stack import LocalStack
from dispatch.stack.state import ProcessId, StackState, part_statuses, read_state
from dispatch.stack.supervisor import start_background, stop_background
from dispatch.stack.waiting import wait_until
from kernel.runtime.settings import PROJECT_ROOT

pytestmark = pytest.mark.integration

# Servers only: a venue is "given", and no stage is asked for.
SERVERS_ONLY = {"APCA_API_BASE_URL": "http://127.0.0.1:9"}
OWNER = """
import signal, sys, time
from pathlib import Path
from dispatch.stack.options import StackOptions
from dispatch.stack.stack import LocalStack
options = StackOptions(run_folder=Path(sys.argv[1]), stages=(), topic_prefix=sys.argv[2])
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests are a shell's job in the background
with LocalStack(options):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def options(tmp_path: Path) -> StackOptions:
    return StackOptions(run_folder=tmp_path / "run", stages=())


@pytest.fixture
def with_kafka_given(
    options: StackOptions, kafka_bootstrap: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> StackOptions:
    """Options of a stack that starts Postgres alone, in this environment and in that of child processes."""
    for name, value in {**SERVERS_ONLY, "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap}.items():
        monkeypatch.setenv(name, value)
    return options.model_copy(update={"topic_prefix": topic_prefix})


@contextmanager
def owner(options: StackOptions) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that owns a running stack."""
    command = [sys.executable, "-c", OWNER, str(options.run_folder), options.topic_prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT_ROOT) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            yield process
        finally:
            process.kill()


async def test_kafka_returns_what_was_written_to_it(kafka_bootstrap: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}greetings"
    await create_topic(kafka_bootstrap, topic)
    await write(kafka_bootstrap, topic, b"hello")
    assert await first(kafka_bootstrap, topic) == b"hello"


def test_postgres_keeps_checksums_and_durability_on(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        settings = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("data_checksums", "fsync", "full_page_writes", "synchronous_commit")
        }
        encoding = connection.execute("SHOW server_encoding").fetchone()
    assert settings == dict.fromkeys(settings, ("on",))
    assert encoding == ("UTF8",)


def test_postgres_refuses_a_wrong_password_and_keeps_its_own_to_itself(tmp_path: Path) -> None:
    server = start_postgres(tmp_path)
    try:
        password = (tmp_path / "password").read_text().strip()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url().replace(password, "guess"))
        arguments = [word for child in family(server.process.pid) for word in child.cmdline()]
        assert not [word for word in arguments if password in word]
        assert (tmp_path / "password").stat().st_mode & 0o077 == 0
    finally:
        server.stop()


async def test_servers_keep_their_data_over_a_restart(tmp_path: Path) -> None:
    kafka, postgres = start_kafka(tmp_path / "kafka"), start_postgres(tmp_path / "postgres")
    await create_topic(kafka.bootstrap, "kept")
    await write(kafka.bootstrap, "kept", b"still here")
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    kafka.stop()
    postgres.stop()
    kafka, postgres = start_kafka(tmp_path / "kafka"), start_postgres(tmp_path / "postgres")
    try:
        assert await first(kafka.bootstrap, "kept") == b"still here"
        with psycopg.connect(postgres.url()) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        kafka.stop()
        postgres.stop()


def test_a_corrupt_cached_jar_stops_kafka_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = jars.read_list(jars._LIST)
    cached = {path.name: path for path in jars.kafka_jars()}
    folder = tmp_path / "dispatch" / f"kafka-{jars.KAFKA_VERSION}"
    folder.mkdir(parents=True)
    for jar in listed:
        (folder / jar.path.name).symlink_to(cached[jar.path.name])
    broken = folder / listed[-1].path.name
    content = bytearray(broken.read_bytes())
    content[-1] ^= 1
    broken.unlink()
    broken.write_bytes(content)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(
        StackError, match=rf"{broken.name} is not the published one.*delete the folder {folder}"
    ):
        start_kafka(tmp_path / "kafka")


def test_a_stack_tells_where_it_is_and_leaves_nothing(options: StackOptions) -> None:
    events: list[StackEvent] = []
    with LocalStack(options, on_event=events.append, given=SERVERS_ONLY) as stack:
        state = read_state(options.folder)
        assert state == stack.state()
        assert state is not None
        assert state.phase == "running"
        assert {status.record.name: status.alive for status in part_statuses(state)} == {
            "supervisor": True,
            "kafka": True,
            "postgres": True,
        }
        with psycopg.connect(state.environment["DATABASE_URL"]) as connection:
            ledger = connection.execute("SELECT count(*) FROM dispatch_executions").fetchone()
        assert ledger == (0,)
    assert [(event.part, event.state) for event in events] == [
        ("kafka", "starting"),
        ("kafka", "ready"),
        ("postgres", "starting"),
        ("postgres", "ready"),
        ("kafka", "stopped"),
        ("postgres", "stopped"),
    ]
    assert read_state(options.folder) is None
    assert living(state) == []


def test_servers_of_the_environment_are_used_and_not_started(
    options: StackOptions, kafka_bootstrap: str, database_url: str, topic_prefix: str
) -> None:
    given = {**SERVERS_ONLY, "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "DATABASE_URL": database_url}
    chosen = options.model_copy(update={"topic_prefix": topic_prefix})
    with LocalStack(chosen, given=given) as stack:
        assert stack.parts == []
        assert stack.environment["KAFKA_BOOTSTRAP_SERVERS"] == kafka_bootstrap
        assert stack.environment["DATABASE_URL"] == database_url


def test_a_killed_server_comes_back_on_its_port_with_its_data(with_kafka_given: StackOptions) -> None:
    back = threading.Event()
    states: list[str] = []

    def see(event: StackEvent) -> None:
        states.append(event.state)
        if states.count("ready") == 2:
            back.set()

    with LocalStack(with_kafka_given, on_event=see) as stack:
        url = stack.environment["DATABASE_URL"]
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        postgres = stack.part("postgres")
        os.kill(postgres.child.pid, signal.SIGKILL)
        assert back.wait(60)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert postgres.last_error == "postgres ended with signal 9"
        assert postgres.restarts >= 1
    assert states[:3] == ["starting", "ready", "crashed"]
    assert states[-2:] == ["ready", "stopped"]


def test_no_process_outlives_an_owner_that_is_killed(
    options: StackOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APCA_API_BASE_URL", SERVERS_ONLY["APCA_API_BASE_URL"])
    with owner(options) as process:
        assert not survivors(process, signal.SIGKILL, options)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_an_owner_that_is_asked_to_stop(
    with_kafka_given: StackOptions, number: signal.Signals
) -> None:
    with owner(with_kafka_given) as process:
        assert not survivors(process, number, with_kafka_given)


def test_the_background_stack_is_found_stopped_and_started_once_per_folder(
    with_kafka_given: StackOptions,
) -> None:
    seen: list[StackState] = []
    state = start_background(with_kafka_given, seen.append)
    folder = with_kafka_given.folder
    try:
        assert state == read_state(folder) == seen[-1]
        with pytest.raises(StackError, match=r"runs in .* already"):
            start_background(with_kafka_given)
        with pytest.raises(StackError, match=r"runs in .* already"), LocalStack(with_kafka_given):
            pass
        assert living(state) == ["postgres"]
    finally:
        assert stop_background(folder)
    assert living(state) == []
    assert read_state(folder) is None
    assert not stop_background(folder)


def test_a_background_stack_that_cannot_start_says_why(
    options: StackOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**SERVERS_ONLY, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StackError, match=r"Kafka at 127\.0\.0\.1:9 did not answer"):
        start_background(options)
    assert read_state(options.folder) is None


async def create_topic(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    finally:
        await admin.close()


async def write(bootstrap: str, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, value, key=b"SPY")


async def first(bootstrap: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=f"{topic}-readers", auto_offset_reset="earliest"
    )
    async with consumer:
        record = await consumer.getone()
    return record.value


def family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def survivors(
    process: "subprocess.Popen[bytes]", number: signal.Signals, options: StackOptions
) -> list[ProcessId]:
    """Signal the owner of a stack; return which of its servers' processes still run 15 s after its end."""
    everyone = [ProcessId.of(each.pid) for each in family(process.pid)[1:]]
    assert len(everyone) > 4  # Postgres has children of its own
    process.send_signal(number)
    process.wait(30)
    wait_until(lambda: not [each for each in everyone if each.alive], 15)
    assert read_state(options.folder) is None
    return [each for each in everyone if each.alive]


def living(state: StackState) -> list[str]:
    return [part.name for part in state.parts if part.process.alive]
