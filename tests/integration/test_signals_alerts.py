"""POST /signals over real FastAPI and a real Postgres; only the log is a recorder."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from kernel.adapters.migrate import migrate
from kernel.adapters.postgres import Database
from kernel.contracts.origin import Origin
from kernel.contracts.topics import EVIDENCE, SIGNALS
from kernel.domain.errors import TransientError
from kernel.runtime.health import Health
from kernel.runtime.web import health_app
from kernel.testing.clock import FixedClock
from kernel.testing.driver import RecordingPublisher
from services.signals.adapters.postgres_alerts import PostgresAlerts
from services.signals.adapters.web import add_alert_route
from services.signals.core.evidence import alert_in
from services.signals.stage import AlertDesk
from tests.fakes.signals import FakeMarketTime
from tests.fakes.signals_market import PARAMS

pytestmark = pytest.mark.integration

ALERT = {"id": "tv-1", "ticker": "SPY", "direction": "bullish", "strategy": "swing", "price": 520.1}
BEARER = {"Authorization": "Bearer token"}


@dataclass
class Counter:
    """A process that takes alerts: its database, its log, its web."""

    database: Database
    publisher: RecordingPublisher
    desk: AlertDesk
    client: httpx.AsyncClient

    async def post(self, body: object) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post("/signals", content=content, headers=BEARER)

    @property
    def ids(self) -> list[str]:
        return [e.message.meta.id for e in self.publisher.published if e.topic is SIGNALS]


def a_counter(database: Database, publisher: RecordingPublisher | None = None) -> Counter:
    publisher = publisher or RecordingPublisher()
    desk = AlertDesk(
        time=FakeMarketTime(FixedClock()),
        alerts=PostgresAlerts(database),
        publisher=publisher,
        origin=Origin("signals", "rev", "hash"),
        params=PARAMS,
    )
    app = health_app(Health(), "test")
    add_alert_route(app, desk, token=SecretStr("token"), deadline_s=20.0)
    # 5xx answers are what these tests look for: an exception must become one, not escape.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return Counter(database, publisher, desk, httpx.AsyncClient(transport=transport, base_url="http://test"))


@pytest.fixture
async def counter(database_url: str) -> AsyncIterator[Counter]:
    await asyncio.to_thread(migrate, database_url)
    database = Database(database_url)
    await database.open()
    made = a_counter(database)
    yield made
    await made.client.aclose()
    await database.close()


async def rows(counter: Counter) -> list[tuple[Any, ...]]:
    async with counter.database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT external_id, signal_id, published_at IS NOT NULL FROM dispatch_alerts ORDER BY external_id"
        )
        return await cursor.fetchall()


async def test_an_alert_leaves_one_row_and_one_signal(counter: Counter) -> None:
    answer = await counter.post(ALERT)
    assert answer.status_code == 202
    signal_id = answer.json()["signal_id"]
    assert counter.ids == [signal_id]
    assert await rows(counter) == [("tv-1", signal_id, True)]


async def test_a_repeat_gets_the_first_answer_and_other_content_conflicts(counter: Counter) -> None:
    first = await counter.post(ALERT)
    repeat = await counter.post(dict(reversed(ALERT.items())) | {"price": "520.10"})
    other = await counter.post(ALERT | {"price": 520.2})
    assert (repeat.status_code, repeat.json()) == (200, first.json())
    assert other.status_code == 409
    assert len(counter.ids) == 1


async def test_a_process_started_anew_remembers_what_was_accepted(counter: Counter) -> None:
    first = await counter.post(ALERT)
    after_restart = a_counter(counter.database)
    repeat = await after_restart.post(ALERT)
    assert (repeat.status_code, repeat.json()) == (200, first.json())
    assert after_restart.ids == []


async def test_twenty_senders_of_one_alert_get_one_signal_id(counter: Counter) -> None:
    answers = await asyncio.gather(*(counter.post(ALERT) for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert len({answer.json()["signal_id"] for answer in answers}) == 1
    assert len(set(counter.ids)) == 1
    assert len(await rows(counter)) == 1


async def test_twenty_alerts_racing_for_one_id_leave_one_winner(counter: Counter) -> None:
    answers = await asyncio.gather(*(counter.post(ALERT | {"price": 500 + n}) for n in range(20)))
    accepted = [a for a in answers if a.status_code in {200, 202}]
    assert len(accepted) == 1
    assert {a.status_code for a in answers} == {202, 409}
    assert len(set(counter.ids)) == 1


async def test_what_was_kept_while_the_log_was_down_is_published_by_the_next_start(counter: Counter) -> None:
    counter.publisher.fails_with = TransientError("Kafka is away")
    refused = await counter.post(ALERT)
    assert refused.status_code == 503
    assert [published for *_, published in await rows(counter)] == [False]

    after_restart = a_counter(counter.database)
    await after_restart.desk.publish_waiting()
    repeat = await after_restart.post(ALERT)
    assert (repeat.status_code, after_restart.ids) == (200, [repeat.json()["signal_id"]])
    assert [published for *_, published in await rows(counter)] == [True]


async def test_what_was_sent_is_kept_until_the_log_has_it_as_evidence(counter: Counter) -> None:
    body = json.dumps(ALERT, indent=2).encode()
    counter.publisher.fails_with = TransientError("Kafka is away")
    await counter.post(body)
    assert await kept_bodies(counter) == [body]

    after_restart = a_counter(counter.database)
    await after_restart.desk.publish_waiting()
    evidence, signal = after_restart.publisher.published
    assert (evidence.topic, signal.topic) == (EVIDENCE, SIGNALS)
    assert (alert_in(evidence.message), evidence.message.input_id) == (body, signal.message.meta.id)
    assert await kept_bodies(counter) == [None]


async def kept_bodies(counter: Counter) -> list[bytes | None]:
    async with counter.database.transaction() as connection:
        cursor = await connection.execute("SELECT body FROM dispatch_alerts")
        return [body for (body,) in await cursor.fetchall()]


async def test_without_the_database_the_sender_is_told_to_try_again() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nowhere", size=1)
    await database.open()
    counter = a_counter(database)
    answer = await counter.post(ALERT)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert "127.0.0.1" not in answer.text
    assert counter.ids == []
    await database.close()


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["SPY", "bullish", "buy", "swing", "day_trade", "520.10"])
)
names = st.sampled_from(
    ["id", "ticker", "direction", "strategy", "price", "stop", "target", "atr", "expires_in_s", "setup"]
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(), inner, max_size=6),
    max_leaves=12,
)
#: Mostly sound alerts with some fields put wrong: what survives the first checks reaches the deeper ones.
nearly_alerts = st.dictionaries(names, scalars, max_size=4).map(lambda changes: ALERT | changes)
bodies = (documents | nearly_alerts).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200)


@given(body=bodies)
@example(body=b'{"price": 1e99999999999999999999}')
@example(body=b"[" * 50_000)
@example(body=b'{"expires_in_s": 1e-400, "id": "a", "ticker": "A", "direction": "buy", "strategy": "swing"}')
@example(body=json.dumps(ALERT | {"id": "\ud800"}).encode())
@example(body=json.dumps(ALERT | {"\ud800": 1}).encode())
@example(body=json.dumps(ALERT | {"id": "a\x00b"}).encode())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_body_is_ever_answered_with_a_failure_of_ours(counter: Counter, body: bytes) -> None:
    answer = await counter.post(body)
    assert answer.status_code in {200, 202, 409, 422}, answer.text
    assert "Traceback" not in answer.text
