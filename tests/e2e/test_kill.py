"""kill -9 of every stage in the middle of 500 signals; two workers of a stage share its partitions."""

import asyncio
import os
import signal
import threading
import time
from pathlib import Path

import psycopg
import pytest

from dispatch.connection import Connection, connection_from
from dispatch.demo.plan import plan_live
from dispatch.demo.run import DemoRun
from dispatch.demo.summary import all_accounted_for
from dispatch.stack.options import StackOptions
from dispatch.stack.stack import LocalStack
from tests.fakes.params import widened_params_file

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SIGNALS = 500
PACE_S = 0.03
LEDGER_QUERY = """SELECT ticker, action, contracts, notional, simulated_ts::text FROM dispatch_executions
WHERE simulated_ts > NOW() - INTERVAL '30 minutes' ORDER BY simulated_ts DESC LIMIT 10"""


def _run(connection: Connection, count: int) -> dict[str, object]:
    run = DemoRun(
        connection=connection,
        plan=plan_live(count),
        pace_s=PACE_S,
        settle_s=150.0,
        show=lambda _story: None,
        run_id="kill",
    )
    return asyncio.run(run.execute())


def _kill_in_turn(stack: LocalStack, names: list[str], every_s: float) -> None:
    for name in names:
        time.sleep(every_s)
        os.kill(stack.part(name).child.pid, signal.SIGKILL)


def test_a_killed_stage_loses_and_doubles_nothing(tmp_path: Path) -> None:
    options = StackOptions(
        run_folder=tmp_path / "run",
        scanner=False,
        fill_model="mid",
        equity=10_000_000,
        params_file=widened_params_file(tmp_path),
        workers={"selector": 2, "sizer": 2, "executor": 2},
    )
    with LocalStack(options, given={}) as stack:
        connection = connection_from({**os.environ, **stack.environment})
        victims = ["signals", "selector", "sizer", "executor", "selector-2", "executor-2"]
        killer = threading.Thread(target=_kill_in_turn, args=(stack, victims, SIGNALS * PACE_S / 7))
        killer.start()
        summary = _run(connection, SIGNALS)
        killer.join()
        assert all(stack.part(name).restarts >= 1 for name in victims)
        assert all_accounted_for(summary), {k: v for k, v in summary.items() if k != "executions"}
        assert summary["duplicate_orders"] == 0
        with psycopg.connect(connection.database_url) as database:
            assert len(database.execute(LEDGER_QUERY).fetchall()) == 10
