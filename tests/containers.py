"""Kafka and Postgres from images, through testcontainers (TEST_BACKEND=containers; needs a Docker daemon).

A container listens inside on the very port it has outside, so what a server says of itself holds on both sides, and on
a daemon without a bridge network the containers share the host's.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import docker
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer

from dispatch.stack.kafka import answers
from dispatch.stack.waiting import LOOPBACK, free_ports, wait_until

KAFKA_IMAGE = "apache/kafka:4.1.0"
POSTGRES_IMAGE = "postgres:18"
_START_DEADLINE_S = 90


@contextmanager
def kafka() -> Iterator[str]:
    """Yield the bootstrap address of a one-node Kafka."""
    port, controller_port = free_ports(2)
    container = DockerContainer(KAFKA_IMAGE).with_envs(**_kafka_environment(port, controller_port))
    with _published(container, port):
        if not wait_until(lambda: answers(port), _START_DEADLINE_S):
            raise TimeoutError(f"{KAFKA_IMAGE} does not answer: {container.get_logs()}")
        yield f"{LOOPBACK}:{port}"


@contextmanager
def postgres() -> Iterator[str]:
    """Yield the URL of a database whose user may create databases."""
    (port,) = free_ports(1)
    container = PostgresContainer(POSTGRES_IMAGE, port=port, driver=None).with_envs(
        PGPORT=str(port), POSTGRES_INITDB_ARGS="--encoding=UTF8 --locale=C --data-checksums"
    )
    with _published(container, port):
        yield f"postgresql://{container.username}:{container.password}@{LOOPBACK}:{port}/{container.dbname}"


def _published(container: DockerContainer, port: int) -> DockerContainer:
    if "bridge" in {network.name for network in _networks()}:
        container.ports = {f"{port}/tcp": (LOOPBACK, port)}
        return container
    container.ports = {}
    return container.with_kwargs(network_mode="host")


def _networks() -> list[docker.models.networks.Network]:
    client = docker.from_env()
    try:
        return client.networks.list()
    finally:
        client.close()


def _kafka_environment(port: int, controller_port: int) -> dict[str, str]:
    """Settings of one node; giving the image any of them drops all of its defaults, so all are here."""
    return {
        "CLUSTER_ID": "ZGlzcGF0Y2gtdGVzdHMtMQ",
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"CONTROLLER://{LOOPBACK}:{controller_port},PLAINTEXT://:{port}",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{LOOPBACK}:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@{LOOPBACK}:{controller_port}",
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
