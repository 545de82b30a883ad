"""Servers for the tests: one Kafka and one Postgres per session, started when first asked for.

`kafka_bootstrap` and `topic_prefix` isolate a test on Kafka, `database_url` is a fresh, empty database.
"""

import itertools
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from tests import backends

# A property is about what holds, not how fast this machine is while others work on it.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of a real Kafka shared by all tests of the session."""
    with backends.kafka(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real Postgres shared by all tests of the session; take `database_url` for a database of your own."""
    with backends.postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def topic_prefix() -> str:
    """A topic prefix (and group prefix) no other test uses, on a Kafka that may outlive the session too."""
    return f"{_unique_name()}."


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """The URL of a fresh, empty database; dropped after the test."""
    name = _unique_name()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlsplit(postgres_url)._replace(path=f"/{name}").geturl()
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _unique_name() -> str:
    return f"test_{secrets.token_hex(4)}_{next(_numbers)}"
