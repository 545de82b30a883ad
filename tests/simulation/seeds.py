"""Runs seeds and says what came of each."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn

import structlog

from tests.simulation.audit import Audit
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a seed came to. `digest` differs wherever anything in the run does."""

    seed: int
    digest: str
    violations: list[str]
    virtual_s: float
    steps: int
    counts: dict[str, int]
    lines: list[str] = field(default_factory=list)


@contextmanager
def quiet() -> Iterator[None]:
    """Let the project log nothing meanwhile, and no garbage of a run be collected in the middle of another."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False
    )
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
        structlog.configure(**before)


def _drop(_logger: object, _method: str, _event: object) -> NoReturn:
    raise structlog.DropEvent


def run_seed(seed: int, *, whole_trace: bool = False) -> Outcome:
    """Play one seed and audit it."""
    world = World(seed, whole_trace=whole_trace)
    try:
        world.run()
        violations = Audit(world).violations()
    finally:
        virtual_s, steps = world.loop.time(), world.loop.steps
        world.close()
    keep = bool(violations) or whole_trace
    return Outcome(
        seed=seed,
        digest=world.trace.digest(),
        violations=violations,
        virtual_s=virtual_s,
        steps=steps,
        counts=dict(world.trace.counts),
        lines=list(world.trace.lines) if keep else [],
    )


def run_seeds(seeds: range) -> Iterator[Outcome]:
    """Play one seed after the other."""
    with quiet():
        for number, seed in enumerate(seeds):
            yield run_seed(seed)
            if number % 20 == 19:
                gc.collect()


def processors() -> int:
    """Return how many processes are worth it."""
    return len(os.sched_getaffinity(0))
