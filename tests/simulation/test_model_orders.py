"""The model of the orders keeps the promises that the real ones keep, in every order of events that was tried."""

import inspect
import random

import pytest

from services.executor.adapters.wire_guard import WireGuard
from tests.fakes.orders_contract import OrdersContract
from tests.simulation.database import ModelDatabase
from tests.simulation.desk import ModelOrders
from tests.simulation.link import Link, Weather
from tests.simulation.loop import SimulatedLoop
from tests.simulation.tables import Tables

SCENARIOS = [name for name in dir(OrdersContract) if name.startswith("test_")]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_model_keeps_the_promises_of_the_port(scenario: str, seed: int) -> None:
    loop, tables = SimulatedLoop(random.Random(seed)), Tables()
    database = ModelDatabase(loop, Link(loop, random.Random(seed), Weather(), 6.0, "the database"))
    desks = {
        name: ModelOrders(database, tables, lambda: None, lambda _what, _detail: None, WireGuard())
        for name in ("orders", "rival")
    }
    play = getattr(OrdersContract(), scenario)
    wanted = inspect.signature(play).parameters

    try:
        loop.run_until_complete(play(**{name: desks[name] for name in wanted}))
    finally:
        loop.end()
