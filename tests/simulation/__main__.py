"""python -m tests.simulation --seeds 10000 [--from N] [--jobs 2]; --seed N --trace plays one seed and shows all of it."""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.bugs import BUGS, planted
from tests.simulation.seeds import Outcome, processors, quiet, run_seed, run_seeds

_CHUNK = 50
_SHOWN_LINES = 60


def main() -> int:
    """Run what the arguments ask for; returns 1 if any seed broke an invariant."""
    asked = _arguments()
    if asked.seed is not None:
        with quiet(), planted(asked.bug):
            return _show(run_seed(asked.seed, whole_trace=asked.trace), asked.trace)
    started, counts, broken, done, steps, virtual_s = time.monotonic(), Counter[str](), [], 0, 0, 0.0
    for outcome in _outcomes(asked):
        done, steps, virtual_s = done + 1, steps + outcome.steps, virtual_s + outcome.virtual_s
        counts.update(outcome.counts)
        if outcome.violations:
            broken.append(outcome.seed)
            _show(outcome, whole=False)
            if asked.first:
                break
        if sys.stderr.isatty() and done % 100 == 0:
            print(f"\r{done} seeds", end="", file=sys.stderr)
    took_s = time.monotonic() - started
    print(
        f"{done} seeds in {took_s:.1f} s ({_cpu_s():.0f} s of CPU), {len(broken)} broke an invariant; {virtual_s / 3600:.0f} virtual hours,"
        f" {steps:,} steps; "
        + ", ".join(f"{count:,} {what}" for what, count in sorted(_told(counts).items()))
    )
    if broken:
        print(
            f"seeds: {' '.join(map(str, broken))}\nsee one: python -m tests.simulation --seed {broken[0]} --trace"
        )
    return 1 if broken else 0


def _cpu_s() -> float:
    """Return what this process and those it has waited for have used."""
    return sum(os.times()[:4])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many")
    parser.add_argument("--from", dest="start", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=processors(), help="processes")
    parser.add_argument("--seed", type=int, help="one seed instead")
    parser.add_argument("--trace", action="store_true", help="show every event of that seed")
    parser.add_argument(
        "--first", action="store_true", help="stop at the first seed that breaks an invariant"
    )
    parser.add_argument("--bug", choices=sorted(BUGS), help="with this mistake planted in the code")
    return parser.parse_args()


def _outcomes(asked: argparse.Namespace) -> Iterator[Outcome]:
    seeds = range(asked.start, asked.start + asked.seeds)
    chunks = [seeds[n : n + _CHUNK] for n in range(0, len(seeds), _CHUNK)]
    if asked.jobs == 1 or len(chunks) == 1:
        with planted(asked.bug):
            yield from run_seeds(seeds)
        return
    with ProcessPoolExecutor(asked.jobs) as pool:
        try:
            for outcomes in pool.map(partial(_chunk, asked.bug), chunks):
                yield from outcomes
        finally:
            pool.shutdown(cancel_futures=True)


def _chunk(bug: str | None, seeds: range) -> list[Outcome]:
    with planted(bug):
        return list(run_seeds(seeds))


def _show(outcome: Outcome, whole: bool) -> int:
    for line in outcome.lines if whole else outcome.lines[-_SHOWN_LINES:]:
        print(line)
    print(
        f"seed {outcome.seed}: digest {outcome.digest}, {outcome.virtual_s:.1f} virtual s, {outcome.steps} steps"
    )
    for violation in outcome.violations:
        print(f"  BROKEN: {violation}")
    return 1 if outcome.violations else 0


def _told(counts: Counter[str]) -> Counter[str]:
    """Leave out what has figures in its name."""
    told: Counter[str] = Counter()
    for what, count in counts.items():
        told["standstills" if what.startswith("stands still") else what] += count
    return told


if __name__ == "__main__":
    sys.exit(main())
