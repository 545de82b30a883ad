"""The venue's "no" as a value: the HTTP status, Alpaca's code, its message and the figures of some bodies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

UNPROCESSABLE = 42210000
INVALID = 40010001
FORBIDDEN = 40310000
NOT_FOUND = 40410000


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request the venue turned down; nothing changed."""

    http_status: int
    code: int
    message: str
    figures: Mapping[str, str | Sequence[str]] = field(default_factory=dict)


def refused(http_status: int, code: int, message: str) -> Refusal:
    """Return a refusal with a code of its own."""
    return Refusal(http_status=http_status, code=code, message=message)


def unprocessable(message: str) -> Refusal:
    """Return a 422 of the trading rules."""
    return Refusal(http_status=422, code=UNPROCESSABLE, message=message)


def invalid(message: str) -> Refusal:
    """Return a 422 of a malformed or repeated request."""
    return Refusal(http_status=422, code=INVALID, message=message)


def forbidden(message: str, **figures: str | Sequence[str]) -> Refusal:
    """Return a 403: the account may not, or cannot afford to."""
    return Refusal(http_status=403, code=FORBIDDEN, message=message, figures=figures)


def not_found(message: str) -> Refusal:
    """Return a 404."""
    return Refusal(http_status=404, code=NOT_FOUND, message=message)
