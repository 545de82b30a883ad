"""Runs a replay: reads inputs and answers, streams the evidence past the stage, compares.

1. The log is read to the ends it has at the beginning (see `source`); nothing is committed and nothing is written.
   A decision whose answer was on its way then, and has come since, is pending: it is neither compared nor fed on.
2. Only inputs and answers are held; evidence passes through, so a long range needs little memory.
3. In a chain (`selector..sizer`) what a stage decides now is what the next is given.
"""

import asyncio
import gc
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from dispatch.replay.deciding import Decided, Decider, Question
from dispatch.replay.history import (
    History,
    Input,
    given_by,
    in_span,
    read_answers,
    read_evidence,
    read_inputs,
)
from dispatch.replay.observing import Observer, Taken, in_order
from dispatch.replay.results import Row, StageResult, Status, row_of
from dispatch.replay.source import Source
from dispatch.replay.span import Span
from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Evidence
from kernel.stream.replaying import Replay
from kernel.stream.stage import Emissions

T = TypeVar("T")
#: Questions handed to a decider at once.
_BATCH = 64
_ANSWERED_MEANWHILE = "answered while the log was read"
_OBJECTS_BETWEEN_COLLECTIONS = 200_000
#: Called with a stage's name, how many of its inputs are done, how many there are.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Played:
    """A stage to replay: its name, what it reads and answers, and who decides."""

    name: str
    replay: Replay[Any]
    decider: Decider


@dataclass(frozen=True, slots=True)
class _Fed:
    """What the stage before decided now, by message id, on which inputs, of when on."""

    messages: Mapping[str, Message]
    inputs: Sequence[Input]
    since: datetime | None


async def replay(
    source: Source,
    stages: Sequence[Played],
    span: Span,
    progress: Progress,
    observers: Sequence[Observer] = (),
) -> list[StageResult]:
    """Return one result per stage of the chain, in its order.

    Raises ConfigError where the span names nothing of the first stage, TransientError when the log cannot be read.
    """
    results: list[StageResult] = []
    fed: _Fed | None = None
    with _rarely_collected():
        for stage in stages:
            result, fed = await _Run(source, stage, span, progress, observers).play(fed)
            results.append(result)
    return results


