"""Answers and refusals in Alpaca's JSON."""

from typing import Any

import orjson
from fastapi import Response

from simulator.venue.refusals import Refusal


def answer(data: object, status: int = 200) -> Response:
    """Return `data` as a JSON answer."""
    return raw_answer(orjson.dumps(data), status)


def raw_answer(encoded: bytes, status: int = 200) -> Response:
    """Return JSON that is encoded already."""
    return Response(encoded, status_code=status, media_type="application/json")


def refuse(refusal: Refusal) -> Response:
    """Return a refusal in Alpaca's error form."""
    return answer(error_body(refusal), refusal.http_status)


def error_body(refusal: Refusal) -> dict[str, Any]:
    """Return the body of an error answer."""
    return {"code": refusal.code, "message": refusal.message, **refusal.figures}
