"""Where the tests' Kafka and Postgres come from: TEST_BACKEND = embedded (default), containers or external.

Each function is a context manager that yields an address and stops what it started.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dispatch.stack.kafka import start_kafka
from dispatch.stack.postgres import start_postgres

EMBEDDED, CONTAINERS, EXTERNAL = "embedded", "containers", "external"
KAFKA_IMAGE = "apache/kafka:4.1.0"
POSTGRES_IMAGE = "postgres:18"


def backend() -> str:
    """The backend chosen by the environment."""
    chosen = os.environ.get("TEST_BACKEND", EMBEDDED)
    if chosen not in {EMBEDDED, CONTAINERS, EXTERNAL}:
        raise ValueError(f"TEST_BACKEND is {EMBEDDED}, {CONTAINERS} or {EXTERNAL}, was {chosen}")
    return chosen


@contextmanager
def kafka(folder: Path) -> Iterator[str]:
    """Yield the bootstrap address of a Kafka with auto-creation of topics off."""
    match backend():
        case "external":
            yield os.environ["KAFKA_BOOTSTRAP_SERVERS"]
        case "containers":
            with _kafka_container() as bootstrap:
                yield bootstrap
        case _:
            server = start_kafka(folder)
            try:
                yield server.bootstrap
            finally:
                server.stop()


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Yield the URL of a database whose user may create databases."""
    match backend():
        case "external":
            yield os.environ["DATABASE_URL"]
        case "containers":
            with _postgres_container() as url:
                yield url
        case _:
            server = start_postgres(folder)
            try:
                yield server.url()
            finally:
                server.stop()


@contextmanager
def _kafka_container() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs

    port = _free_port()
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
    for name, value in kafka_environment(f"localhost:{port}").items():
        container = container.with_env(name, value)
    with container:
        wait_for_logs(container, "Kafka Server started", timeout=60)
        yield f"localhost:{port}"


@contextmanager
def _postgres_container() -> Iterator[str]:
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(POSTGRES_IMAGE, driver=None) as container:
        yield container.get_connection_url()


def kafka_environment(advertised: str) -> dict[str, str]:
    """Settings of one node; giving the image any of them drops all of its defaults, so all are here."""
    return {
        "CLUSTER_ID": "ZGlzcGF0Y2gtdGVzdHMtMQ",
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "CONTROLLER://:29093,PLAINTEXT://:9092",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{advertised}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:29093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
