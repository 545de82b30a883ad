"""Where the tests' Kafka and Postgres come from: TEST_BACKEND = embedded (default), containers or external.

Each function is a context manager that yields an address and stops what it started.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dispatch.stack.kafka import start_kafka
from dispatch.stack.postgres import start_postgres

BACKENDS = ("embedded", "containers", "external")


def backend() -> str:
    """The backend chosen by the environment."""
    chosen = os.environ.get("TEST_BACKEND", "embedded")
    if chosen not in BACKENDS:
        raise ValueError(f"TEST_BACKEND is one of {', '.join(BACKENDS)}, was {chosen}")
    return chosen


@contextmanager
def kafka(folder: Path) -> Iterator[str]:
    """Yield the bootstrap address of a Kafka with auto-creation of topics off."""
    match backend():
        case "external":
            yield os.environ["KAFKA_BOOTSTRAP_SERVERS"]
        case "containers":
            from tests import containers

            with containers.kafka() as bootstrap:
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
            from tests import containers

            with containers.postgres() as url:
                yield url
        case _:
            server = start_postgres(folder)
            try:
                yield server.url()
            finally:
                server.stop()
