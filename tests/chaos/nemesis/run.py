"""One run: bring up, feed and strike, heal, wait until all has settled, audit."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg

from dispatch.demo.limits import widened
from kernel.domain.errors import TransientError
from kernel.runtime.settings import PROJECT_ROOT, git_revision
from tests.chaos.nemesis.arena import Arena
from tests.chaos.nemesis.audit import audit
from tests.chaos.nemesis.facts import Facts, read_lags, read_ledger, read_log, read_venue, what_waits
from tests.chaos.nemesis.faults import Striker, Struck
from tests.chaos.nemesis.feed import Feed
from tests.chaos.nemesis.recovery import recoveries
from tests.chaos.nemesis.report import Asked, Run
from tests.chaos.nemesis.schedule import Fault, plan, plan_apart

_SETTLE_S = 240.0
_LOOK_EVERY_S = 2.0
_CLEAN_LOOKS = 2
#: Walks end within seconds instead of minutes, so that a run sees whole lives of orders.
_EXECUTOR = {"walk_step_s": 2.0, "walk_rest_s": 5.0}


def params_for_chaos() -> dict[str, Any]:
    """Return the trading parameters of a run: those of this code, with room for any number of orders."""
    params: dict[str, Any] = json.loads((PROJECT_ROOT / "config" / "trading_params.json").read_text("utf-8"))
    params["executor"] |= _EXECUTOR
    return widened(params)


async def run(folder: Path, asked: Asked, say: Callable[[str], None]) -> Run:
    """Do a whole run in `folder`, where logs stay. `say` is told what happens."""
    length_s = asked.minutes * 60
    arena = await asyncio.to_thread(Arena(folder, params_for_chaos()).__enter__)
    try:
        feed = Feed(arena, asked.seed, asked.rate_per_s, length_s, order_every=asked.order_every)
        striker = Striker(arena, asked.seed)
        async with asyncio.TaskGroup() as group:
            group.create_task(feed.run())
            group.create_task(feed.plant_poison())
            strikes = group.create_task(_strike_all(striker, _faults(asked, length_s), say))
        struck = strikes.result()
        await _heal(arena, striker, say)
        began = asyncio.get_running_loop().time()
        await feed.until_accepted(_SETTLE_S)
        facts = await _until_settled(arena, feed, say)
        settled_after_s = asyncio.get_running_loop().time() - began
    finally:
        await asyncio.to_thread(arena.__exit__, None, None, None)
    return Run(
        asked=asked,
        revision=git_revision(),
        struck=struck,
        sent=feed.sent,
        facts=facts,
        settled_after_s=settled_after_s,
        recoveries=recoveries(struck, facts.log, feed.sent),
        violations=audit(facts, feed.sent, feed.poison),
    )


def _faults(asked: Asked, length_s: float) -> list[Fault]:
    if asked.apart_s is None:
        return plan(asked.seed, length_s)
    return plan_apart(asked.seed, length_s, asked.apart_s)


async def _strike_all(striker: Striker, faults: list[Fault], say: Callable[[str], None]) -> list[Struck]:
    began = asyncio.get_running_loop().time()

    async def strike(fault: Fault) -> Struck:
        await asyncio.sleep(max(0.0, began + fault.at_s - asyncio.get_running_loop().time()))
        say(f"{fault.at_s:7.1f} s  {fault.kind.value} {fault.target} for {fault.for_s:g} s")
        return await striker.strike(fault)

    return await asyncio.gather(*(strike(fault) for fault in faults))


async def _heal(arena: Arena, striker: Striker, say: Callable[[str], None]) -> None:
    await asyncio.to_thread(arena.heal)
    late = await asyncio.to_thread(arena.await_ready)
    await striker.clear_venue()
    say("healed" if not late else f"healed, but not ready: {', '.join(late)}")


async def _until_settled(arena: Arena, feed: Feed, say: Callable[[str], None]) -> Facts:
    """Return the facts once the audit found nothing twice running, or as they are when the time is up.

    Twice, because log, ledger and venue are read one after the other: an order that moves meanwhile can look well, or ill.
    """
    deadline = asyncio.get_running_loop().time() + _SETTLE_S
    clean = 0
    while True:
        is_over = asyncio.get_running_loop().time() > deadline
        facts, wrong = await _look(arena, feed, whatever_waits=is_over)
        clean = 0 if wrong else clean + 1
        if facts is not None and (is_over or clean == _CLEAN_LOOKS):
            return facts
        say(f"not settled: {wrong or 'looking once more'}")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _look(arena: Arena, feed: Feed, *, whatever_waits: bool) -> tuple[Facts | None, str]:
    """Return the facts and what is wrong with them; no facts while something is plainly under way, or away."""
    try:
        waiting = "" if whatever_waits else await asyncio.to_thread(what_waits, arena)
        if waiting:
            return None, waiting
        facts = await _facts(arena)
    except (TransientError, httpx.HTTPError, psycopg.Error) as e:
        return None, f"{type(e).__name__}: {e}"
    return facts, "; ".join(map(str, audit(facts, feed.sent, feed.poison)[:3]))


async def _facts(arena: Arena) -> Facts:
    lags = await asyncio.to_thread(read_lags, arena)
    ledger = await asyncio.to_thread(read_ledger, arena.database_url)
    log, dead = await read_log(arena)
    # The venue last: what it did before is in the ledger, or the ledger lacks it.
    return Facts(log, dead, lags, ledger, await read_venue(arena))
