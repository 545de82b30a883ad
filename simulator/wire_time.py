"""Instants as Alpaca writes them."""

from datetime import UTC, datetime
from functools import lru_cache

from kernel.domain.clock import MARKET_ZONE


@lru_cache(maxsize=65536)
def rfc3339(moment: datetime) -> str:
    """Write an instant in UTC with microseconds, e.g. 2026-09-15T14:30:00.000000Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def eastern(moment: datetime) -> str:
    """Write an instant with the exchange's offset, as the clock endpoint does."""
    return moment.astimezone(MARKET_ZONE).isoformat()


@lru_cache(maxsize=65536)
def rfc3339_nano(moment: datetime) -> str:
    """Write an instant in UTC as market data has it: a fraction without trailing zeros, and none on a whole second."""
    text = moment.astimezone(UTC).isoformat().replace("+00:00", "")
    return (text.rstrip("0") if "." in text else text) + "Z"
