"""Decides for another process: `python -m dispatch.replay.elsewhere.worker`, questions on standard input, answers on standard output.

This is how one revision asks another (`--rev`), and how a long replay uses all cores (`--workers`). It knows no venue,
no database and no broker, and is started without their addresses and keys; see `frames` for what is said.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import structlog

from dispatch.replay.deciding import LocalDecider, Question, replay_of
from dispatch.replay.elsewhere.frames import PROTOCOL, read_frame, to_frame
from dispatch.replay.overrides import with_overrides
from kernel.contracts.codec import Codec
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import EVIDENCE
from kernel.domain.errors import ConfigError, UndecodableMessage
from kernel.domain.params import TradingParams
from kernel.runtime.params import load_params, parse_params
from kernel.runtime.settings import PROJECT_ROOT, ServiceSettings
from kernel.stream.replaying import Replay
from kernel.stream.stage import Emission


def main() -> None:
    """Answer until the questions end."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
        cache_logger_on_first_use=True,
    )
    with _pipe() as (questions, answers):
        hello = read_frame(questions)
        if hello is None:
            return
        try:
            worker, introduction = _greeted(hello)
        except ConfigError as e:
            answers.write(to_frame({"protocol": PROTOCOL, "error": str(e)}))
            return
        answers.write(to_frame(introduction))
        answers.flush()
        asyncio.run(worker.serve(questions, answers))


class Worker:
    """One stage, asked over a pipe."""

    def __init__(self, replay: Replay[Any]) -> None:
        self._consumes = replay.consumes
        self._decider = LocalDecider(replay)
        self._codec = Codec()

    async def serve(self, questions: BinaryIO, answers: BinaryIO) -> None:
        """Answer frames of questions until there are no more. Nothing else runs in this loop, so reading may block."""
        while (frame := read_frame(questions)) is not None:
            decided = [await self._answer(*each) for each in frame["decide"]]
            answers.write(to_frame({"answers": decided}))
            answers.flush()

    async def _answer(
        self, asked: bytes, evidence: bytes | None, signature: tuple[str, str] | None
    ) -> dict[str, Any]:
        try:
            question = Question(
                self._codec.decode(self._consumes, asked),
                None if evidence is None else self._codec.decode(EVIDENCE, evidence),
            )
        except UndecodableMessage as e:
            return {"failed": f"this revision cannot read what it is asked: {e}"}
        (decided,) = await self._decider.decide([question])
        try:
            emissions = [[e.topic.name, self._wire(e, signature)] for e in decided.emissions]
        except Exception as e:  # noqa: BLE001 - as in LocalDecider: what cannot be written is one input that failed
            return {"failed": f"{type(e).__name__}: {e}"}
        return {"emissions": emissions, "unrecorded": decided.unrecorded, "failed": decided.failed}

    def _wire(self, emission: Emission[Any], signature: tuple[str, str] | None) -> bytes:
        fields = emission.message.model_dump()
        if signature is not None:
            fields["meta"] |= dict(zip(("revision", "config_hash"), signature, strict=True))
        return self._codec.encode_fields(emission.topic, fields)


def _greeted(hello: dict[str, Any]) -> tuple[Worker, dict[str, Any]]:
    """Return who answers from here on, and what it says of itself."""
    if hello["protocol"] != PROTOCOL:
        raise ConfigError(f"it speaks replay protocol {PROTOCOL}, not {hello['protocol']}")
    store = load_store()
    store.learn(hello["schemas"])
    settings = ServiceSettings.from_env(os.environ)
    params = with_overrides(_params(hello["params"], settings), hello["set"])
    revision = settings.code_revision()
    introduction = {
        "protocol": PROTOCOL,
        "revision": revision,
        "config_hash": params.config_hash,
        "code": str(PROJECT_ROOT),
        "schemas": store.announced(),
    }
    return Worker(replay_of(hello["stage"], params, revision)), introduction


def _params(text: str | None, settings: ServiceSettings) -> TradingParams:
    return load_params(settings.params_file) if text is None else parse_params(text, "the parameters given")


@contextmanager
def _pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Take standard input and output for the frames alone: whatever else prints, prints to standard error."""
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with os.fdopen(answers, "wb") as writer:
        yield sys.stdin.buffer, writer


if __name__ == "__main__":
    main()
