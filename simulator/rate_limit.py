"""How many requests an account may make a minute, and the headers that tell it.

1. Trading and market data count apart, each account for itself.
2. A minute is one of the machine's clock, whatever the market's speed: the limit protects a server, not a market.
3. Every answer tells limit, remaining and the second since the epoch at which the count begins anew.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from simulator.clock import wall_now

_MINUTE_S = 60
_DATA_PATHS = ("/v1beta1/", "/v1beta2/", "/v1beta3/", "/v2/stocks/")


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether a request may pass, and what its answer's headers say."""

    is_allowed: bool
    limit: int
    remaining: int
    resets_at_s: int

    def headers_beside(self, others: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Return the answer's headers, as ASGI has them, but for those that `others` tell otherwise already."""
        told = {"limit": self.limit, "remaining": self.remaining, "reset": self.resets_at_s}
        headers = {f"x-ratelimit-{name}".encode(): str(value).encode() for name, value in told.items()}
        taken = {name.lower() for name, _ in others}
        return [(name, value) for name, value in headers.items() if name not in taken]


#: Body of the answer to a request over the limit; its status is 429.
TOO_MANY = {"code": 42910000, "message": "rate limit exceeded"}


class RateLimiter:
    """Counts requests by account and API."""

    def __init__(self, per_minute: int, *, wall: Callable[[], datetime] = wall_now) -> None:
        """`per_minute` is positive."""
        self._limit = per_minute
        self._wall = wall
        self._minute = -1
        self._counts: dict[tuple[str, bool], int] = {}

    def admit(self, account: str, path: str) -> Allowance:
        """Count a request of `account` (its key) to `path`, and tell whether it may pass."""
        minute = int(self._wall().timestamp()) // _MINUTE_S
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        bucket = (account, path.startswith(_DATA_PATHS))
        made = self._counts[bucket] = self._counts.get(bucket, 0) + 1
        remaining = max(self._limit - made, 0)
        return Allowance(made <= self._limit, self._limit, remaining, (minute + 1) * _MINUTE_S)
