"""How many decisions a second `dispatch replay` takes again: from real topics, through the real stages, compared. Prints JSON.

python -m benchmarks.bench_replay [--signals 3000] [--contracts 500]

The rate is the one the command prints: reading inputs, answers and evidence, deciding and comparing. What else the
command does stands beside it: starting the processes, where there are several, and the digest. So does the CPU time of
this process: on a machine that others use as well, that is what to compare.
"""

import argparse
import asyncio
import json
import logging
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from benchmarks.bench_scoring import PARAMS
from benchmarks.replay_log import REVISION, recorded
from dispatch.replay.deciding import replay_of
from dispatch.replay.playing import Players, play
from dispatch.replay.results import StageResult
from dispatch.replay.source import KafkaSource
from dispatch.replay.span import Span
from dispatch.stack.kafka import start_kafka
from kernel.contracts.topics import EVIDENCE
from kernel.stream.admin import TopicSettings, create_topics
from kernel.stream.producer import KafkaPublisher
from kernel.stream.stage import Emission

PREFIX = "bench."
SIGNALS, CONTRACTS, ROUNDS = 3000, 500, 5
_AT_ONCE = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--signals", type=int, default=SIGNALS)
    parser.add_argument("--contracts", type=int, default=CONTRACTS)
    arguments = parser.parse_args()
    print(json.dumps({"replay": bench_replay(arguments.signals, arguments.contracts)}, indent=2))


def bench_replay(signals: int = SIGNALS, contracts: int = CONTRACTS) -> dict[str, Any]:
    """Return decisions per second of each stage, in one process and in one per core, and the evidence's bytes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    log = recorded(signals, contracts)
    with tempfile.TemporaryDirectory(prefix="dispatch-bench-") as folder:
        server = start_kafka(Path(folder))
        try:
            asyncio.run(_write(server.bootstrap, log))
            source = KafkaSource(server.bootstrap, PREFIX)
            figures = {stage: _fastest(source, stage, workers=1) for stage in ("selector", "sizer")}
            cores = os.cpu_count() or 1
            for stage in ("selector", "sizer"):
                figures[f"{stage}_in_{cores}_workers"] = _fastest(source, stage, workers=cores)
        finally:
            server.stop()
    return {"decisions": signals, "contracts": contracts, "evidence_bytes": _evidence_bytes(log), **figures}


async def _write(bootstrap: str, log: Sequence[Emission[Any]]) -> None:
    await create_topics(bootstrap, TopicSettings(prefix=PREFIX))
    async with KafkaPublisher(bootstrap, PREFIX, "bench") as publisher:
        for at in range(0, len(log), _AT_ONCE):
            await publisher.publish(log[at : at + _AT_ONCE])


def _fastest(source: KafkaSource, stage: str, workers: int) -> dict[str, float]:
    return max((_timed(source, stage, workers) for _ in range(ROUNDS)), key=lambda f: f["per_s"])


def _timed(source: KafkaSource, stage: str, workers: int) -> dict[str, float]:
    replays = {stage: replay_of(stage, PARAMS, REVISION)}
    players = Players(replays=replays, params=PARAMS, revision=REVISION, workers=workers)
    wall, cpu = time.perf_counter(), time.process_time()
    (result,), _ = asyncio.run(play(source, players, Span(), lambda *_: None))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    _must_be_the_same(result)
    count = len(result.rows)
    digest = time.perf_counter()
    assert result.digest
    return {
        "per_s": round(count / result.seconds),
        "per_cpu_s_of_this_process": round(count / cpu),
        "seconds": round(result.seconds, 2),
        "start_and_stop_s": round(wall - result.seconds, 2),
        "digest_s": round(time.perf_counter() - digest, 2),
    }


def _must_be_the_same(result: StageResult) -> None:
    different = {name: count for name, count in result.counts.items() if count and name != "same"}
    if different:
        raise SystemExit(
            f"the bench's own {result.stage} decisions were not decided the same again: {different}"
        )


def _evidence_bytes(log: Sequence[Emission[Any]]) -> dict[str, int]:
    """Return the mean size of a decision's evidence, by stage."""
    sizes: dict[str, list[int]] = {}
    for emission in log:
        if emission.topic.name == EVIDENCE.name:
            items = emission.message.items
            sizes.setdefault(emission.message.meta.stage, []).append(sum(len(item.body) for item in items))
    return {stage: sum(each) // len(each) for stage, each in sizes.items()}


if __name__ == "__main__":
    main()
