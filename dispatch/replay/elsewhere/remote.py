"""Asks workers in processes of their own to decide; see `worker` for the other end, `frames` for what is said.

1. A worker gets no address and no key: its environment is made anew, from a short list.
2. Evidence is written as this revision writes it, and the worker is told its schemas. A field that only a newer revision
   knows does not get through: of two revisions, the newer one should ask.
3. An answer that is the recorded one byte by byte is that one, and is not read again.
4. A worker that ends, says nonsense or is silent for too long is a WorkerFailed with its last words. Whatever happens, no
   worker outlives the `async with` it was started in.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dispatch.replay.deciding import Decided, Question
from dispatch.replay.elsewhere.frames import PROTOCOL, BrokenFrame, receive_frame, to_frame
from dispatch.replay.elsewhere.last_words import LastWords
from dispatch.replay.elsewhere.revisions import Code
from kernel.contracts.codec import Codec
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import ALL_TOPICS, EVIDENCE, Topic
from kernel.domain.errors import TradingError, UndecodableMessage
from kernel.stream.replaying import Replay
from kernel.stream.stage import Emission

#: All a worker may know of where it runs. PYTHONPATH is among them only for this code's own.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
_SILENT_S = 60.0
_ENDING_S = 5.0
#: One that speaks nonsense may well live on.
_BROKEN_S = 1.0
_LAST_LINES = 5
_TOPICS = {topic.name: topic for topic in ALL_TOPICS}
#: An input and its evidence as wire bytes, and whose signature the answer is to have; see `frames`.
Triple = tuple[bytes, bytes | None, tuple[str, str] | None]


class WorkerFailed(TradingError):
    """A process that was to decide could not; the text has what it said last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What a worker is started for: `params` is the text of a parameter file, None for the one of its own revision."""

    stage: str
    params: str | None
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a worker said of itself."""

    revision: str
    config_hash: str


class Worker:
    """One process. Use as an async context manager."""

    def __init__(self, code: Code, errand: Errand, *, silent_s: float = _SILENT_S) -> None:
        self._code = code
        self._errand = errand
        self._silent_s = silent_s
        self._process: asyncio.subprocess.Process | None = None
        self._words: LastWords | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            str(self._code.python),
            "-m",
            "dispatch.replay.elsewhere.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._code.folder,
            env=worker_environment(self._code, os.environ),
            start_new_session=True,  # Ctrl-C is for us: a worker ends when its pipe does
        )
        assert self._process.stderr is not None
        self._words = LastWords(self._process.stderr)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, words = self._process, self._words
        assert process is not None
        assert words is not None
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 0 if kind else _ENDING_S)
        except TimeoutError:
            with suppress(ProcessLookupError):  # it may just have ended
                process.kill()
            await process.wait()
        finally:
            await words.close()

    async def decide(self, asked: Sequence[Triple]) -> list[dict[str, Any]]:
        """Return a map per question; raises WorkerFailed."""
        said = await self._said({"decide": asked})
        answers: list[dict[str, Any]] = said.get("answers", [])
        if len(answers) != len(asked):
            raise self._failure(f"gave {len(answers)} answers to {len(asked)} questions")
        return answers

    async def greet(self) -> Introduction:
        """Say what is wanted, before anything is asked; raises WorkerFailed where the worker cannot or is not who it should be."""
        store = load_store()
        said = await self._said(
            {
                "protocol": PROTOCOL,
                "stage": self._errand.stage,
                "params": self._errand.params,
                "set": list(self._errand.settings),
                "schemas": store.export(),
            }
        )
        if said.get("protocol") != PROTOCOL:
            raise WorkerFailed(
                f"{self._code.label} speaks replay protocol {said.get('protocol')}, not {PROTOCOL}"
            )
        if "error" in said:
            raise WorkerFailed(f"{self._code.label} cannot be asked: {said['error']}")
        if not self._code.holds(Path(said["code"])):
            raise WorkerFailed(
                f"{self._code.label} has no code of its own: {said['code']} would answer for it"
            )
        store.learn(said["schemas"])
        return Introduction(said["revision"], said["config_hash"])

    async def _said(self, frame: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self._silent_s):
                process.stdin.write(to_frame(frame))
                await process.stdin.drain()
                said = await receive_frame(process.stdout)
        except TimeoutError:
            raise self._failure(f"said nothing for {self._silent_s:g} s") from None
        except (BrokenFrame, ConnectionError) as e:
            await self._last_said(_BROKEN_S)
            raise self._failure(f"stopped in the middle: {e}") from e
        if said is None:
            await self._last_said(_ENDING_S)  # what it has to say of its end it says after it closed the pipe
            raise self._failure("ended")
        return said

    def _failure(self, what: str) -> WorkerFailed:
        words = self._last_words()
        if "No module named" in words and "dispatch.replay.elsewhere.worker" in words:
            return WorkerFailed(
                f"{self._code.label} is older than replays of other revisions: it has no worker"
            )
        return WorkerFailed(f"{self._code.label} {what}" + (f"; its last words:\n{words}" if words else ""))

    async def _last_said(self, within_s: float) -> None:
        assert self._words is not None
        await self._words.all_said(within_s)

    def _last_words(self) -> str:
        assert self._words is not None
        return "\n".join(f"  {line}" for line in self._words.lines(_LAST_LINES))


