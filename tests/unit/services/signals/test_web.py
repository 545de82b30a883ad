"""POST /signals over real FastAPI; behind it an intake that keeps what it was handed."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from structlog.testing import capture_logs

from kernel.domain.errors import DatabaseUnavailable, TransientError, VenueUnavailable
from kernel.runtime.health import Health
from kernel.runtime.web import health_app
from services.signals.adapters.web import MAX_BODY_BYTES, add_alert_route
from services.signals.core.alerts import Accepted, Alert, Conflicting

TOKEN = "correct-horse-battery-staple"
ALERT = {"id": "tv-1", "ticker": "SPY", "direction": "bullish", "strategy": "swing"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class FakeIntake:
    """Answers with `answer`, or raises it; `accepted` keeps the alerts, `bodies` what they were read from."""

    def __init__(self) -> None:
        self.answer: Accepted | Conflicting | Exception = Accepted("signal-1", first=True)
        self.accepted: list[Alert] = []
        self.bodies: list[bytes] = []
        self.hangs = False

    async def accept(self, alert: Alert, body: bytes) -> Accepted | Conflicting:
        self.accepted.append(alert)
        self.bodies.append(body)
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def intake() -> FakeIntake:
    return FakeIntake()


def app_with(intake: FakeIntake, token: str = TOKEN) -> FastAPI:
    app = health_app(Health(), "test")
    add_alert_route(app, intake, token=SecretStr(token), deadline_s=0.05 if intake.hangs else 5.0)
    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def post(intake: FakeIntake, body: Any = None, *, token: str = TOKEN, **request: Any) -> httpx.Response:
    content = body if isinstance(body, bytes | AsyncIterator) else json.dumps(body or ALERT).encode()
    async with client_of(app_with(intake, token)) as client:
        return await client.post("/signals", content=content, **({"headers": BEARER} | request))


async def test_a_new_alert_is_accepted_with_the_id_of_its_signal(intake: FakeIntake) -> None:
    answer = await post(intake)
    assert (answer.status_code, answer.json()) == (202, {"signal_id": "signal-1"})
    assert [alert.id for alert in intake.accepted] == ["tv-1"]


async def test_an_alert_is_handed_on_with_its_bytes_and_without_the_token(intake: FakeIntake) -> None:
    body = json.dumps(ALERT, indent=3).encode()
    await post(intake, body)
    assert intake.bodies == [body]


async def test_a_repeated_alert_gets_the_first_answer_with_200(intake: FakeIntake) -> None:
    intake.answer = Accepted("signal-1", first=False)
    answer = await post(intake)
    assert (answer.status_code, answer.json()) == (200, {"signal_id": "signal-1"})


async def test_another_alert_under_a_known_id_conflicts(intake: FakeIntake) -> None:
    intake.answer = Conflicting("signal-1")
    answer = await post(intake)
    assert answer.status_code == 409
    assert answer.json()["signal_id"] == "signal-1"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN.upper()}"},
        # text with other than ASCII breaks compare_digest on str, and with it a careless comparison
        {b"Authorization": "Bearer pässwört".encode()},
        {b"Authorization": b"Bearer \xff\xfe\x80"},
    ],
)
async def test_without_our_token_nothing_is_read(intake: FakeIntake, headers: Any) -> None:
    answer = await post(intake, b"not even json", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert intake.accepted == []


async def test_a_token_of_any_script_works(intake: FakeIntake) -> None:
    headers = {b"Authorization": "Bearer schlüssel-🔑".encode()}
    answer = await post(intake, token="schlüssel-🔑", headers=headers)
    assert answer.status_code == 202


async def test_the_word_bearer_may_be_written_in_any_case(intake: FakeIntake) -> None:
    answer = await post(intake, headers={"Authorization": f"bearer {TOKEN}"})
    assert answer.status_code == 202


@pytest.mark.parametrize("headers", [{}, BEARER, {"Authorization": "Bearer "}])
async def test_without_a_configured_token_everything_is_refused(
    intake: FakeIntake, headers: dict[str, str]
) -> None:
    with capture_logs() as logs:
        answer = await post(intake, token="", headers=headers)
    assert answer.status_code == 503
    assert intake.accepted == []
    assert any("DISPATCH_WEBHOOK_TOKEN" in line["event"] for line in logs)


async def test_the_token_never_reaches_the_log_or_an_answer(intake: FakeIntake) -> None:
    with capture_logs() as logs:
        answers = [
            await post(intake),
            await post(intake, {"id": 1}),
            await post(intake, headers={"Authorization": f"Bearer {TOKEN}x"}),
        ]
    assert TOKEN not in json.dumps(logs, default=str)
    assert all(TOKEN not in answer.text for answer in answers)


def padded(size: int) -> bytes:
    body = json.dumps(ALERT).encode()
    return body[:-1] + b" " * (size - len(body)) + b"}"


async def test_a_body_of_exactly_64_kib_is_read(intake: FakeIntake) -> None:
    assert (await post(intake, padded(MAX_BODY_BYTES))).status_code == 202


async def test_a_larger_body_is_refused(intake: FakeIntake) -> None:
    answer = await post(intake, padded(MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    assert intake.accepted == []


async def test_a_body_without_end_and_without_length_is_cut_off_at_the_limit(intake: FakeIntake) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024
            yield b" " * 1024

    answer = await post(intake, chunks())
    assert answer.status_code == 413
    assert sent <= 2 * MAX_BODY_BYTES


async def test_wrong_fields_are_named(intake: FakeIntake) -> None:
    answer = await post(intake, ALERT | {"price": -1, "surprise": True})
    assert answer.status_code == 422
    assert [f["field"] for f in answer.json()["fields"]] == ["price", "surprise"]
    assert intake.accepted == []


async def test_numbers_arrive_as_they_were_written(intake: FakeIntake) -> None:
    await post(intake, json.dumps(ALERT).encode()[:-1] + b', "price": 0.1}')
    assert str(intake.accepted[0].price) == "0.100000"


@pytest.mark.parametrize(
    "error",
    [TransientError("kafka:9092"), DatabaseUnavailable("db:5432"), VenueUnavailable("venue:443")],
)
async def test_while_something_outside_is_away_the_sender_is_told_when_to_try_again(
    intake: FakeIntake, error: Exception
) -> None:
    intake.answer = error
    answer = await post(intake)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert str(error) not in answer.text


async def test_an_alert_that_takes_too_long_is_to_be_sent_again(intake: FakeIntake) -> None:
    intake.hangs = True
    answer = await post(intake)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


async def test_a_failure_nobody_thought_of_shows_nothing_of_itself(intake: FakeIntake) -> None:
    intake.answer = RuntimeError("password=hunter2 at /srv/app.py")
    with capture_logs() as logs:
        answer = await post(intake)
    assert (answer.status_code, answer.json()) == (500, {"error": "internal error"})
    assert any(line["log_level"] == "error" for line in logs)


async def test_the_other_routes_stay(intake: FakeIntake) -> None:
    async with client_of(app_with(intake)) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/signals")).status_code == 405
        assert (await client.get("/docs")).status_code == 404
