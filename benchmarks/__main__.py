"""`make bench`: every figure in one JSON document on standard output; progress on standard error."""

import json
import platform
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.bench_pipeline import bench_pipeline
from benchmarks.bench_replay import bench_replay
from benchmarks.bench_scoring import bench_scoring
from benchmarks.bench_simulator import bench_simulator


def main() -> None:
    figures: dict[str, Any] = {"python": platform.python_version(), "machine": platform.machine()}
    benches: dict[str, Callable[[], dict[str, Any]]] = {
        "scoring": bench_scoring,
        "simulator": bench_simulator,
        "replay": bench_replay,
        "pipeline": bench_pipeline,
    }
    for name, bench in benches.items():
        print(f"{name} …", file=sys.stderr, flush=True)
        figures[name] = bench()
    json.dump(figures, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