class _Run:
    """One stage's turn."""

    def __init__(
        self, source: Source, stage: Played, span: Span, progress: Progress, observers: Sequence[Observer]
    ) -> None:
        self._source = source
        self._stage = stage
        self._span = span
        self._progress = progress
        self._observers = observers
        self._codec = Codec()

    async def play(self, fed: _Fed | None) -> tuple[StageResult, _Fed]:
        """Replay the span, or what the stage before feeds on; returns the result and what the next stage is fed."""
        started, stage = time.perf_counter(), self._stage
        history = await self._history(fed)
        inputs = history.inputs if fed is None else self._merged(history, fed)
        for observer in self._observers:
            observer.begin(stage.name, inputs)
        rows: dict[str, Row] = {}
        async with aclosing(self._rows(inputs, history, fed)) as taken:
            async for row in taken:
                rows[row.message.meta.id] = row
                self._progress(stage.name, len(rows), len(inputs))
        for input_id in await self._on_the_way(inputs, rows):
            rows[input_id] = replace(rows[input_id], status=Status.PENDING, note=_ANSWERED_MEANWHILE)
        result = StageResult(
            stage=stage.name,
            rows=[rows[given.id] for given in inputs if given.id in rows],
            left=len(inputs) - len(rows),
            undecodable=history.undecodable,
            seconds=time.perf_counter() - started,
        )
        return result, _Fed(self._given_on(result), inputs, history.begins_at if fed is None else fed.since)

    def _given_on(self, result: StageResult) -> dict[str, Message]:
        """Return what the next stage is fed, by message id: what was decided, and what is passed on undecided."""
        settled = [row for row in result.rows if row.status is not Status.PENDING]
        decided = {e.message.meta.id: e.message for row in settled for e in row.replayed}
        if self._stage.replay.consumes not in self._stage.replay.answers:
            return decided
        return decided | {row.message.meta.id: row.message for row in result.rows if not row.recorded}

    async def _on_the_way(self, inputs: Sequence[Input], rows: Mapping[str, Row]) -> list[str]:
        """Return the inputs that were seen without an answer, and have one by now."""
        unanswered = [i for i in inputs if i.id in rows and rows[i.id].status is Status.EXTRA]
        if not unanswered:
            return []
        since, stage = History(inputs=unanswered), self._stage
        await read_answers(self._source.fresh(), stage.name, stage.replay, since, self._codec)
        return [given.id for given in unanswered if given.id in since.answers]

    async def _history(self, fed: _Fed | None) -> History:
        """Read the inputs and what was answered to them."""
        topic = self._stage.replay.consumes
        wanted, since = (
            (in_span(self._span), self._span.since) if fed is None else (given_by(fed.inputs), fed.since)
        )
        history = await read_inputs(self._source, topic, wanted, since, self._codec)
        if fed is None:
            self._span.check([given.message for given in history.inputs])
        await read_answers(self._source, self._stage.name, self._stage.replay, history, self._codec)
        return history

    def _merged(self, history: History, fed: _Fed) -> list[Input]:
        """Return what was given then or is given now: the message of now where there is one."""
        then = [Input(fed.messages.get(i.id, i.message), i.record) for i in history.inputs]
        known, consumed = {i.id for i in then}, self._stage.replay.consumes.model
        new = [m for key, m in fed.messages.items() if key not in known and isinstance(m, consumed)]
        return then + [Input(message, None) for message in new]

    async def _rows(
        self, inputs: Sequence[Input], history: History, fed: _Fed | None
    ) -> AsyncGenerator[Row, None]:
        asked = {i.id: i for i in inputs if fed is None or i.id in fed.messages}
        for given in inputs:
            if given.id not in asked:  # the stage before does not give it any more
                yield _compared(given, history.answers.get(given.id, ()), Decided())
        async with (
            aclosing(self._seen(asked, history)) as seen,
            aclosing(self._in_flight(seen, asked, history, fed is not None)) as taken,
        ):
            async for batch in taken:
                for each in batch:
                    yield each.row
                if not await self._go_on(batch):
                    return

    async def _in_flight(
        self,
        seen: AsyncIterator[tuple[str, Evidence | None]],
        asked: Mapping[str, Input],
        history: History,
        chained: bool,
    ) -> AsyncGenerator[list[Taken], None]:
        """Yield the batches in their order, while as many as the decider can work on are with it."""
        depth = 1 if self._observers else self._stage.decider.in_flight
        tasks: deque[asyncio.Task[list[Taken]]] = deque()
        try:
            async for batch in _batches(seen, self._at_once):
                pairs = [(asked[key], evidence) for key, evidence in batch]
                tasks.append(asyncio.create_task(self._decided(pairs, history, chained)))
                if len(tasks) == depth:
                    yield await tasks.popleft()
            while tasks:
                yield await tasks.popleft()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _seen(
        self, asked: Mapping[str, Input], history: History
    ) -> AsyncGenerator[tuple[str, Evidence | None], None]:
        """Yield each input's id and evidence, in the order of the inputs where somebody looks on."""
        evidence = read_evidence(self._source, self._stage.name, asked, history, self._codec)
        async with aclosing(evidence) as found:
            async for each in in_order(list(asked.values()), found) if self._observers else found:
                yield each

    @property
    def _at_once(self) -> int:
        return min((o.at_once or _BATCH for o in self._observers), default=_BATCH)

    async def _go_on(self, taken: Sequence[Taken]) -> bool:
        return all([await observer.after(taken) for observer in self._observers])

    async def _decided(
        self, batch: Sequence[tuple[Input, Evidence | None]], history: History, chained: bool
    ) -> list[Taken]:
        for given, _ in batch:
            for observer in self._observers:
                await observer.before(given)
        recorded = [history.answers.get(given.id, ()) for given, _ in batch]
        questions = [
            Question(i.message, e, None if chained or i.record is None else i.record.value, then)
            for (i, e), then in zip(batch, recorded, strict=True)
        ]
        answers = await self._stage.decider.decide(questions)
        taken = []
        for (given, evidence), then, decided in zip(batch, recorded, answers, strict=True):
            pending = evidence is None and not then and given.record is not None
            taken.append(Taken(given, evidence, _compared(given, then, decided, pending=pending)))
        return taken


def _compared(given: Input, then: Emissions, decided: Decided, *, pending: bool = False) -> Row:
    row = row_of(given, then, decided, pending=pending)
    answered = row.recorded or row.replayed
    return row if answered or row.status is not Status.SAME else replace(row, status=Status.PASSED_ON)


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Let the collector of cycles rest: what a replay reads is kept to its end and has none, yet would be walked through
    over and over, for a quarter of the time.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.freeze()  # or it would walk through all of it right now
        gc.set_threshold(*before)


async def _batches(each: AsyncIterator[T], size: int) -> AsyncIterator[list[T]]:
    batch: list[T] = []
    async for one in each:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
