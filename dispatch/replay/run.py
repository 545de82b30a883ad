"""Runs a replay: reads inputs and answers, streams the evidence past the stage, compares.

1. The log is read to the ends it has at the beginning; nothing is committed and nothing is written.
2. Only inputs and answers are held; evidence passes through, so a long range needs little memory.
3. In a chain (`selector..sizer`) what a stage decides now is what the next is given.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
from dispatch.replay.results import Row, StageResult, row_of
from dispatch.replay.source import Source
from dispatch.replay.span import Span
from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Evidence
from kernel.stream.replaying import Replay

#: Questions handed to a decider at once.
_BATCH = 64
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
    source: Source, stages: Sequence[Played], span: Span, progress: Progress
) -> list[StageResult]:
    """Return one result per stage of the chain, in its order. Raises TransientError when the log cannot be read."""
    results: list[StageResult] = []
    fed: _Fed | None = None
    for stage in stages:
        result, fed = await _Run(source, stage, span, progress).play(fed)
        results.append(result)
    return results


class _Run:
    """One stage's turn."""

    def __init__(self, source: Source, stage: Played, span: Span, progress: Progress) -> None:
        self._source = source
        self._stage = stage
        self._span = span
        self._progress = progress
        self._codec = Codec()

    async def play(self, fed: _Fed | None) -> tuple[StageResult, _Fed]:
        """Replay the span, or what the stage before feeds on; returns the result and what the next stage is fed."""
        started, stage = time.perf_counter(), self._stage
        history = await self._history(fed)
        inputs = history.inputs if fed is None else self._merged(history, fed)
        rows: dict[str, Row] = {}
        async for row in self._rows(inputs, history, fed):
            rows[row.message.meta.id] = row
            self._progress(stage.name, len(rows), len(inputs))
        result = StageResult(
            stage=stage.name,
            rows=[rows[given.id] for given in inputs],
            undecodable=history.undecodable,
            seconds=time.perf_counter() - started,
        )
        given_on = {e.message.meta.id: e.message for row in result.rows for e in row.replayed}
        return result, _Fed(given_on, inputs, history.begins_at if fed is None else fed.since)

    async def _history(self, fed: _Fed | None) -> History:
        """Read the inputs and what was answered to them."""
        topic = self._stage.replay.consumes
        wanted, since = (
            (in_span(self._span), self._span.since) if fed is None else (given_by(fed.inputs), fed.since)
        )
        history = await read_inputs(self._source, topic, wanted, since, self._codec)
        await read_answers(self._source, self._stage.name, self._stage.replay, history, self._codec)
        return history

    def _merged(self, history: History, fed: _Fed) -> list[Input]:
        """Return what was given then or is given now: the message of now where there is one."""
        then = [Input(fed.messages.get(i.id, i.message), i.record) for i in history.inputs]
        known, consumed = {i.id for i in then}, self._stage.replay.consumes.model
        new = [m for key, m in fed.messages.items() if key not in known and isinstance(m, consumed)]
        return then + [Input(message, None) for message in new]

    async def _rows(self, inputs: Sequence[Input], history: History, fed: _Fed | None) -> AsyncIterator[Row]:
        asked = {i.id: i for i in inputs if fed is None or i.id in fed.messages}
        for given in inputs:
            if given.id not in asked:  # the stage before does not give it any more
                yield row_of(given, history.answers.get(given.id, ()), Decided())
        batch: list[tuple[Input, Evidence | None]] = []
        async for input_id, evidence in read_evidence(
            self._source, self._stage.name, asked, history, self._codec
        ):
            batch.append((asked[input_id], evidence))
            if len(batch) == _BATCH:
                for row in await self._decided(batch, history, chained=fed is not None):
                    yield row
                batch = []
        for row in await self._decided(batch, history, chained=fed is not None):
            yield row

    async def _decided(
        self, batch: Sequence[tuple[Input, Evidence | None]], history: History, *, chained: bool
    ) -> list[Row]:
        questions = [Question(given.message, evidence) for given, evidence in batch]
        answers = await self._stage.decider.decide(questions)
        rows = []
        for (given, evidence), decided in zip(batch, answers, strict=True):
            recorded = history.answers.get(given.id, ())
            pending = evidence is None and not recorded and not chained
            rows.append(row_of(given, recorded, decided, pending=pending))
        return rows
