"""The listener's pass: everything the venue says of the account, held against the books.

1. A pass runs when a listener begins, after every (re)connect of the stream, every `reconcile_s`, and soon after one
   that found something it cannot explain.
2. A pass counts from when it read the books; so the books are told of a connect before its pass begins, and of a
   stream that fell and came up again between two heartbeats as of one that fell.
3. What a pass reads, and in which order, is told in `statement_reading`; what it makes of it in `core.reconciling`.
4. Nothing is sent from here: a foreign order, a strange position are written down and left alone.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from prometheus_client import Counter, Gauge, Histogram

from kernel.domain.errors import TransientError
from kernel.runtime.logging import get_logger
from services.executor.core.reconciling.activities import Kind
from services.executor.core.reconciling.books import Orders, Outcome, Suspect
from services.executor.core.reconciling.comparing import baseline, reconcile
from services.executor.core.reconciling.found import foreign_order, found_order
from services.executor.core.reconciling.telling import told
from services.executor.ports import BookReading, Books, PassRecord
from services.executor.statement_reading import Seen, StatementReader
from services.executor.stream_watch import StreamWatch

_log = get_logger()
PASS_S = Histogram("dispatch_reconciliation_seconds", "How long a comparison with the venue took.")
DRIFT = Gauge("dispatch_reconciliation_drift", "Differences to the venue that nothing explains.")
EXPLAINED = Counter("dispatch_reconciliation_events_total", "What explained the venue's figures.", ["kind"])
#: After an unexplained difference, and after a pass that could not end.
_CONFIRM_S, _AGAIN_S = 2.0, 0.5
#: How often standing drift is looked at again.
_DRIFT_S = 10.0
_BEAT_S = 1.0


class Reconciler:
    """Holds the venue against the books, for the worker that listens for all."""

    def __init__(
        self,
        *,
        reader: StatementReader,
        books: Books,
        stream: StreamWatch,
        account_id: Callable[[], str],
        reconcile_s: float,
    ) -> None:
        self._reader = reader
        self._books = books
        self._stream = stream
        self._account_id = account_id
        self._reconcile_s = reconcile_s

    async def run(self) -> None:
        """Compare for ever: the leader's work."""
        epoch, now = await self._lead(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat_for_ever(epoch, now))
            group.create_task(self._compare_for_ever(epoch, now))

    async def compare(self, epoch: int) -> Outcome | None:
        """Run one pass; None if it has to be run again. Raises TransientError."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        reading = await self._books.read(self._account_id())
        seen = await self._reader.gather(reading)
        record = PassRecord(
            account_id=self._account_id(),
            version=reading.version,
            epoch=epoch,
            read_at=reading.ledger.read_at,
            market_now=seen.venue.now,
            fills_since=seen.newest,
            duration_ms=1000 * (loop.time() - began),
        )
        PASS_S.observe(loop.time() - began)
        if reading.ledger.baseline_at is None:
            return await self._begin(seen, record)
        return await self._keep(reading, seen, record)

    async def _lead(self) -> int:
        while True:
            try:
                return await self._books.lead(self._account_id())
            except TransientError as e:
                _log.warning("the listener could not say that it leads", reason=str(e))
                await asyncio.sleep(_AGAIN_S)

    async def _begin(self, seen: Seen, record: PassRecord) -> Outcome | None:
        first = baseline(seen.venue)
        if first is None or not await self._books.begin(first, seen.quantities, record):
            return None
        _log.info("the account is seen for the first time", positions=len(first.positions))
        return Outcome(events=first.events, suspects=())

    async def _keep(self, reading: BookReading, seen: Seen, record: PassRecord) -> Outcome | None:
        orders = Orders(early=seen.early, late=await self._reader.late(reading, seen.venue))
        outcome = reconcile(reading.ledger, seen.venue, orders)
        now = seen.venue.now
        found = [e for moved in seen.swept.moved if (e := found_order(moved, now)) is not None]
        strangers = [foreign_order(order, now) for order in seen.foreign]
        outcome = replace(outcome, events=[*outcome.events, *found, *strangers])
        if not await self._books.keep(outcome, seen.foreign, record):
            return None
        _tell(outcome, reading.ledger.suspects)
        return outcome

    async def _beat_for_ever(self, epoch: int, now: asyncio.Event) -> None:
        told = -1
        while True:
            is_up, connects = self._stream.is_up, self._stream.connects
            self._stream.changed.clear()
            try:
                if connects != told:
                    await self._books.beat(self._account_id(), epoch, stream_ready=False)
                await self._books.beat(self._account_id(), epoch, stream_ready=is_up)
            except TransientError as e:
                _log.warning("the listener's heartbeat was not written", reason=str(e))
            else:
                if is_up and connects != told:
                    now.set()
                told = connects
            await _wait(self._stream.changed, _BEAT_S)

    async def _compare_for_ever(self, epoch: int, now: asyncio.Event) -> None:
        while True:
            now.clear()
            try:
                pause_s = self._pause_s(await self.compare(epoch))
            except TransientError as e:
                _log.warning("the comparison with the venue was cut short", reason=str(e))
                pause_s = _AGAIN_S
            await _wait(now, pause_s)

    def _pause_s(self, outcome: Outcome | None) -> float:
        if outcome is None:
            return _AGAIN_S
        DRIFT.set(len(outcome.drift))
        if outcome.is_clean:
            return self._reconcile_s
        is_known = len(outcome.drift) == len(outcome.suspects)
        return min(self._reconcile_s, _DRIFT_S if is_known else _CONFIRM_S)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


def _tell(outcome: Outcome, before: Sequence[Suspect]) -> None:
    for event in outcome.events:
        EXPLAINED.labels(event.kind.value).inc()
        if event.kind is not Kind.FILL:
            _log.info(
                "explained", kind=event.kind.value, symbol=event.symbol, note=event.note, event_id=event.id
            )
    known = {suspect.difference.key: suspect for suspect in before}
    for suspect in outcome.suspects:
        old = known.pop(suspect.difference.key, None)
        if old is None:
            _log.info("a difference that nothing explains yet", difference=told(suspect.difference))
        elif suspect.is_drift and not old.is_drift:
            _log.error("drift: nothing explains it", difference=told(suspect.difference))
    for gone in known.values():
        _log.info("a difference is gone", difference=told(gone.difference))
