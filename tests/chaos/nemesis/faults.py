"""How each kind of fault is brought about, and undone."""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from dispatch.stack.waiting import wait_until
from kernel.runtime.clock import SystemClock
from tests.chaos.nemesis.arena import Arena
from tests.chaos.nemesis.proxy import Proxy, Way
from tests.chaos.nemesis.schedule import Fault, Kind

_BACK_DEADLINE_S = 90.0
#: How often a connection to the venue is tried, each time after twice the pause.
_CONNECTS = 6
#: The simulator's seeds end somewhere.
_SEEDS = 1_000_000
_WAYS = {"cut": Way.CUT, "hang": Way.HANGS}
#: What the simulator is asked for, by kind; all of it lasts until it is cleared.
_AT_VENUE: Mapping[Kind, Mapping[str, Any]] = {
    Kind.VENUE_LATENCY: {"kind": "latency", "delay_ms": 200, "delay_to_ms": 2500},
    Kind.VENUE_TIMEOUT: {"kind": "timeout", "delay_ms": 25_000, "path": "/v2/orders", "probability": 0.5},
    Kind.VENUE_ERROR_BEFORE: {"kind": "error_before_accept", "probability": 0.5},
    Kind.VENUE_ERROR_AFTER: {"kind": "error_after_accept", "path": "/v2/orders", "probability": 0.7},
    Kind.VENUE_RESET_BEFORE: {"kind": "reset_before_accept", "probability": 0.5},
    Kind.VENUE_RESET_AFTER: {"kind": "reset_after_accept", "path": "/v2/orders", "probability": 0.7},
    Kind.VENUE_HALF_ANSWER: {"kind": "partial_body", "probability": 0.5},
    Kind.VENUE_RATE_LIMIT: {"kind": "rate_limit", "retry_after_s": 3, "probability": 0.3},
    Kind.VENUE_MUTE: {"kind": "mute_stream"},
    Kind.UPDATES_DROPPED: {"kind": "drop_updates", "probability": 0.8},
    Kind.UPDATES_REPEATED: {"kind": "duplicate_updates", "probability": 0.8},
    Kind.UPDATES_REORDERED: {"kind": "reorder_updates", "probability": 0.8},
}


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault that was brought about: from when to when, wall clock. `back_s`: until the part ran again, if it had gone."""

    fault: Fault
    began_at: datetime
    ended_at: datetime
    back_s: float | None = None


class Striker:
    """Brings faults about. One instance for a run."""

    def __init__(self, arena: Arena, seed: int) -> None:
        self._arena = arena
        self._seed = seed
        self._count = 0

    async def strike(self, fault: Fault) -> Struck:
        """Bring a fault about, undo it after its time, and tell when."""
        clock = SystemClock()
        began_at, back_s = clock.now(), None
        if fault.kind in _AT_VENUE:
            await self._at_venue(fault)
        elif fault.kind.startswith(("cut_", "hang_")):
            await self._part_ways(fault)
        elif fault.kind.endswith("_pause"):
            await self._pause(fault)
        else:
            await asyncio.to_thread(self._end, fault)
            back_s = (clock.now() - began_at).total_seconds()
        return Struck(fault, began_at, clock.now(), back_s)

    async def clear_venue(self) -> None:
        """Take back every fault the venue was asked for."""
        async with self._venue() as venue:
            await venue.delete("/sim/faults")

    def _venue(self) -> httpx.AsyncClient:
        """A client that waits for a venue which is about to be back."""
        again = httpx.AsyncHTTPTransport(retries=_CONNECTS)
        return httpx.AsyncClient(base_url=self._arena.venue_url, timeout=30, transport=again)

    async def _at_venue(self, fault: Fault) -> None:
        self._count += 1
        asked = {"count": None, **_AT_VENUE[fault.kind]}
        if "probability" in asked:
            asked["seed"] = (self._seed * 1000 + self._count) % _SEEDS
        async with self._venue() as venue:
            (await venue.post("/sim/faults", json=asked)).raise_for_status()
        await asyncio.sleep(fault.for_s)
        await self.clear_venue()

    async def _part_ways(self, fault: Fault) -> None:
        how, _, from_whom = fault.kind.partition("_")
        proxy: Proxy = getattr(self._arena.doors[fault.target], from_whom)
        proxy.set(_WAYS[how])
        await asyncio.sleep(fault.for_s)
        proxy.set(Way.OPEN)

    async def _pause(self, fault: Fault) -> None:
        # Postgres answers from processes of their own: all of them stand still, or it does not.
        family = fault.target == "database"
        self._arena.send_signal(fault.target, signal.SIGSTOP, with_children=family)
        await asyncio.sleep(fault.for_s)
        self._arena.send_signal(fault.target, signal.SIGCONT, with_children=family)

    def _end(self, fault: Fault) -> None:
        part = self._arena.parts[fault.target]
        restarts = part.restarts
        if fault.kind in (Kind.STAGE_KILL, Kind.BROKER_KILL, Kind.VENUE_KILL):
            self._arena.kill(fault.target)
        elif fault.kind is Kind.DATABASE_CRASH:
            self._arena.send_signal(fault.target, signal.SIGQUIT)
        else:
            self._arena.send_signal(fault.target, part.child.spec.stop_signal)
        wait_until(lambda: part.restarts > restarts and part.state == "ready", _BACK_DEADLINE_S)
