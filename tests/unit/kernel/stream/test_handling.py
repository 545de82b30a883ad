"""One record through the live shell, with a log that keeps what it is given."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest
import structlog
from structlog.testing import capture_logs

from kernel.contracts.codec import Codec
from kernel.contracts.messages import Signal
from kernel.contracts.topics import SELECTIONS, SIGNALS
from kernel.domain.errors import (
    InvariantBroken,
    TransientError,
    UnknownSchema,
    UnprocessableError,
    VenueUnavailable,
)
from kernel.runtime.health import Health
from kernel.stream.dead_letter import read_headers
from kernel.stream.handling import Handler, RawRecord, Writers
from kernel.stream.stage import Emission, Emissions
from kernel.testing.builders import a_selection, a_signal
from tests.fakes.log import FakeLog, KnownWriters

CODEC = Codec()
SELECTION = Emission(SELECTIONS, a_selection())


class Stage:
    """Answers each message with a selection; first raises what the test put into `errors`."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.handled: list[Signal] = []
        self.context: dict[str, Any] = {}

    async def handle(self, message: Signal) -> Emissions:
        self.context = structlog.contextvars.get_contextvars()
        self.handled.append(message)
        if self.errors:
            raise self.errors.pop(0)
        return [SELECTION]


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def handler(log: FakeLog, health: Health) -> Callable[..., Handler[Signal]]:
    def build(stage: Stage, writers: Writers | None = None) -> Handler[Signal]:
        return Handler(
            name="selector",
            consumes=SIGNALS,
            stage=stage,
            publisher=log,  # type: ignore[arg-type]
            health=health,
            prefix="p.",
            codec=CODEC,
            writers=writers or KnownWriters(),
        )

    return build


def a_record(value: bytes | None = None) -> RawRecord:
    data = CODEC.encode(SIGNALS, a_signal()) if value is None else value
    return RawRecord(topic="p.signals", partition=3, offset=42, key=b"SPY", value=data)


async def test_what_a_stage_answers_is_written(handler, log: FakeLog) -> None:
    stage = Stage()
    await handler(stage).handle_record(a_record())
    assert stage.handled == [a_signal()]
    assert log.published == [SELECTION]
    assert log.raw == []


async def test_bytes_that_are_no_message_become_a_dead_letter_untouched(handler, log: FakeLog) -> None:
    stage = Stage()
    await handler(stage).handle_record(a_record(b"garbage"))
    ((topic, key, value, headers),) = log.raw
    assert (topic, key, value) == ("p.signals.dead", b"SPY", b"garbage")
    figures = read_headers(headers)
    assert figures["exception"] == "UndecodableMessage"
    assert "not a single-object Avro message" in figures["message"]
    assert (figures["topic"], figures["partition"], figures["offset"]) == ("p.signals", "3", "42")
    assert figures["stage"] == "selector"
    assert stage.handled == []


async def test_what_another_revision_kept_or_wrote_is_handled_when_its_schema_was_found(handler, log) -> None:
    class Finding:
        """Finds every schema, and notes for what."""

        found: ClassVar[list[bytes]] = []

        async def knowing(self, work: Callable[[], Awaitable[None]]) -> None:
            try:
                await work()
            except UnknownSchema as e:
                self.found.append(e.fingerprint)
                await work()

    stage = Stage(UnknownSchema("the recorded answer's", b"12345678"))
    await handler(stage, Finding()).handle_record(a_record())
    assert Finding.found == [b"12345678"]
    assert len(stage.handled) == 2
    assert (log.published, log.raw) == ([SELECTION], [])


async def test_what_nobody_knows_how_to_read_becomes_a_dead_letter(handler, log: FakeLog) -> None:
    data = a_record().value
    await handler(Stage()).handle_record(a_record(data[:2] + bytes(8) + data[10:]))
    ((_, _, _, headers),) = log.raw
    assert read_headers(headers)["exception"] == "UnknownSchema"
    assert read_headers(headers)["message"].startswith(
        "unknown schema fingerprint 0000000000000000: no version"
    )


async def test_a_record_without_value_becomes_a_dead_letter_without_value(handler, log: FakeLog) -> None:
    record = RawRecord(topic="p.signals", partition=0, offset=1, key=None, value=None)
    await handler(Stage()).handle_record(record)
    ((_, key, value, _),) = log.raw
    assert (key, value) == (None, None)


async def test_a_message_the_stage_can_never_handle_becomes_a_dead_letter(handler, log: FakeLog) -> None:
    record = a_record()
    with capture_logs() as lines:
        await handler(Stage(UnprocessableError("no such strategy"))).handle_record(record)
    ((_, _, value, headers),) = log.raw
    assert value == record.value
    assert read_headers(headers)["message"] == "no such strategy"
    assert log.published == []
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["dead letter"]


async def test_an_outside_failure_delays_the_message_and_loses_nothing(handler, log, naps) -> None:
    stage = Stage(VenueUnavailable("away"), VenueUnavailable("away"))
    await handler(stage).handle_record(a_record())
    assert len(stage.handled) == 3
    assert log.published == [SELECTION]


async def test_a_log_that_is_away_gets_the_same_answer_without_asking_the_stage_again(
    handler, log, naps
) -> None:
    log.fails_with = [TransientError("no leader"), TransientError("no leader")]
    stage = Stage()
    await handler(stage).handle_record(a_record())
    assert len(stage.handled) == 1
    assert log.published == [SELECTION]


async def test_a_dead_letter_is_written_as_patiently_as_an_answer(handler, log, naps) -> None:
    log.fails_with = [TransientError("no leader")]
    await handler(Stage()).handle_record(a_record(b"garbage"))
    assert len(log.raw) == 1


async def test_a_log_that_is_given_up_stops_the_process_before_the_message_counts_as_done(
    handler, log, naps
) -> None:
    log.fails_with = [TransientError("no leader")] * 3 + [InvariantBroken("taken nothing for 120 s")]
    with pytest.raises(InvariantBroken):
        await handler(Stage()).handle_record(a_record())
    assert log.published == []
    assert len(naps) == 3


@pytest.mark.parametrize("error", [InvariantBroken("a second order"), ValueError("a bug")])
async def test_a_broken_invariant_is_raised_and_nothing_written(
    handler, log: FakeLog, error: Exception
) -> None:
    with pytest.raises(type(error)):
        await handler(Stage(error)).handle_record(a_record())
    assert (log.published, log.raw) == ([], [])


async def test_every_line_logged_meanwhile_carries_the_story(handler) -> None:
    stage = Stage()
    await handler(stage).handle_record(a_record())
    assert stage.context["correlation_id"] == a_signal().meta.correlation_id
    assert "correlation_id" not in structlog.contextvars.get_contextvars()


@pytest.mark.parametrize("error", [None, InvariantBroken("never"), UnprocessableError("never")])
async def test_nothing_counts_as_in_flight_afterwards(
    handler, health: Health, error: Exception | None
) -> None:
    stage = Stage(error) if error else Stage()
    with contextlib.suppress(InvariantBroken):
        await handler(stage).handle_record(a_record())
    assert health.live()[1]["in_flight"] == 0
