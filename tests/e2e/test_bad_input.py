"""Bad input and a bad venue, on the running pipeline: each ends in a dead letter, a typed no or a retry.

Nothing is lost and nothing stops: after all of it a good signal becomes an order, and no stage was restarted.
"""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest
import pytest_asyncio

from dispatch.connection import Connection, connection_from
from dispatch.lag import consumer_lags
from dispatch.stack.options import StackOptions
from dispatch.stack.stack import LocalStack
from dispatch.stack.waiting import wait_until
from dispatch.stories.story import Fate, Library, Story
from dispatch.venue import SimulatedVenue
from kernel.contracts.codec import MARKER, Codec
from kernel.contracts.messages import Signal
from kernel.contracts.origin import Origin
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import ALL_TOPICS, SIGNALS
from kernel.domain.options import Direction, Strategy
from kernel.runtime.params import load_params
from kernel.stream.dead_letter import read_headers
from kernel.stream.producer import KafkaPublisher
from kernel.stream.reader import LogReader
from kernel.stream.stage import Emission
from services.signals.core.build import build_signal
from tests.fakes.params import widened_params_file

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]


def _is_over(story: Story) -> bool:
    return story.reached_venue or story.fate is Fate.REJECTED


class Pipeline:
    """The running stack, as the tests talk to it."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.connection: Connection = connection_from({**os.environ, **stack.environment})
        self.venue = SimulatedVenue(self.connection.venue_url)
        self._count = 0

    async def signal(self, underlying: str = "SPY", **values: Any) -> Signal:
        """Build a signal of now."""
        self._count += 1
        params = load_params(self.connection.settings.params_file)
        return build_signal(
            Origin("signals", "test", params.config_hash),
            params.signals,
            cause=f"bad-input/{self._count}",
            underlying=underlying,
            direction=Direction.BULLISH,
            strategy=Strategy.SWING,
            now=await self.venue.now(),
            **values,
        )

    async def story_of(self, signal: Signal) -> Story:
        """Publish a signal and return its story once it is an order at the venue, or refused."""
        library = Library(self.connection.prefix)
        topics = [t.full_name(self.connection.prefix) for t in ALL_TOPICS]
        async with LogReader(self.connection.kafka, topics) as reader:
            await reader.to_now()
            await self._publish(lambda p: p.publish([Emission(SIGNALS, signal)]))
            async with asyncio.timeout(60):
                async for record in reader.follow():
                    story = library.add(record)
                    if story and story.signal_id == signal.meta.id and _is_over(story):
                        return story
        raise AssertionError("unreachable: the reader follows for ever")

    async def raw(self, value: bytes) -> None:
        """Write bytes to the signals topic as they are."""
        topic = SIGNALS.full_name(self.connection.prefix)
        await self._publish(lambda p: p.publish_raw(topic, b"SPY", value))

    def all_read(self) -> bool:
        """Whether every stage has acknowledged everything."""
        lags = consumer_lags(self.connection.kafka, self.connection.prefix)
        return lags == {"selector": 0, "sizer": 0, "executor": 0}

    async def dead_reasons(self, count: int) -> list[str]:
        """Wait for `count` dead letters of signals and return their reasons."""
        reasons: list[str] = []
        async with LogReader(self.connection.kafka, [SIGNALS.dead_name(self.connection.prefix)]) as reader:
            async with asyncio.timeout(30):
                async for letter in reader.follow():
                    reasons.append(read_headers(list(letter.headers))["message"])
                    if len(reasons) == count:
                        return reasons
        raise AssertionError("unreachable: the reader follows for ever")

    async def _publish(self, write: Callable[[KafkaPublisher], Awaitable[None]]) -> None:
        async with KafkaPublisher(self.connection.kafka, self.connection.prefix, "test") as publisher:
            await write(publisher)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pipeline(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pipeline]:
    """One stack for all tests of this file: each must leave it working for the next."""
    folder: Path = tmp_path_factory.mktemp("bad-input")
    with LocalStack(
        StackOptions(
            run_folder=folder, scanner=False, fill_model="mid", params_file=widened_params_file(folder.parent)
        ),
        given={},
    ) as stack:
        running = Pipeline(stack)
        async with running.venue:
            yield running
        assert [part.restarts for part in stack.parts] == [0] * len(stack.parts)
        read = await asyncio.to_thread(wait_until, running.all_read, 10.0)
        assert read, "a stage has not acknowledged what it read"


def _with_price(signal: Signal, price: Decimal) -> bytes:
    """Encode a signal whose reference price no model of ours would let through."""
    store = load_store()
    document = signal.model_dump()
    document["idea"]["reference_price"] = price
    body = io.BytesIO()
    fastavro.schemaless_writer(body, store.current["signal"], document)
    return MARKER + store.fingerprints["signal"] + body.getvalue()


async def test_bytes_that_are_no_signal_become_dead_letters_that_say_why(pipeline: Pipeline) -> None:
    good = Codec().encode(SIGNALS, await pipeline.signal())
    await pipeline.raw(b"garbage")
    await pipeline.raw(MARKER + bytes(8) + good[10:])
    await pipeline.raw(_with_price(await pipeline.signal(), Decimal("-520.00")))
    await pipeline.raw(good[:-3])
    reasons = await pipeline.dead_reasons(4)
    assert any(r.startswith("not a single-object Avro message") for r in reasons)
    assert any(r.startswith("unknown schema fingerprint 0000000000000000") for r in reasons)
    assert any("signal.idea.reference_price: Input should be greater than 0" in r for r in reasons)
    assert any(r.startswith("the body does not fit signal version 1") for r in reasons)
    assert (await pipeline.story_of(await pipeline.signal())).reached_venue


async def test_a_price_that_is_no_number_cannot_even_be_written(pipeline: Pipeline) -> None:
    with pytest.raises(Exception, match="field reference_price"):
        _with_price(await pipeline.signal(), Decimal("NaN"))


@pytest.mark.parametrize(
    ("values", "code"),
    [({"expires_in_s": -1.0}, "SIGNAL_EXPIRED"), ({"underlying": "ZZZZ"}, "UNDERLYING_UNKNOWN")],
)
async def test_a_signal_that_cannot_be_traded_gets_a_typed_no(
    pipeline: Pipeline, values: dict[str, Any], code: str
) -> None:
    story = await pipeline.story_of(await pipeline.signal(**values))
    assert story.rejection is not None
    assert story.rejection.code == code


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        ("empty_chain", "CHAIN_EMPTY", None),
        ("chain_without_greeks", "NO_CONTRACT_QUALIFIES", "DELTA_MISSING"),
        ("quote_nan", "NO_CONTRACT_QUALIFIES", "VALUE_INVALID"),
    ],
)
async def test_a_bad_chain_gets_a_typed_no(
    pipeline: Pipeline, fault: str, code: str, reason: str | None
) -> None:
    await pipeline.venue.fault(kind=fault, count=None)
    try:
        story = await pipeline.story_of(await pipeline.signal())
    finally:
        await pipeline.venue.behave()
    assert story.rejection is not None
    assert story.rejection.code == code
    assert reason is None or story.rejection.rejects[reason] > 0


async def test_a_venue_that_is_down_delays_a_signal_and_loses_nothing(pipeline: Pipeline) -> None:
    await pipeline.venue.fault(kind="down", count=25, path="/v")
    story = await pipeline.story_of(await pipeline.signal())
    await pipeline.venue.behave()
    assert story.reached_venue


async def test_an_order_whose_answer_was_lost_is_placed_once(pipeline: Pipeline) -> None:
    began = (await pipeline.venue.journal())[-1]["seq"]
    await pipeline.venue.fault(kind="error_after_accept", path="/v2/orders", method="POST")
    story = await pipeline.story_of(await pipeline.signal())
    assert story.reached_venue
    assert [step.status.value for step in story.executions][:2] == ["SENDING", "UNKNOWN"]
    accepted = [
        r for r in await pipeline.venue.journal() if r["seq"] > began and r["kind"] == "order_accepted"
    ]
    assert len(accepted) == 1


async def test_a_good_signal_becomes_an_order_after_all_of_it(pipeline: Pipeline) -> None:
    assert (await pipeline.story_of(await pipeline.signal("QQQ"))).reached_venue
