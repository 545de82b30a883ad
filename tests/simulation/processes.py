"""The processes of a seed: the four stages, built as their app.py builds them, over models; and who starts them again.

A process here is what kernel.stream.process runs: `start`, then its tasks and its consumer side by side; the first of
them that ends takes the process down.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

from kernel.adapters.alpaca_account import AlpacaAccount
from kernel.contracts.codec import Codec
from kernel.contracts.origin import Origin
from kernel.contracts.topics import DEFAULT_PREFIX, SELECTIONS, SIGNALS, TICKETS, Topic
from kernel.domain.errors import TransientError
from kernel.domain.params import TradingParams
from kernel.runtime.health import Health
from kernel.runtime.settings import PAPER_TRADING_URL
from kernel.stream.consuming import Consumption
from kernel.stream.handling import Handler
from kernel.stream.retry import retry_in_place
from kernel.stream.stage import Stage
from services.executor.adapters.alpaca_broker import AlpacaBroker
from services.executor.adapters.alpaca_facts import AlpacaAccounts, AlpacaPrices
from services.executor.adapters.alpaca_quotes import AlpacaQuotes
from services.executor.adapters.wire_guard import WireGuard
from services.executor.app import _all_of
from services.executor.core.readiness import Readiness
from services.executor.core.steps import Steps
from services.executor.gathering import Gathering
from services.executor.stage import ExecutorStage
from services.executor.stopping import OrderStopper
from services.executor.tracking import OrderTracker
from services.executor.walk_conditions import WalkConditions
from services.executor.walking import OrderWalker
from services.selector.stage import SelectorStage
from services.signals.app import RELAY_EVERY_S
from services.signals.stage import AlertDesk
from services.sizer.stage import SizerStage
from tests.fakes.sizer import ACCOUNT_ID
from tests.simulation.clients import ModelConsumer, ModelProducer, ModelPublisher
from tests.simulation.database import ModelDatabase
from tests.simulation.desk import ModelElection, ModelOrders, ModelRelay
from tests.simulation.gateway import ModelCalendars, ModelChains, ModelGateway, ModelUpdates
from tests.simulation.link import Link
from tests.simulation.log import ModelLog
from tests.simulation.loop import OWNER, Incarnation, SimulatedLoop
from tests.simulation.switch import ModelSwitch
from tests.simulation.tables import ModelAlerts, ModelBudget, ModelDecisions, Tables
from tests.simulation.trace import Trace
from tests.simulation.venue import ModelVenue

Run = Callable[[], Awaitable[None]]
_SWEEP_S = 10.0
_RECONCILE_S = 30.0


@dataclass
class Outside:
    """Everything that outlives a process."""

    loop: SimulatedLoop
    trace: Trace
    params: TradingParams
    log: ModelLog
    database: ModelDatabase
    tables: Tables
    venue: ModelVenue
    to_log: Link
    to_venue: Link
    #: The operator's way in: the desks that are up, by process.
    desks: dict[str, AlertDesk] = field(default_factory=dict)
    #: When an order was let to the socket, by any process.
    sent_s: list[float] = field(default_factory=list)
    #: By how much each machine's clock is off, in seconds.
    skews_s: dict[str, float] = field(default_factory=dict)

    def publisher(self, stage: str) -> ModelPublisher:
        """Return a publisher with a producer of its own."""
        return ModelPublisher(self.loop, ModelProducer(self.loop, self.to_log, self.log), stage)

    def gateway(self) -> ModelGateway:
        """Return a process's gateway."""
        return ModelGateway(self.loop, self.to_venue, self.venue)

    def origin(self, stage: str) -> Origin:
        """Return a stage's signature."""
        return Origin(stage, "simulated", self.params.config_hash)


@dataclass(kw_only=True)
class Parts:
    """What a process consists of; see kernel.stream.process.Process."""

    name: str
    publisher: ModelPublisher
    start: Run
    health: Health
    tasks: Mapping[str, Run] = field(default_factory=dict)
    consumes: Topic[Any] | None = None
    stage: Stage[Any] | None = None


def signals(outside: Outside, life: Incarnation) -> Parts:
    """services.signals.app.build, without scanner and web."""
    gateway, publisher = outside.gateway(), outside.publisher("signals")
    health = Health(monotonic=outside.loop.time)
    desk = AlertDesk(
        time=_MarketTime(gateway),
        alerts=ModelAlerts(outside.database, outside.tables),
        publisher=publisher,
        origin=outside.origin("signals"),
        params=outside.params.signals,
    )

    async def start() -> None:
        await gateway.connect()
        await desk.publish_waiting()
        outside.desks[life.name] = desk

    async def relay() -> None:
        while True:
            await asyncio.sleep(RELAY_EVERY_S)
            await retry_in_place(desk.publish_waiting, stage="signals", health=health)

    return Parts(name="signals", publisher=publisher, start=start, health=health, tasks={"relay": relay})


