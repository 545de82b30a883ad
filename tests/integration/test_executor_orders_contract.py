"""PostgresOrders keeps the promises of the port; the simulation's model is held to the same ones."""

import pytest

from kernel.adapters.postgres import Database
from services.executor.adapters.postgres_orders import PostgresOrders
from services.executor.ports import Orders
from tests.fakes.orders_contract import OrdersContract

pytestmark = pytest.mark.integration


@pytest.fixture
def rival(database: Database) -> Orders:
    return PostgresOrders(database, lambda: None)


class TestPostgresOrders(OrdersContract):
    """The scenarios."""
