import httpx
import pytest

from kernel.runtime.health import Health
from kernel.runtime.metrics import HANDLED
from kernel.runtime.web import health_app


class Monotonic:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def health(monotonic: Monotonic) -> Health:
    return Health(stall_s=60.0, monotonic=monotonic)


def test_a_process_without_work_is_live_however_long(health: Health, monotonic: Monotonic) -> None:
    monotonic.seconds += 1e6
    assert health.live()[0]


def test_work_without_progress_is_a_stall(health: Health, monotonic: Monotonic) -> None:
    health.arrived()
    monotonic.seconds += 60
    assert health.live()[0]
    monotonic.seconds += 1
    assert not health.live()[0]
    assert not health.ready()[0]


def test_work_that_arrives_after_a_long_rest_has_its_full_time(health: Health, monotonic: Monotonic) -> None:
    monotonic.seconds += 1e6
    health.arrived()
    assert health.live()[0]


def test_more_work_does_not_count_as_progress(health: Health, monotonic: Monotonic) -> None:
    health.arrived()
    for _ in range(10):
        monotonic.seconds += 10
        health.arrived()
    assert not health.live()[0]


@pytest.mark.parametrize("sign", ["finished", "progressed"])
def test_a_message_done_or_a_retry_is_progress(health: Health, monotonic: Monotonic, sign: str) -> None:
    health.arrived()
    health.arrived()
    monotonic.seconds += 59
    getattr(health, sign)()
    monotonic.seconds += 59
    assert health.live()[0]


def test_a_process_is_ready_when_all_it_expects_has_started(health: Health) -> None:
    health.expects("consumer")
    health.expects("start")
    health.started("start")
    ok, figures = health.ready()
    assert (ok, figures["not_started"]) == (False, ["consumer"])
    health.started("consumer")
    assert health.ready()[0]


def test_what_is_missing_outside_makes_it_unready_not_dead(health: Health) -> None:
    health.troubled("VenueUnavailable", "the venue answered 503")
    assert health.live()[0]
    ok, figures = health.ready()
    assert (ok, figures["troubles"]) == (False, {"VenueUnavailable": "the venue answered 503"})
    health.recovered("VenueUnavailable")
    assert health.ready()[0]


async def test_the_web_answers_200_or_503_and_the_figures(health: Health) -> None:
    health.expects("consumer")
    HANDLED.labels("test", "ok").inc()
    transport = httpx.ASGITransport(health_app(health, "test"))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        live, ready = await client.get("/livez"), await client.get("/readyz")
        metrics = await client.get("/metrics")
    assert (live.status_code, live.json()["ok"]) == (200, True)
    assert (ready.status_code, ready.json()["not_started"]) == (503, ["consumer"])
    assert "dispatch_messages_handled_total" in metrics.text


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/"])
async def test_the_web_shows_nothing_else(health: Health, path: str) -> None:
    transport = httpx.ASGITransport(health_app(health, "test"))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get(path)).status_code == 404