def selector(outside: Outside, life: Incarnation) -> Parts:
    """services.selector.app.build."""
    del life
    gateway, publisher = outside.gateway(), outside.publisher("selector")
    stage = SelectorStage(
        chains=ModelChains(gateway),
        accounts=AlpacaAccount(gateway),  # type: ignore[arg-type]
        calendars=ModelCalendars(),
        decisions=ModelDecisions(outside.database, outside.tables),
        evidence=publisher,
        clock=gateway.clock,
        params=outside.params,
        origin=outside.origin("selector"),
    )
    return Parts(
        name="selector",
        publisher=publisher,
        start=gateway.connect,
        health=Health(monotonic=outside.loop.time),
        consumes=SIGNALS,
        stage=stage,
    )


def sizer(outside: Outside, life: Incarnation) -> Parts:
    """services.sizer.app.build."""
    del life
    gateway = outside.gateway()
    account = AlpacaAccount(gateway)  # type: ignore[arg-type]
    stage = SizerStage(
        account=account,
        budget=ModelBudget(outside.database, outside.tables),
        clock=gateway.clock,
        params=outside.params.sizer,
        origin=outside.origin("sizer"),
    )
    return Parts(
        name="sizer",
        publisher=outside.publisher("sizer"),
        start=account.connect,
        health=Health(monotonic=outside.loop.time),
        consumes=SELECTIONS,
        stage=stage,
    )


def executor(outside: Outside, life: Incarnation) -> Parts:
    """services.executor.app.build."""
    guard = WireGuard(outside.loop.time)

    def before_trading(method: str, url: str, body: str) -> None:
        guard.check(method, url, body)
        if method in {"POST", "PATCH"}:
            outside.sent_s.append(outside.loop.time())

    gateway = ModelGateway(outside.loop, outside.to_venue, outside.venue, before_trading)
    publisher, origin = outside.publisher("executor"), outside.origin("executor")
    health = Health(monotonic=outside.loop.time)
    relay = ModelRelay(outside.database, outside.tables, publisher, health)
    orders = ModelOrders(
        outside.database,
        outside.tables,
        relay.kick,
        lambda what, detail: outside.trace.event(outside.loop.time(), life.name, what, detail),
        guard,
    )
    switch = ModelSwitch(outside.loop, outside.database, outside.tables, origin, relay.kick)
    steps = Steps(origin)
    broker = AlpacaBroker(gateway, switch, guard)  # type: ignore[arg-type]
    account = AlpacaAccount(gateway)  # type: ignore[arg-type]
    tracker = OrderTracker(
        broker=broker,
        orders=orders,
        updates=ModelUpdates(outside.loop, outside.to_venue, outside.venue),
        clock=gateway.clock,
        steps=steps,
        sweep_s=_SWEEP_S,
    )
    swept = _ReadinessOfSweep()
    walker = OrderWalker(
        broker=broker,
        orders=orders,
        conditions=WalkConditions(
            switch=switch,
            readiness=swept,
            sessions=ModelCalendars(),
            quotes=AlpacaQuotes(gateway, "indicative"),  # type: ignore[arg-type]
            clock=gateway.clock,
            params=outside.params,
        ),
        clock=gateway.clock,
        pause=asyncio.sleep,
        params=outside.params,
        steps=steps,
    )
    stopper = OrderStopper(
        switch=switch, broker=broker, orders=orders, follow=tracker.follow, pause=asyncio.sleep
    )
    machine = life.name.partition("#")[0]
    gathering = Gathering(
        accounts=AlpacaAccounts(gateway),  # type: ignore[arg-type]
        prices=AlpacaPrices(gateway, "indicative", "iex"),  # type: ignore[arg-type]
        sessions=ModelCalendars(),
        readiness=swept,
        clock=gateway.clock,
        clock_skew_s=lambda: outside.skews_s.get(machine, 0.0),
        venue_url=lambda: PAPER_TRADING_URL,
        pause=asyncio.sleep,
        params=outside.params,
    )
    stage = ExecutorStage(
        broker=broker,
        orders=orders,
        facts=gathering.facts,
        clock=gateway.clock,
        pause=asyncio.sleep,
        params=outside.params,
        steps=steps,
    )
    election = ModelElection(outside.database, f"listens to {ACCOUNT_ID}")

    async def reconcile() -> None:
        """Stand in for services.executor.reconciliation, as far as orders go: nothing of ours stays unseen."""
        while True:
            with suppress(TransientError):
                await tracker.sweep()
                for client_order_id in await gateway.call(gateway.trading.get, "/filled"):
                    await tracker.follow(client_order_id)
            await asyncio.sleep(_RECONCILE_S)

    async def start() -> None:
        await account.connect()
        await tracker.sweep()
        swept.done = True

    return Parts(
        name="executor",
        publisher=publisher,
        start=start,
        health=health,
        tasks={
            "relay": relay.run,
            "tracking": lambda: election.lead(
                lambda: _all_of(tracker.run, stopper.run, reconcile, walker.run)
            ),
        },
        consumes=TICKETS,
        stage=stage,
    )


