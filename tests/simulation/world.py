"""One seed: what is asked for, what goes wrong, and what is left when all of it has calmed down.

Everything a run does follows from its seed. A run has three parts: `TROUBLE_S` virtual seconds in which alerts come in and
things go wrong, then a time in which nothing goes wrong any more until nothing is left to do, then the audit.
"""

import asyncio
import json
import random
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dispatch.demo.limits import widened
from kernel.contracts.topics import DEFAULT_PREFIX
from kernel.domain.control import ControlState, resumed, tightened
from kernel.domain.errors import DatabaseUnavailable, TradingError
from kernel.domain.params import TradingParams
from services.signals.core.alerts import Accepted, Alert, read_alert
from services.signals.stage import AlertDesk
from tests.fakes.params import PARAMS
from tests.simulation.database import ModelDatabase
from tests.simulation.link import Link, Weather
from tests.simulation.log import ModelLog
from tests.simulation.loop import OWNER, DidNotSettleError, Incarnation, SimulatedLoop
from tests.simulation.processes import Machine, Outside
from tests.simulation.switch import Change, ModelSwitch
from tests.simulation.tables import Tables
from tests.simulation.trace import Trace
from tests.simulation.venue import ModelVenue, Moods

TROUBLE_S = 40.0
_CALM_MOST_S = 400.0
_WORKERS = {"signals": 1, "selector": 2, "sizer": 2, "executor": 2}
#: How often a venue is as bad as can be: half of all that is asked comes far too late, and much of it is refused.
_STORMS = 0.15
_UNDERLYINGS = ("SPY", "QQQ", "IWM", "DIA", "GLD", "NONE")


def _params(change: Callable[[dict[str, Any]], dict[str, Any]]) -> TradingParams:
    """Return the parameters of record with tickets of a short life and quick walks: all of it happens within a run."""
    document = change(PARAMS.model_dump(mode="json"))
    document["sizer"]["ticket_ttl_s"] = 30
    document["executor"] |= {"walk_steps": 3, "walk_step_s": 3.0, "walk_rest_s": 6.0}
    return TradingParams.model_validate(document)


#: The limits of record, which a handful of signals meets; and such as let all through that the venue would take.
PARAMETERS = (_params(lambda document: document), _params(widened))


@dataclass(frozen=True, slots=True)
class Asked:
    """An alert and the signal the operator was told it became."""

    alert: Alert
    signal_id: str


