"""Spans of time as a person types them: 30m, 1h, 2d."""

import re
from datetime import datetime, timedelta

from kernel.domain.errors import ConfigError

_SPAN = re.compile(r"^(?P<count>\d+)(?P<unit>[smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def back(now: datetime, text: str) -> datetime:
    """Return the moment that span `text` before `now`; raises ConfigError on text that is no span."""
    try:
        return now - _read(text, "--since")
    except OverflowError:
        raise ConfigError(f"--since: {text} is before the calendar begins") from None


def length(text: str, option: str) -> timedelta:
    """Return how long span `text` is; raises ConfigError, naming `option`, on text that is no span."""
    try:
        return _read(text, option)
    except OverflowError:
        raise ConfigError(f"{option}: {text} is longer than the calendar") from None


def _read(text: str, option: str) -> timedelta:
    match = _SPAN.match(text)
    if match is None:
        raise ConfigError(f"{option}: {text!r} is no span; examples: 30m, 1h, 2d")
    return timedelta(**{_UNITS[match["unit"]]: int(match["count"])})