class _ReadinessOfSweep:
    """Positions and cash are not simulated: our orders agree with the venue's once the sweep at the start is done."""

    def __init__(self) -> None:
        self.done = False

    async def readiness(self) -> Readiness:
        return Readiness(stream_ready=self.done, reconciled=self.done)


class _MarketTime:
    def __init__(self, gateway: ModelGateway) -> None:
        self._gateway = gateway

    async def now(self) -> Any:
        await self._gateway.connect()
        return self._gateway.clock.now()


class _NoOtherRevisions:
    """kernel.stream.handling.Writers: all processes of a seed are of one revision."""

    async def knowing(self, work: Callable[[], Awaitable[None]]) -> None:
        await work()


async def run(outside: Outside, parts: Parts, life: Incarnation) -> None:
    """Run a process until it is cancelled or one of its parts fails."""
    await retry_in_place(parts.start, stage=parts.name, health=parts.health)
    running = [asyncio.ensure_future(task()) for task in parts.tasks.values()]
    consumption: Consumption | None = None
    if parts.consumes is not None and parts.stage is not None:
        consumption = Consumption(_handler(parts))
        topic = parts.consumes.full_name(DEFAULT_PREFIX)
        consumer = ModelConsumer(outside.to_log, outside.log, parts.name, topic, life.name)
        running += [
            asyncio.ensure_future(consumer.run(consumption)),
            asyncio.ensure_future(consumption.failed()),
        ]
    try:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        if consumption is not None:
            await consumption.drain()
            await consumer.leave()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _handler(parts: Parts) -> Handler[Any]:
    assert parts.consumes is not None
    assert parts.stage is not None
    return Handler(
        name=parts.name,
        consumes=parts.consumes,
        stage=parts.stage,
        publisher=parts.publisher,
        health=parts.health,
        prefix=DEFAULT_PREFIX,
        codec=Codec(),
        writers=_NoOtherRevisions(),
    )


BUILDS: Mapping[str, Callable[[Outside, Incarnation], Parts]] = {
    "signals": signals,
    "selector": selector,
    "sizer": sizer,
    "executor": executor,
}


class Machine:
    """One place where a stage runs: starts it, and starts it again whenever it is gone."""

    def __init__(
        self,
        outside: Outside,
        stage: str,
        number: int,
        rng: random.Random,
        died: Callable[[str, BaseException], None],
    ) -> None:
        self.name = f"{stage}-{number}"
        self.life: Incarnation | None = None
        self._outside = outside
        self._stage = stage
        self._rng = rng
        self._died = died
        self._lives = 0
        self._main: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Bring it up."""
        self._lives += 1
        life = Incarnation(f"{self.name}#{self._lives}")
        context = Context()
        context.run(OWNER.set, life)
        loop = self._outside.loop
        self.life = life
        loop.call_soon(self._begin, life, context=context)

    def kill(self) -> None:
        """kill -9."""
        if self.life is None:
            return
        life, self.life = self.life, None
        self._outside.desks.pop(life.name, None)
        self._note("killed")
        loop = self._outside.loop
        loop.kill(life)
        loop.at(self._rng.random() * 0.01, self._lose_connections, life)
        loop.at(0.2 + self._rng.random() * 5, self.start)

    def hold(self, for_s: float) -> None:
        """SIGSTOP, and SIGCONT after `for_s`."""
        life = self.life
        if life is not None and not life.still:
            life.still = True
            self._note(f"stands still for {for_s:.1f} s")
            self._outside.loop.at(for_s, self._continue, life)

    def stop(self) -> None:
        """SIGTERM: it ends what is under way and goes."""
        if self._main is not None and self.life is not None and not self.life.still:
            self._note("is stopped")
            self._main.cancel()

    def _begin(self, life: Incarnation) -> None:
        parts = BUILDS[self._stage](self._outside, life)
        self._main = asyncio.ensure_future(run(self._outside, parts, life))
        self._main.add_done_callback(lambda task: self._ended(life, task), context=Context())

    def _ended(self, life: Incarnation, task: "asyncio.Task[None]") -> None:
        if self._outside.loop.over or self.life is not life:
            return
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._died(life.name, error)
        self._outside.loop.kill(life)
        self.life = None
        self._outside.desks.pop(life.name, None)
        self._lose_connections(life)
        self._outside.loop.at(1.0, self.start)

    def _lose_connections(self, life: Incarnation) -> None:
        self._outside.database.lose(life)
        feed = self._outside.venue.feed
        if feed is not None and feed.owner is life:
            self._outside.venue.hang_up(feed)

    def _continue(self, life: Incarnation) -> None:
        if not life.dead:
            self._note("goes on")
            self._outside.loop.go_on(life)

    def _note(self, what: str) -> None:
        self._outside.trace.event(self._outside.loop.time(), self.name, what)
