"""Runs a shadow until it is stopped or has seen enough.

1. The other revision decides in a process of its own, which is given no address and no key (`dispatch.replay.elsewhere.remote`).
   Here nothing knows a venue or a database: a shadow of the executor cannot order.
2. Kafka away, partitions moved, the live stage being rolled: the session ends, the next goes on from what was committed.
   What was counted stays counted.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from dispatch.replay.deciding import Decider
from dispatch.replay.elsewhere.remote import Errand, Introduction, RemoteDecider
from dispatch.replay.elsewhere.revisions import Code
from dispatch.replay.results import Row
from dispatch.shadow.following import Followed, Session
from dispatch.shadow.found import Found, Standing
from dispatch.shadow.join import Rules
from dispatch.shadow.metrics import ShadowMetrics
from dispatch.shadow.naming import Names
from dispatch.shadow.outputs import shadow_topics
from dispatch.shadow.tally import Tally
from kernel.domain.clock import Clock
from kernel.domain.errors import TransientError
from kernel.runtime.health import Health
from kernel.stream.group import GroupReader
from kernel.stream.replaying import Replay
from kernel.stream.schemas import log_schemas

#: Called when there is something new to show.
Moved: TypeAlias = Callable[[Tally, Standing], None]
_AGAIN_AFTER_S = 2.0
#: How long a turn may take to its end once a stop is asked for.
_GRACE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to shadow, with whose code, and for how long (None: until stopped)."""

    names: Names
    replay: Replay[Any]
    code: Code
    params: str | None
    settings: tuple[str, ...]
    bootstrap_servers: str
    rules: Rules = field(default_factory=Rules)
    anew: bool = False
    decisions: int | None = None
    seconds: float | None = None


class Shadow:
    """One revision beside one live stage."""

    def __init__(self, plan: Plan, *, clock: Clock, health: Health, moved: Moved) -> None:
        self._plan = plan
        self._clock = clock
        self._health = health
        self._moved = moved
        self._metrics = ShadowMetrics(plan.names)
        #: Whether it has held its partitions: from then on nothing is missed.
        self.follows = False
        self.tally = Tally()
        self.standing = Standing()
        self.introduction = Introduction("", "")
        health.expects("group")

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set or the plan is fulfilled.

        Raises WorkerFailed, ConfigError where this shadow runs elsewhere, TransientError when Kafka was never there.
        """
        working = asyncio.create_task(self._work(stop), name="shadow")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({working}, timeout=_GRACE_S)
        finally:
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)
        if not working.cancelled():
            working.result()

    def found(self, minimum_pct: float, since: datetime, failure: str | None) -> Found:
        """Return the report of what was counted since `since`, ended by `failure` if by any."""
        plan = self._plan
        return Found(
            names=plan.names,
            label=plan.code.label,
            introduction=self.introduction,
            settings=plan.settings,
            topics=tuple(topic.full_name(plan.names.prefix) for topic in plan.replay.answers),
            minimum_pct=minimum_pct,
            since=since,
            until=self._clock.now(),
            tally=self.tally,
            standing=self.standing,
            failure=failure,
        )

    def counted(self, row: Row) -> None:
        """See Counting."""
        self.tally.add(row)
        self._metrics.counted(row.status, self.tally.agreement_pct)

    def left_out(self) -> None:
        """See Counting."""
        self.tally.undecodable += 1

    async def _work(self, stop: asyncio.Event) -> None:
        plan = self._plan
        errand = Errand(stage=plan.names.stage, params=plan.params, settings=plan.settings)
        async with RemoteDecider(plan.code, errand, plan.replay) as decider:
            self.introduction = decider.introduction
            while not stop.is_set():
                try:
                    await self._follow(decider, stop)
                except TransientError as e:
                    if not self.follows:
                        raise
                    await self._troubled(str(e), stop)

    async def _follow(self, decider: Decider, stop: asyncio.Event) -> None:
        """Go through one session."""
        plan, names = self._plan, self._plan.names
        followed = Followed(stage=names.stage, replay=plan.replay, prefix=names.live_prefix)
        async with AsyncExitStack() as opened:
            publisher = await opened.enter_async_context(
                shadow_topics(plan.bootstrap_servers, names, plan.replay.answers)
            )
            reader = await opened.enter_async_context(
                GroupReader(plan.bootstrap_servers, names.group, list(followed.topics))
            )
            session = Session(
                followed,
                reader=reader,
                publisher=publisher,
                decider=decider,
                schemas=log_schemas(
                    plan.bootstrap_servers, names.live_prefix, stage=names.stage, health=self._health
                ),
                counting=self,
                clock=self._clock,
                rules=plan.rules,
            )
            await session.begin(anew=plan.anew and not self.follows)
            self._began(stop)
            while not stop.is_set():
                await session.turn()
                self._stands(session, stop)
            await session.commit()

    def _began(self, stop: asyncio.Event) -> None:
        if not self.follows and self._plan.seconds is not None:
            asyncio.get_running_loop().call_later(self._plan.seconds, stop.set)
        self.follows = True
        self._health.started("group")
        self._health.recovered("log")

    def _stands(self, session: Session, stop: asyncio.Event) -> None:
        self._health.progressed()
        self.standing = Standing(session.lag, session.waiting)
        self._metrics.stands(session.lag, session.waiting)
        if self._plan.decisions is not None and self.tally.compared >= self._plan.decisions:
            stop.set()
        self._moved(self.tally, self.standing)

    async def _troubled(self, why: str, stop: asyncio.Event) -> None:
        self._health.troubled("log", why)
        self.standing.trouble = why
        self._moved(self.tally, self.standing)
        try:
            await asyncio.wait_for(stop.wait(), _AGAIN_AFTER_S)
        except TimeoutError:
            return
