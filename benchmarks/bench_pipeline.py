"""Signal to order accepted by the venue, from the signals topic on, beside a bare relay of as many hops.

A hop is one produce and one consume. The pipeline has three before its order is sent: a signal is written and read by the
selector, a selection by the sizer, a ticket by the executor. The relay has the same three: written by the sender and
read by a relay, by a second relay, and by the consumer that measures. What is left over is the stages' own work, the
venue's answers and Postgres.

Open loop: a signal is due every 1/rate s whatever happened to those before, and its time counts from when it was due,
so that a stalled pipeline cannot hide its own delay (coordinated omission). Latency is read from the venue's journal
afterwards: a reader of the topics beside the pipeline would take the processors from it.

`cpu_ms_per_signal` is user and system time of each process. Latency depends on what else the machine does, so compare
revisions by this figure, measured in turn.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from hdrh.histogram import HdrHistogram

from dispatch.connection import connection_from
from dispatch.demo.limits import write_widened
from dispatch.demo.plan import plan_live
from dispatch.demo.run import DemoRun
from dispatch.stack.options import StackOptions
from dispatch.stack.stack import LocalStack
from dispatch.stack.state import part_statuses
from kernel.runtime.clock import SystemClock
from kernel.runtime.settings import ServiceSettings

RATE_PER_S = 20
HOPS = 3
_WARM_UP_SIGNALS = 40
_VALUE = b"x" * 220


def bench_pipeline(seconds: int = 20) -> dict[str, Any]:
    """Return latencies in ms (p50, p90, p99, max), the relay's beside them, CPU times, cold start and memory."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dispatch-bench-") as folder:
        options = StackOptions(
            run_folder=Path(folder) / "run",
            scanner=False,
            fill_model="mid",
            equity=10_000_000,
            params_file=write_widened(ServiceSettings.from_env({}).params_file, Path(folder) / "params.json"),
        )
        with LocalStack(options) as stack:
            started_s = time.monotonic() - began
            connection = connection_from({**os.environ, **stack.environment})
            first = _run(connection, 1, "first")
            first_fill_s = time.monotonic() - began
            _run(connection, _WARM_UP_SIGNALS, "warm-up")
            relay_ms = asyncio.run(_relay(connection.kafka, seconds * RATE_PER_S))
            spent_ms = _cpu_ms(stack)
            measured = _run(connection, seconds * RATE_PER_S, "measured")
            spent_ms = {name: ms - spent_ms[name] for name, ms in _cpu_ms(stack).items()}
            memory_mb = sum(s.rss_bytes for s in part_statuses(stack.state())) // 2**20
    pipeline_ms = _percentiles(_histogram_of(measured["executions"]))
    return {
        "rate_per_s": RATE_PER_S,
        "signals": measured["signals"],
        "orders": measured["orders"],
        "rejections": measured["rejections"],
        "duplicate_orders": measured["duplicate_orders"],
        "signal_to_order_ms": pipeline_ms,
        f"relay_{HOPS}_hops_ms": relay_ms,
        "cpu_ms_per_signal": {n: round(ms / measured["signals"], 1) for n, ms in spent_ms.items()},
        "p50_over_relay_p50": round(pipeline_ms["p50"] / relay_ms["p50"], 2),
        "stack_started_s": round(started_s, 1),
        "first_filled_order_s": round(first_fill_s, 1) if first["fills"] else None,
        "memory_mb": memory_mb,
    }


def _run(connection: Any, count: int, name: str) -> dict[str, Any]:
    run = DemoRun(
        connection=connection,
        plan=plan_live(count),
        pace_s=1 / RATE_PER_S,
        settle_s=60.0,
        show=lambda _story: None,
        run_id=f"{name}-{SystemClock().now().isoformat()}",
        live=False,
    )
    return asyncio.run(run.execute())


def _cpu_ms(stack: LocalStack) -> dict[str, float]:
    """Return the CPU time each part has used, its children's included; an ended child's counts with its parent's."""
    spent: dict[str, float] = {}
    for part in stack.parts:
        process = psutil.Process(part.child.pid)
        spent[part.name] = 0.0
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                ended = times.children_user + times.children_system if one is process else 0.0
                spent[part.name] += 1000 * (times.user + times.system + ended)
    return spent


async def _relay(bootstrap: str, count: int) -> dict[str, float]:
    topics = [f"relay-{number}" for number in range(HOPS)]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 4, 1) for name in topics])
    await admin.close()
    async with _relays(bootstrap, topics):
        return await _open_loop(bootstrap, topics[0], topics[-1], count)


@asynccontextmanager
async def _relays(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[None]:
    hops = [
        subprocess.Popen([sys.executable, "-m", "benchmarks.relay", bootstrap, source, target])  # noqa: ASYNC220 - starts at once
        for source, target in pairwise(topics)
    ]
    try:
        yield
    finally:
        for hop in hops:
            hop.kill()
            hop.wait()


async def _open_loop(bootstrap: str, source: str, target: str, count: int) -> dict[str, float]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    consumer = AIOKafkaConsumer(target, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    due: dict[bytes, float] = {}
    histogram = _histogram()
    try:
        await producer.send_and_wait(source, _VALUE, key=b"warm-up")
        await asyncio.wait_for(consumer.getone(), 30)
        sending = asyncio.create_task(_send(producer, source, count, due))
        for _ in range(count):
            record = await asyncio.wait_for(consumer.getone(), 30)
            histogram.record_value(int((time.perf_counter() - due[record.key]) * 1e6))
        await sending
    finally:
        await producer.stop()
        await consumer.stop()
    return _percentiles(histogram)


def _histogram() -> HdrHistogram:
    """Microseconds up to a minute, three digits exact."""
    return HdrHistogram(1, 60_000_000, 3)


def _histogram_of(executions: Sequence[dict[str, Any]]) -> HdrHistogram:
    histogram = _histogram()
    for row in executions:
        if row["signal_to_order_ms"] is not None:
            histogram.record_value(int(row["signal_to_order_ms"] * 1000))
    return histogram


def _percentiles(histogram: HdrHistogram) -> dict[str, float]:
    """Return milliseconds."""
    percentiles = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    return {name: round(histogram.get_value_at_percentile(p) / 1000, 2) for name, p in percentiles.items()}


async def _send(producer: AIOKafkaProducer, source: str, count: int, due: dict[bytes, float]) -> None:
    start = time.perf_counter()
    for number in range(count):
        at = start + number / RATE_PER_S
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        key = str(number).encode()
        due[key] = at
        await producer.send(source, _VALUE, key=key)
