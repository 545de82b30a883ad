"""POST /signals: who may send, how much, and what each answer says.

| status | meaning |
| --- | --- |
| 202 | accepted, the signal is in the log |
| 200 | the same alert was accepted before; the first answer again |
| 401 | no bearer token, or not ours |
| 409 | another alert was accepted under this id |
| 413 | the body exceeds 64 KiB |
| 422 | fields that are wrong, by name |
| 503 | Kafka, Postgres or the venue is away (Retry-After says when to send again), or no token is configured |
"""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import SecretStr
from starlette.requests import ClientDisconnect

from kernel.domain.errors import TransientError, UnknownSchema
from kernel.runtime.logging import get_logger
from services.signals.core.alerts import Accepted, AlertRefused, read_alert
from services.signals.ports import AlertIntake

MAX_BODY_BYTES = 64 * 1024
RETRY_AFTER_S = 5
_log = get_logger()


class _Refusal(Exception):
    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.response = JSONResponse({"error": error}, status_code=status, headers=headers)


def add_alert_route(app: FastAPI, intake: AlertIntake, *, token: SecretStr, deadline_s: float) -> None:
    """Add POST /signals to `app`. Without a token it refuses everything, and says so in the log."""
    if not token.get_secret_value():
        _log.warning("POST /signals refuses everything: DISPATCH_WEBHOOK_TOKEN is not set")

    async def post_signals(request: Request) -> Response:
        try:
            _require_token(request, token)
            return await _take(await _read_body(request), intake, deadline_s)
        except _Refusal as refusal:
            return refusal.response
        except UnknownSchema:
            raise  # another revision kept this alert: the shell learns how that writes, and asks for a repeat
        except Exception:  # noqa: BLE001 - whatever went wrong, its text stays in our log
            _log.exception("an alert could not be handled")
            return JSONResponse({"error": "internal error"}, status_code=500)

    app.add_api_route("/signals", post_signals, methods=["POST"])


async def _take(body: bytes, intake: AlertIntake, deadline_s: float) -> Response:
    alert = read_alert(body)
    if isinstance(alert, AlertRefused):
        problems = [{"field": p.field, "problem": p.problem} for p in alert.problems]
        return JSONResponse({"error": "the alert is not valid", "fields": problems}, status_code=422)
    try:
        async with asyncio.timeout(deadline_s):
            answer = await intake.accept(alert, body)
    except (TransientError, TimeoutError) as e:
        _log.warning("an alert must be sent again", external_id=alert.id, reason=f"{type(e).__name__}: {e}")
        raise _Refusal(503, "not accepted yet, send it again", {"Retry-After": str(RETRY_AFTER_S)}) from None
    if isinstance(answer, Accepted):
        return JSONResponse({"signal_id": answer.signal_id}, status_code=202 if answer.first else 200)
    conflict = {"error": "another alert was accepted under this id", "signal_id": answer.signal_id}
    return JSONResponse(conflict, status_code=409)


def _require_token(request: Request, token: SecretStr) -> None:
    expected = token.get_secret_value()
    if not expected:
        _log.warning("an alert was refused: DISPATCH_WEBHOOK_TOKEN is not set")
        raise _Refusal(503, "the webhook is off: no token is configured")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    # Header bytes arrive decoded as Latin-1. Hashed, both sides have one length, so nothing shows in the time taken.
    matches = hmac.compare_digest(_digest(given.strip().encode("latin-1")), _digest(expected.encode()))
    if scheme.lower() != "bearer" or not matches:
        raise _Refusal(401, "a bearer token is required", {"WWW-Authenticate": "Bearer"})


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


async def _read_body(request: Request) -> bytes:
    """Return the body; the limit holds while it arrives, whatever Content-Length says or leaves out."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise _Refusal(413, f"the body exceeds {MAX_BODY_BYTES} bytes", {"Connection": "close"})
    except ClientDisconnect:
        raise _Refusal(400, "the sender left") from None
    return bytes(body)
