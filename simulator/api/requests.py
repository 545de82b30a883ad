"""What handlers read from a request: the instant, parameters, pages, bodies."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar, overload

import orjson
from fastapi import Request

from kernel.domain.clock import MARKET_ZONE
from simulator.venue.intake import read_number

#: What 64 bits hold.
NUMBER_MAX = 2**63 - 1
_OFFSET_MAX = 2**31 - 1
#: Instants beyond these are nobody's, and days can be added to these.
_FIRST_YEAR, _LAST_YEAR = 1900, 2200

T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)


class Direction(StrEnum):
    """The order of a listing in time."""

    ASC = "asc"
    DESC = "desc"


class BadRequest(Exception):
    """A parameter or body that cannot be read; answered with 400."""


def instant(request: Request) -> datetime:
    """Return the market instant this request is answered for; it stands in the answer's header too."""
    at = request.state.venue_at
    assert isinstance(at, datetime), "the shell sets the instant before any handler runs"
    return at


def text_list(params: Mapping[str, str], name: str) -> list[str]:
    """Return a comma-separated parameter."""
    return [part.strip() for part in params.get(name, "").split(",") if part.strip()]


def flag(params: Mapping[str, str], name: str) -> bool:
    """Return a boolean in any case: alpaca-py sends True."""
    return params.get(name, "").lower() == "true"


@overload
def choice(params: Mapping[str, str], name: str, choices: type[Choice]) -> Choice | None: ...
@overload
def choice(params: Mapping[str, str], name: str, choices: type[Choice], default: Choice) -> Choice: ...
def choice(
    params: Mapping[str, str], name: str, choices: type[Choice], default: Choice | None = None
) -> Choice | None:
    """Return a parameter that is one of `choices`, or `default` where it is absent."""
    text = params.get(name)
    if not text:
        return default
    try:
        return choices(text)
    except ValueError as e:
        msg = f"invalid {name}: {text!r} is none of {', '.join(choices)}"
        raise BadRequest(msg) from e


def whole_number(params: Mapping[str, str], name: str, default: int, maximum: int, minimum: int = 1) -> int:
    """Return a whole number from `minimum` to `maximum`."""
    text = params.get(name)
    if not text:
        return default
    if not _is_row_number(text) or not minimum <= int(text) <= maximum:
        msg = f"invalid {name}: {text[:40]!r} is no whole number from {minimum} to {maximum}"
        raise BadRequest(msg)
    return int(text)


def _is_row_number(text: str) -> bool:
    """Tell whether a text has no more digits than 64 bits hold."""
    return text.isdecimal() and len(text) <= len(str(NUMBER_MAX))


def number(params: Mapping[str, str], name: str) -> Decimal | None:
    """Return a decimal parameter."""
    text = params.get(name)
    if not text:
        return None
    value = read_number(text)
    if value is None:
        msg = f"invalid {name}: {text!r} is no number"
        raise BadRequest(msg)
    return value


def day(params: Mapping[str, str], name: str) -> date | None:
    """Return a YYYY-MM-DD parameter."""
    text = params.get(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError as e:
        msg = f"invalid {name}: {text!r} is no date (YYYY-MM-DD)"
        raise BadRequest(msg) from e


def moment(params: Mapping[str, str], name: str) -> datetime | None:
    """Return an RFC 3339 instant, or the start of a plain date in the exchange's zone."""
    text = params.get(name)
    if not text:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError as e:
        msg = f"invalid {name}: {text!r} is no RFC 3339 instant"
        raise BadRequest(msg) from e
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        msg = f"invalid {name}: {text!r} is beyond {_FIRST_YEAR} and {_LAST_YEAR}"
        raise BadRequest(msg)
    if len(text) == len("YYYY-MM-DD"):
        return value.replace(tzinfo=MARKET_ZONE)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def page(params: Mapping[str, str], default: int, maximum: int) -> tuple[int, int]:
    """Return (offset, limit) of a listing; tokens are base64 offsets, as Alpaca's are ("MTAw" is 100)."""
    limit = whole_number(params, "limit", default, maximum)
    token = params.get("page_token")
    if not token:
        return 0, limit
    try:
        offset = base64.b64decode(token, validate=True).decode()
    except (binascii.Error, ValueError) as e:
        msg = f"invalid page_token: {token[:40]!r}"
        raise BadRequest(msg) from e
    return whole_number({"page_token": offset}, "page_token", 0, _OFFSET_MAX, minimum=0), limit


def next_token(offset: int, limit: int, total: int) -> str | None:
    """Return the token of the page after this one, or None on the last."""
    end = offset + limit
    return base64.b64encode(str(end).encode()).decode() if end < total else None


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body as a JSON object."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as e:
        msg = "request body format is invalid"
        raise BadRequest(msg) from e
    if not isinstance(body, dict):
        msg = "request body format is invalid"
        raise BadRequest(msg)
    return body


def within(value: T, low: T | None, high: T | None) -> bool:
    """Tell whether `value` lies in [low, high]; None is no bound."""
    return (low is None or value >= low) and (high is None or value <= high)  # type: ignore[operator]


def default_expiration_to(today: date) -> date:
    """Return the Sunday of the coming weekend: listings without dates end there."""
    days = 6 - today.weekday()
    return today + timedelta(days=days if today.weekday() < 5 else days + 7)