class RemoteDecider:
    """A Decider over workers of one code and one stage. Use as an async context manager."""

    def __init__(self, code: Code, errand: Errand, replay: Replay[Any], *, workers: int = 1) -> None:
        self.in_flight = workers + 1  # one more, so that no worker waits while an answer is read
        self._workers = [Worker(code, errand) for _ in range(workers)]
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._consumes = replay.consumes
        self._codec = Codec()
        self._open = AsyncExitStack()
        self.introduction = Introduction("", "")

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            for worker in self._workers:  # all start before the first is waited for
                await opening.enter_async_context(worker)
            self.introduction, *_ = [await worker.greet() for worker in self._workers]
            self._open = opening.pop_all()
        for worker in self._workers:
            self._idle.put_nowait(worker)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.__aexit__(kind, error, trace)

    async def decide(self, questions: Sequence[Question]) -> Sequence[Decided]:
        """See Decider: the worker that is free first takes the questions. Raises WorkerFailed."""
        asked = [self._asked(question) for question in questions]
        worker = await self._idle.get()
        try:
            answers = await worker.decide(asked)
        finally:
            self._idle.put_nowait(worker)
        return [self._decided(q, said) for q, said in zip(questions, answers, strict=True)]

    def _asked(self, question: Question) -> Triple:
        seen, then = question.evidence, question.recorded
        return (
            question.wire or self._codec.encode(self._consumes, question.message),
            None if seen is None else self._codec.encode(EVIDENCE, seen),
            (then[0].message.meta.revision, then[0].message.meta.config_hash) if then else None,
        )

    def _decided(self, question: Question, said: Mapping[str, Any]) -> Decided:
        known = {(e.topic.name, e.wire): e for e in question.recorded}
        try:
            emissions = [
                known.get((name, wire)) or self._read(_TOPICS[name], wire)
                for name, wire in said.get("emissions", ())
            ]
        except (UndecodableMessage, KeyError) as e:
            return Decided(failed=f"this revision cannot read the other's answer: {e}")
        return Decided(emissions, said.get("unrecorded"), said.get("failed"))

    def _read(self, topic: Topic[Any], wire: bytes) -> Emission[Any]:
        message = self._codec.decode(topic, wire)
        signature = {"revision": self.introduction.revision, "config_hash": self.introduction.config_hash}
        meta = message.meta.model_copy(update=signature)
        return Emission(topic, message.model_copy(update={"meta": meta}), wire)


def worker_environment(code: Code, environ: Mapping[str, str]) -> dict[str, str]:
    """Return all a worker gets to know: where programs are, and which revision it is."""
    kept = {name: environ[name] for name in _KEPT if name in environ}
    told = {"DISPATCH_REVISION": code.revision} if code.revision else {}
    path = {} if code.path is None else {"PYTHONPATH": str(code.path)}
    return kept | told | path | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
