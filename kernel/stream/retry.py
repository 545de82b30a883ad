"""Retry in place: an outside failure delays its message, it never loses or skips it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kernel.domain.errors import TransientError
from kernel.runtime.health import Health
from kernel.runtime.logging import get_logger
from kernel.runtime.metrics import RETRIES

T = TypeVar("T")
_FIRST_S = 0.1
_LONGEST_S = 10.0
_log = get_logger()


async def retry_in_place(work: Callable[[], Awaitable[T]], *, stage: str, health: Health) -> T:
    """Run `work` until it does not raise TransientError, backing off from 0.1 s to 10 s with jitter.

    There is no limit: giving up would lose the message. Readiness says what is missing, and nothing is acknowledged.
    """
    delay_s = _FIRST_S
    troubles: set[str] = set()
    while True:
        try:
            result = await work()
        except TransientError as e:
            kind = type(e).__name__
            RETRIES.labels(stage, kind).inc()
            health.progressed()
            health.troubled(kind, str(e))
            troubles.add(kind)
            _log.warning("outside failure, retrying", error=kind, reason=str(e), delay_s=round(delay_s, 2))
            await asyncio.sleep(delay_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            delay_s = min(delay_s * 2, _LONGEST_S)
        else:
            for kind in troubles:
                health.recovered(kind)
            return result
