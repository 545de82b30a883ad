"""Which faults strike, whom, when and for how long: a pure function of the seed.

1. The same seed, length and targets give the same schedule.
2. Kinds are drawn from a shuffled bag, so that all of them come; one whose targets are busy stays in front.
3. Nobody is struck again before the fault before is healed and a moment has passed; servers, on which all depend, one
   at a time and with a longer rest. So whatever is not struck must go on.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle

WORKERS = (
    "signals",
    "signals-2",
    "selector",
    "selector-2",
    "sizer",
    "sizer-2",
    "executor",
    "executor-2",
)


class Kind(StrEnum):
    """What can go wrong."""

    STAGE_KILL = "stage_kill"
    STAGE_PAUSE = "stage_pause"
    STAGE_RESTART = "stage_restart"
    CUT_KAFKA = "cut_kafka"
    CUT_DATABASE = "cut_database"
    CUT_VENUE = "cut_venue"
    HANG_KAFKA = "hang_kafka"
    HANG_DATABASE = "hang_database"
    HANG_VENUE = "hang_venue"
    BROKER_RESTART = "broker_restart"
    BROKER_KILL = "broker_kill"
    BROKER_PAUSE = "broker_pause"
    DATABASE_RESTART = "database_restart"
    DATABASE_CRASH = "database_crash"
    DATABASE_PAUSE = "database_pause"
    VENUE_KILL = "venue_kill"
    VENUE_LATENCY = "venue_latency"
    VENUE_TIMEOUT = "venue_timeout"
    VENUE_ERROR_BEFORE = "venue_error_before"
    VENUE_ERROR_AFTER = "venue_error_after"
    VENUE_RESET_BEFORE = "venue_reset_before"
    VENUE_RESET_AFTER = "venue_reset_after"
    VENUE_HALF_ANSWER = "venue_half_answer"
    VENUE_RATE_LIMIT = "venue_rate_limit"
    VENUE_MUTE = "venue_mute"
    UPDATES_DROPPED = "updates_dropped"
    UPDATES_REPEATED = "updates_repeated"
    UPDATES_REORDERED = "updates_reordered"


#: After these the next signal is to flow within a bound.
RECOVERED_FROM = (
    Kind.STAGE_KILL,
    Kind.BROKER_RESTART,
    Kind.BROKER_KILL,
    Kind.DATABASE_RESTART,
    Kind.DATABASE_CRASH,
)
ON_STAGES = frozenset(kind for kind in Kind if kind.startswith(("stage_", "cut_", "hang_")))
#: A stopped worker is out of its group after 10 s without a heartbeat; a pause must be longer, to be a zombie's.
_SECONDS = {
    Kind.STAGE_PAUSE: (12.0, 16.0),
    Kind.HANG_KAFKA: (4.0, 14.0),
    Kind.BROKER_PAUSE: (4.0, 12.0),
    Kind.DATABASE_PAUSE: (3.0, 8.0),
}
_SECONDS_OTHERWISE = (3.0, 8.0)
#: Between the end of a fault and the next on the same target: time to come back and to work.
_REST_S = {"broker": 14.0, "database": 12.0, "venue": 3.0}
_REST_S_OTHERWISE = 8.0
_EVERY_S = (4.5, 8.0)
_TWO_TOGETHER = 0.35
#: Nothing strikes before all is in its stride, nor so late that the end would hide it.
_FIRST_S = 6.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: seconds count from the first signal."""

    kind: Kind
    target: str
    at_s: float
    for_s: float


def plan(seed: int, length_s: float) -> list[Fault]:
    """Return the faults of a run in the order they strike."""
    dice = random.Random(seed)
    bag: list[Kind] = []
    free_at_s: dict[str, float] = {}
    faults: list[Fault] = []
    at_s = _FIRST_S
    while at_s < length_s:
        for _ in range(2 if dice.random() < _TWO_TOGETHER else 1):
            fault = _draw(dice, bag, free_at_s, at_s)
            if fault is not None:
                faults.append(fault)
        at_s += dice.uniform(*_EVERY_S)
    return faults


def plan_apart(seed: int, length_s: float, apart_s: float) -> list[Fault]:
    """Return the faults of a run in which each that a recovery is counted of strikes alone, so far from the one before.

    In turn a kill of a worker of each stage, then each way of losing the broker and the database.
    """
    dice = random.Random(seed)
    turn = [
        *((Kind.STAGE_KILL, worker) for worker in dice.sample(WORKERS, len(WORKERS))),
        *((kind, _targets(kind)[0]) for kind in RECOVERED_FROM if kind is not Kind.STAGE_KILL),
    ]
    dice.shuffle(turn)
    times = range(math.ceil((length_s - _FIRST_S) / apart_s))
    return [
        Fault(kind, target, round(_FIRST_S + n * apart_s, 2), round(dice.uniform(*_SECONDS_OTHERWISE), 2))
        for n, (kind, target) in zip(times, cycle(turn), strict=False)
    ]


def _draw(dice: random.Random, bag: list[Kind], free_at_s: dict[str, float], at_s: float) -> Fault | None:
    fault = _first_possible(dice, bag, free_at_s, at_s)
    if fault is None:  # what is left in the bag must wait for its targets: it stays in front
        kinds = list(Kind)
        dice.shuffle(kinds)
        bag += kinds
        fault = _first_possible(dice, bag, free_at_s, at_s)
    return fault


def _first_possible(
    dice: random.Random, bag: list[Kind], free_at_s: dict[str, float], at_s: float
) -> Fault | None:
    for kind in bag:
        targets = [each for each in _targets(kind) if free_at_s.get(each, 0.0) <= at_s]
        servers_busy = _is_heavy(kind) and any(free_at_s.get(each, 0.0) > at_s for each in _REST_S)
        if targets and not servers_busy:
            bag.remove(kind)
            target, for_s = dice.choice(targets), dice.uniform(*_SECONDS.get(kind, _SECONDS_OTHERWISE))
            free_at_s[target] = at_s + for_s + _REST_S.get(target, _REST_S_OTHERWISE)
            return Fault(kind, target, round(at_s, 2), round(for_s, 2))
    return None


def _is_heavy(kind: Kind) -> bool:
    return kind.startswith(("broker_", "database_")) or kind is Kind.VENUE_KILL


def _targets(kind: Kind) -> Sequence[str]:
    if kind in ON_STAGES:
        return WORKERS
    return [kind.partition("_")[0].replace("updates", "venue")]
