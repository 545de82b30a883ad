"""The whole signals process: real Kafka, real Postgres, a venue over HTTP."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import httpx
import pytest

from kernel.adapters.migrate import migrate
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Signal, SignalSource
from kernel.contracts.topics import SIGNALS
from kernel.stream.admin import TopicSettings, create_topics
from kernel.stream.process import run_until
from kernel.stream.reader import LogReader
from services.signals.app import build
from services.signals.core.bars import MinuteBar
from services.signals.settings import SignalsSettings
from simulator.markets.market import Bar
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, at_eastern
from tests.fakes.signals_market import OPENS_AT, a_breakout_day
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration

DEADLINE_S = 30.0
TOKEN = "a-token-for-tests"
ALERT = {"id": "tv-1", "ticker": "SPY", "direction": "buy", "strategy": "swing"}


@dataclass
class Outside:
    """Where the process finds its servers."""

    environ: dict[str, str]
    url: str

    async def signals(self) -> list[Signal]:
        topic = SIGNALS.full_name(self.environ["DISPATCH_TOPIC_PREFIX"])
        async with LogReader(self.environ["KAFKA_BOOTSTRAP_SERVERS"], [topic]) as reader:
            return [Codec().decode(SIGNALS, r.value or b"") async for r in reader.to_the_end()]

    async def has(self, count: int) -> bool:
        return len(await self.signals()) >= count


class BreakoutMarket(FakeMarket):
    """SPY leaves its opening range upwards in the 16th minute; it is just after that."""

    def __init__(self) -> None:
        super().__init__()
        self.starts_at = at_eastern("09:46") + timedelta(seconds=5)

    def stock_bars(
        self, symbol: str, minutes: int, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Bar]:
        if (symbol, minutes) != ("SPY", 1):
            return []
        shift = at_eastern("09:30") - OPENS_AT
        return [_venue_bar(bar, bar.starts_at + shift) for bar in a_breakout_day()]


def _venue_bar(bar: MinuteBar, at: datetime) -> Bar:
    return Bar(
        at=at,
        open=float(bar.open),
        high=float(bar.high),
        low=float(bar.low),
        close=float(bar.close),
        volume=bar.volume,
        trades=10,
        vwap=float(bar.close),
    )


@pytest.fixture
def venue() -> Iterator[VenueThread]:
    with VenueThread(BreakoutMarket(), VenueSettings()) as running:
        yield running


@pytest.fixture
async def outside(kafka_bootstrap: str, topic_prefix: str, database_url: str, venue: VenueThread) -> Outside:
    await asyncio.to_thread(migrate, database_url)
    await create_topics(kafka_bootstrap, TopicSettings(prefix=topic_prefix, partitions=2))
    port = free_port()
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
        "DISPATCH_TOPIC_PREFIX": topic_prefix,
        "DATABASE_URL": database_url,
        "APCA_API_BASE_URL": venue.url,
        "APCA_API_DATA_URL": venue.url,
        "DISPATCH_WEBHOOK_TOKEN": TOKEN,
        "DISPATCH_HTTP_PORT": str(port),
        "DISPATCH_WATCHLIST": "SPY",
    }
    return Outside(environ, f"http://127.0.0.1:{port}")


@contextlib.asynccontextmanager
async def running(outside: Outside, **environ: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run the process; yield a client of its web once it is ready. A process that breaks fails the test."""
    stop = asyncio.Event()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        httpx.AsyncClient(base_url=outside.url, headers=headers, timeout=10) as client,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(run_until(build(SignalsSettings.from_env(outside.environ | environ)), stop))
        try:
            await eventually(lambda: is_ready(client))
            yield client
        finally:
            stop.set()


async def is_ready(client: httpx.AsyncClient) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return (await client.get("/readyz")).status_code == 200
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_an_alert_is_on_the_topic_when_its_sender_is_told_so(outside: Outside) -> None:
    async with running(outside, DISPATCH_SCANNER="off") as client:
        answer = await client.post("/signals", json=ALERT)
        assert answer.status_code == 202
        (signal,) = await outside.signals()
    assert signal.meta.id == answer.json()["signal_id"]
    assert signal.source is SignalSource.WEBHOOK
    assert signal.meta.occurred_at.date() == at_eastern("10:00").date()


async def test_after_a_restart_the_same_alert_makes_no_second_signal(outside: Outside) -> None:
    async with running(outside, DISPATCH_SCANNER="off") as client:
        first = await client.post("/signals", json=ALERT)
    async with running(outside, DISPATCH_SCANNER="off") as client:
        again = await client.post("/signals", json=ALERT)
        assert (again.status_code, again.json()) == (200, first.json())
        assert len(await outside.signals()) == 1


async def test_a_breakout_on_the_venue_has_one_id_however_often_it_is_found(outside: Outside) -> None:
    for count in (1, 2):
        async with running(outside, DISPATCH_SCANNER="on", DISPATCH_SCAN_INTERVAL_S="0.5"):
            await eventually(partial(outside.has, count))
    signals = await outside.signals()
    assert [s.source for s in signals] == [SignalSource.SCANNER] * 2
    assert len({s.meta.id for s in signals}) == 1


async def test_over_the_wire_a_body_without_end_is_cut_off(outside: Outside) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 8192
            yield b" " * 8192

    async with running(outside, DISPATCH_SCANNER="off") as client:
        with contextlib.suppress(httpx.TransportError):  # the server may hang up while we still send
            answer = await client.post("/signals", content=chunks())
            assert answer.status_code == 413
        assert sent < 50_000_000
        assert (await client.post("/signals", json=ALERT)).status_code == 202
