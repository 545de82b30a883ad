"""Runs the demo: plan, send, follow, settle, account. The only part of the demo that touches the world."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from dispatch.connection import Connection
from dispatch.demo.plan import PlannedSignal
from dispatch.demo.summary import summarise
from dispatch.stories.story import Fate, Library, Story
from dispatch.venue import SimulatedVenue
from kernel.contracts.messages import Signal
from kernel.contracts.origin import Origin
from kernel.contracts.topics import ALL_TOPICS, SIGNALS
from kernel.domain.params import TradingParams
from kernel.runtime.clock import SystemClock
from kernel.runtime.params import load_params
from kernel.stream.producer import KafkaPublisher
from kernel.stream.reader import LogReader, StoredRecord
from kernel.stream.stage import Emission
from services.signals.core.build import build_signal

_SETTLED = frozenset({Fate.FILLED, Fate.ENDED_UNFILLED, Fate.REJECTED})
#: An order that is not filled in this time rests; the demo sends the next signal, and the order walks on meanwhile.
_REST_S = 8.0


@dataclass(frozen=True, kw_only=True)
class DemoRun:
    """One run against servers that are up. `pace_s`: seconds between signals; `show` gets each story once."""

    connection: Connection
    plan: Sequence[PlannedSignal]
    pace_s: float
    #: How long the slowest may take after the last was sent.
    settle_s: float
    show: Callable[[Story], None]
    #: Tells parallel runs of the same plan apart: signal ids derive from it.
    run_id: str
    #: False reads the topics only after all was sent: whoever measures must not take the processors from the measured.
    live: bool = True
    records: list[StoredRecord] = field(default_factory=list)

    async def execute(self) -> dict[str, Any]:
        """Send every signal, wait until each is settled, return the summary."""
        connection = self.connection
        venue = SimulatedVenue(connection.venue_url)
        params = load_params(connection.settings.params_file)
        library = Library(connection.prefix)
        follower = _Follower(library, self.records, self.show)
        intended_at: dict[str, datetime] = {}
        began = SystemClock().now()
        publisher = KafkaPublisher(connection.kafka, connection.prefix, "demo")
        topics = [t.full_name(connection.prefix) for t in ALL_TOPICS]
        async with venue, publisher, LogReader(connection.kafka, topics) as reader:
            await reader.to_now()
            at_start = await venue.account()
            watching = asyncio.Event()
            if self.live:
                watching.set()
            following = asyncio.create_task(follower.follow(reader, watching))
            try:
                await self._send_all(venue, publisher, params, follower, intended_at)
                watching.set()
                await follower.until_accounted(set(intended_at), self.settle_s)
                await follower.until_settled(set(intended_at), _walk_s(params))
                follower.show_working()
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    await following
            accepted = await venue.accepted_orders(since=began)
        mine = [s for s in library.signals() if s.signal_id in intended_at]
        return summarise(mine, accepted, intended_at, at_start)

    async def _send_all(
        self,
        venue: SimulatedVenue,
        publisher: KafkaPublisher,
        params: TradingParams,
        follower: "_Follower",
        intended_at: dict[str, datetime],
    ) -> None:
        origin = Origin("signals", self.connection.settings.code_revision(), params.config_hash)
        schedule = _Schedule(self.pace_s)
        for planned in self.plan:
            if planned.market_at is not None:
                await venue.jump(planned.market_at)
                schedule.restart()
            due_at = await schedule.next()
            signal = self._signal(planned, origin, params, venue.clock.now())
            intended_at[signal.meta.id] = due_at
            await publisher.publish([Emission(SIGNALS, signal)])
            if planned.market_at is not None:
                await follower.until_accounted({signal.meta.id}, self.settle_s)
                await follower.until_settled({signal.meta.id}, _REST_S)

    def _signal(self, planned: PlannedSignal, origin: Origin, params: TradingParams, now: datetime) -> Signal:
        return build_signal(
            origin,
            params.signals,
            underlying=planned.underlying,
            direction=planned.direction,
            strategy=planned.strategy,
            cause=f"{self.run_id}/{planned.number}",
            setup="demo",
            now=now,
        )


def _walk_s(params: TradingParams) -> float:
    """Return how long the last orders may walk before the demo leaves them, at a clock that runs no faster than ours."""
    return max(_REST_S, (params.executor.walk_steps + 0.5) * params.executor.walk_step_s)


class _Schedule:
    """When each signal is due, whatever became of those before: a late sender does not make the pipeline look fast."""

    def __init__(self, pace_s: float) -> None:
        self._pace_s = pace_s
        self.restart()

    def restart(self) -> None:
        """Let the next signal be due now."""
        self._began_at = SystemClock().now()
        self._began_s = time.monotonic()
        self._count = 0

    async def next(self) -> datetime:
        """Wait until the next signal is due; returns when that was meant to be, wall clock."""
        offset_s = self._count * self._pace_s
        self._count += 1
        await asyncio.sleep(max(0.0, self._began_s + offset_s - time.monotonic()))
        return self._began_at + timedelta(seconds=offset_s)


class _Follower:
    """Files records as they come and tells when stories settle."""

    def __init__(self, library: Library, records: list[StoredRecord], show: Callable[[Story], None]) -> None:
        self._library = library
        self._records = records
        self._show = show
        self._accounted: set[str] = set()
        self._settled: set[str] = set()
        self._news = asyncio.Event()

    async def follow(self, reader: LogReader, watching: asyncio.Event) -> None:
        await watching.wait()
        async for record in reader.follow():
            self._records.append(record)
            story = self._library.add(record)
            if story is not None and _is_complete(story):
                self._note(story)

    async def until_accounted(self, signal_ids: set[str], at_most_s: float) -> None:
        """Return when each of `signal_ids` is an order at the venue or a rejection, or the time is up."""
        await self._until(lambda: signal_ids <= self._accounted, at_most_s)

    async def until_settled(self, signal_ids: set[str], at_most_s: float) -> None:
        """Return when none of `signal_ids` has an order that still works, or the time is up."""
        await self._until(lambda: signal_ids <= self._settled, at_most_s)

    def show_working(self) -> None:
        """Show the stories whose order still rests at the venue."""
        for signal_id in sorted(self._accounted - self._settled):
            self._show(self._library.stories[signal_id])

    def _note(self, story: Story) -> None:
        if story.reached_venue or story.fate in _SETTLED:
            self._accounted.add(story.signal_id)
        if story.fate in _SETTLED and story.signal_id not in self._settled:
            self._settled.add(story.signal_id)
            self._show(story)
        self._news.set()

    async def _until(self, done: Callable[[], bool], at_most_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while not done():
                    self._news.clear()
                    await self._news.wait()


def _is_complete(story: Story) -> bool:
    """Topics are read side by side: a fill may be read before the ticket it belongs to."""
    if story.signal is None:
        return False
    return not story.executions or (story.selection is not None and story.ticket is not None)


def utc_run_id(now: datetime) -> str:
    """Return a name for a run begun at `now`."""
    return f"demo-{now.astimezone(UTC):%Y%m%dT%H%M%S.%f}"
