"""The executor's tables on a real Postgres, for the tests that need no process around them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from kernel.adapters.migrate import migrate
from kernel.adapters.postgres import Database
from services.executor.adapters.postgres_orders import PostgresOrders


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated, empty database."""
    await asyncio.to_thread(migrate, database_url)
    opened = Database(database_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def orders(database: Database) -> PostgresOrders:
    """Orders over `database`; nothing is published."""
    return PostgresOrders(database, lambda: None)
