"""Every cell of the crash matrix, on a real Kafka and Postgres, with executors as processes. See the README beside this."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

import pytest

from tests.chaos.matrix.cells import Cell, possible_cells
from tests.chaos.matrix.lives import all_lives
from tests.chaos.matrix.referee import Verdict
from tests.chaos.matrix.report import page
from tests.chaos.matrix.running import run_lives
from tests.chaos.matrix.world import shared_servers

#: The first cell's test waits for the whole matrix.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def verdicts(
    kafka_bootstrap: str,
    postgres_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Mapping[Cell, Verdict]:
    chosen = {item.callspec.params["cell"] for item in request.session.items if _judges_a_cell(item)}
    lives = [life for life in all_lives() if chosen.intersection(life.cells)]
    started_s = time.perf_counter()
    with shared_servers(kafka_bootstrap, postgres_url) as servers:
        found = asyncio.run(run_lives(servers, lives, tmp_path_factory.mktemp("matrix")))
    report = request.config.getoption("--matrix-report", default=None)
    if report is not None:
        Path(report).parent.mkdir(parents=True, exist_ok=True)
        Path(report).write_text(page(found, time.perf_counter() - started_s))
    return {verdict.cell: verdict for verdict in found}


def _judges_a_cell(item: pytest.Item) -> TypeGuard[pytest.Function]:
    return isinstance(item, pytest.Function) and item.path == Path(__file__)


@pytest.mark.parametrize("cell", possible_cells(), ids=str)
def test_a_struck_executor_ends_with_one_order_and_a_settled_ledger(
    cell: Cell, verdicts: Mapping[Cell, Verdict]
) -> None:
    assert verdicts[cell].wrong == ()