class World:
    """A seed's world. `run` plays it; then `outside`, `asked` and `failures` tell what came of it."""

    def __init__(self, seed: int, *, whole_trace: bool = False) -> None:
        self.trace = Trace(whole=whole_trace)
        self.asked: list[Asked] = []
        #: What broke while it ran: a process that stopped of itself, a run that never calmed down.
        self.failures: list[str] = []
        random.seed(seed)  # the jitter of kernel.stream.retry
        self.loop = SimulatedLoop(random.Random(f"{seed} order"))
        self.loop.set_exception_handler(lambda _loop, _context: None)
        self._rng = random.Random(f"{seed} plan")
        self._wanted = 0
        self._stopping = False
        #: From when to when nothing was to be sent: after a halt had returned, before the resume was asked for.
        self.stops_s: list[tuple[float, float]] = []
        self._operators: list[asyncio.Task[None]] = []
        self._weathers = {name: self._weather() for name in ("log", "database", "venue")}
        self.outside = self._outside(seed)
        if self._rng.random() < _STORMS:
            self._weathers["venue"].late, self._weathers["venue"].late_s = 0.5, 14.0
            self.outside.venue.moods.refuse = 0.4
        self.machines = [
            Machine(self.outside, stage, n + 1, self._rng, self._died)
            for stage, count in _WORKERS.items()
            for n in range(count)
        ]

    def run(self) -> None:
        """Play the seed to its end."""
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._play())
        except DidNotSettleError as e:
            self.failures.append(f"did not settle: {e}")
        self.trace.event(
            self.loop.time(), "loop", "end", f"{self.loop.steps} steps {self.loop._rng.getrandbits(32):08x}"
        )

    def close(self) -> None:
        """Unwind what is left; after the audit."""
        try:
            self.loop.end()
        finally:
            asyncio.set_event_loop(None)

    async def _play(self) -> None:
        for machine in self.machines:
            machine.start()
        self._plan_alerts()
        self._plan_faults()
        await asyncio.sleep(TROUBLE_S)
        self._heal()
        calm_s = 0.0
        while not self._is_quiet():
            await asyncio.sleep(1.0)
            calm_s += 1.0
            if calm_s > _CALM_MOST_S:
                self.failures.append(f"not quiet {calm_s:.0f} s after the last trouble: {self._unquiet()}")
                return
        await asyncio.sleep(2.0)

    # What is there

    def _outside(self, seed: int) -> Outside:
        rng, loop, trace, weathers = self._rng, self.loop, self.trace, self._weathers
        chances = random.Random(f"{seed} chances")
        to_database = Link(loop, chances, weathers["database"], 6.0, "the database")
        often = rng.choice((0.0, 0.05, 0.2))
        return Outside(
            loop=loop,
            trace=trace,
            params=rng.choice(PARAMETERS),
            log=ModelLog(loop, trace),
            database=ModelDatabase(loop, to_database),
            tables=Tables(),
            venue=ModelVenue(
                loop,
                random.Random(f"{seed} venue"),
                trace,
                cash=Decimal(rng.choice((2_000, 12_000, 100_000))),
                moods=Moods(*(often * rng.random() for _ in range(5))),
                hints_lost=rng.choice((0.0, 0.3, 0.8)),
            ),
            to_log=Link(loop, chances, weathers["log"], 5.0, "the log"),
            to_venue=Link(loop, chances, weathers["venue"], 4.0, "the venue"),
        )

    def _weather(self) -> Weather:
        rng = self._rng
        often = rng.choice((0.0, 0.01, 0.05, 0.15))
        return Weather(
            lost_there=often * rng.random(),
            lost_back=often * rng.random(),
            late=rng.choice((0.0, often, 0.3)) * rng.random(),
            late_s=rng.choice((1.0, 12.0)),
            delay_s=rng.choice((0.002, 0.05, 0.3)),
        )

    # What is asked for

    def _plan_alerts(self) -> None:
        rng = self._rng
        self._wanted = rng.randint(3, 6)
        first_s, within_s = rng.random() * 15, rng.choice((0.5, 4.0, 15.0))
        for number in range(self._wanted):
            body = json.dumps(
                {
                    "id": f"alert-{number}",
                    "ticker": rng.choice(_UNDERLYINGS),
                    "direction": "bullish",
                    "strategy": rng.choice(("day_trade", "day_trade", "swing")),
                    "expires_in_s": rng.choice((300, 300, 300, 5)),
                }
            ).encode()
            self.loop.call_later(first_s + rng.random() * within_s, self._send, body)

    def _send(self, body: bytes) -> None:
        alert = read_alert(body)
        assert isinstance(alert, Alert)
        self.trace.event(self.loop.time(), "operator", "sends", f"{alert.id} {alert.ticker}")
        self._operators.append(asyncio.ensure_future(self._ask_until_accepted(alert, body)))

    async def _ask_until_accepted(self, alert: Alert, body: bytes) -> None:
        while True:
            answer = await self._ask(alert, body)
            if answer is not None:
                assert isinstance(answer, Accepted)
                self.trace.event(
                    self.loop.time(), "operator", "accepted", f"{alert.id} {answer.signal_id[:8]}"
                )
                self.asked.append(Asked(alert, answer.signal_id))
                return
            await asyncio.sleep(0.5 + self._rng.random())

    async def _ask(self, alert: Alert, body: bytes) -> Any:
        """Ask a desk that is up; None when no answer came."""
        desks = self.outside.desks
        if not desks:
            return None
        name = self._rng.choice(sorted(desks))
        request = self._in_process(name, desks[name], alert, body)
        try:
            async with asyncio.timeout(6.0):
                return await asyncio.shield(request)
        except (TradingError, TimeoutError):
            return None

    def _in_process(self, name: str, desk: AlertDesk, alert: Alert, body: bytes) -> "asyncio.Task[Any]":
        context = Context()
        context.run(OWNER.set, self._life(name))
        return self.loop.create_task(desk.accept(alert, body), context=context)

    def _life(self, name: str) -> Incarnation:
        (life,) = [m.life for m in self.machines if m.life is not None and m.life.name == name]
        return life

    # What goes wrong

    def _plan_faults(self) -> None:
        rng = self._rng
        faults: tuple[Callable[[], None], ...] = (
            self._kill,
            self._kill,
            self._hold,
            self._hold,
            self._stop,
            self._database_down,
            lambda: self._down("log"),
            lambda: self._down("venue"),
            self._skew,
            self._cut_stream,
            self._stop_trading,
        )
        for _ in range(rng.choice((0, 2, 4, 8))):
            self.loop.call_later(rng.random() * TROUBLE_S, rng.choice(faults))

    def _machine(self) -> Machine:
        """Return one of all, an executor as often as any other."""
        if self._rng.random() < 0.5:
            return self._rng.choice(self.machines[-2:])
        return self._rng.choice(self.machines)

    def _kill(self) -> None:
        self._machine().kill()

    def _hold(self) -> None:
        self._machine().hold(self._rng.uniform(1, 18))

    def _stop(self) -> None:
        self._machine().stop()

    def _down(self, name: str) -> None:
        for_s = self._rng.uniform(0.5, 8)
        self.trace.event(self.loop.time(), name, "down", f"for {for_s:.1f} s")
        self._weathers[name].down = True
        self.loop.call_later(for_s, self._up, name)

    def _up(self, name: str) -> None:
        self._weathers[name].down = False
        self.trace.event(self.loop.time(), name, "up")

    def _database_down(self) -> None:
        self._down("database")
        self.outside.database.lose()

    def _skew(self) -> None:
        name, skew_s = self._machine().name, self._rng.choice((-3.0, -1.9, 1.9, 3.0))
        self.trace.event(self.loop.time(), name, "clock off", f"by {skew_s} s")
        self.outside.skews_s[name] = skew_s
        self.loop.call_later(self._rng.uniform(1, 10), self.outside.skews_s.pop, name, None)

    def _stop_trading(self) -> None:
        """`dispatch halt`, and `dispatch resume` some time later."""
        if not self._stopping:
            self._stopping = True
            self._operators.append(asyncio.ensure_future(self._halt_and_resume()))

    async def _halt_and_resume(self) -> None:
        outside, rng = self.outside, self._rng
        switch = ModelSwitch(self.loop, outside.database, outside.tables, outside.origin("operator"))
        state = rng.choice((ControlState.HALTED, ControlState.HALTED, ControlState.REDUCING))
        cancel = rng.random() < 0.5
        await self._change(
            switch,
            lambda standing, now: tightened(
                standing, state, reason="a drill", by="operator", now=now, cancel_orders=cancel
            ),
        )
        while not await switch.drained():  # noqa: ASYNC110 - what it waits for is elsewhere
            await asyncio.sleep(0.1)
        stopped_s = self.loop.time()
        self.trace.event(stopped_s, "operator", "stopped trading", state.value)
        await asyncio.sleep(rng.uniform(1, 10))
        self.stops_s.append((stopped_s, self.loop.time()))
        self.trace.event(self.loop.time(), "operator", "resumes trading")
        await self._change(
            switch, lambda standing, now: resumed(standing, reason="enough", by="operator", now=now)
        )
        self._stopping = False

    async def _change(self, switch: ModelSwitch, change: Change) -> None:
        while True:
            try:
                await switch.change(change)
            except DatabaseUnavailable:
                await asyncio.sleep(0.2)
            else:
                return

    def _cut_stream(self) -> None:
        self.outside.venue.hang_up(self.outside.venue.feed)

    def _heal(self) -> None:
        self.trace.event(self.loop.time(), "world", "heals")
        for weather in self._weathers.values():
            weather.clear()
        self.outside.venue.settle()
        self.outside.skews_s.clear()

    def _died(self, name: str, error: BaseException) -> None:
        self.trace.event(self.loop.time(), name, "stopped", repr(error))
        self.failures.append(f"{name} stopped of itself: {error!r}")

    # When it is over

    def _is_quiet(self) -> bool:
        return not self._unquiet()

    def _unquiet(self) -> str:
        outside = self.outside
        tables = outside.tables
        waits = {
            "alerts": len(self.asked) < self._wanted,
            "signals unpublished": any(not kept.published for kept in tables.alerts.values()),
            **{f"lag of {group}": outside.log.lag(group) > 0 for group in ("selector", "sizer", "executor")},
            "orders": any(not order.ended for order in tables.orders.values()),
            "requests to the venue": outside.to_venue.on_the_way > 0,
            "venue's orders": any(order.open for order in outside.venue.orders.values()),
            "outbox": bool(tables.waiting()),
            "operator": self._stopping,
        }
        return ", ".join(name for name, left in waits.items() if left)

    def topic(self, name: str) -> list[Any]:
        """Return the records of a topic."""
        return self.outside.log.records(DEFAULT_PREFIX + name)
