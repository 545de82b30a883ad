"""Whose account this is, and what time it is there: asked before anything else."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.domain.clock import Clock
from kernel.domain.errors import ConfigError, InvariantBroken, VenueUnavailable
from kernel.runtime.logging import get_logger

_log = get_logger()
_KEYS_REFUSED = frozenset({401, 403})
#: Between two readings the monotonic clock runs on; half a minute bounds what drift can do.
_REFRESH_S = 30.0


class AlpacaAccount:
    """The account's number and the venue's time; `connect` comes first."""

    def __init__(self, gateway: AlpacaGateway) -> None:
        self._gateway = gateway
        self._number: str | None = None

    def number(self) -> str:
        """Return the account number; raises InvariantBroken before `connect`."""
        if self._number is None:
            msg = "the account was used before the venue was asked which one it is"
            raise InvariantBroken(msg)
        return self._number

    async def connect(self) -> None:
        """Take over the venue's time and learn the account; raises VenueUnavailable, or ConfigError on refused keys."""
        try:
            await self._gateway.synchronise_clock()
            answer: Any = await self._gateway.call(self._gateway.trading.get_account)
            self._number = str(answer["account_number"])
        except VenueRefused as e:
            if e.status in _KEYS_REFUSED:
                msg = f"APCA_API_KEY_ID, APCA_API_SECRET_KEY: not accepted ({e})"
                raise ConfigError(msg) from e
            raise VenueUnavailable(str(e)) from e
        except (KeyError, TypeError) as e:
            msg = f"the venue's account is unusable: {type(e).__name__}: {e}"
            raise VenueUnavailable(msg) from e

    async def follow_clock(self) -> None:
        """Read the venue's time again and again, for ever."""
        while True:
            await asyncio.sleep(_REFRESH_S)
            try:
                await self._gateway.synchronise_clock()
            except (VenueUnavailable, VenueRefused) as e:
                _log.warning("the venue's time was not refreshed", reason=str(e))


def skew_s(venue: Clock, machine: Clock) -> Callable[[], float]:
    """Return a function that tells how many seconds the machine's clock is ahead of the venue's."""

    def ahead_s() -> float:
        now: datetime = machine.now()
        return (now - venue.now()).total_seconds()

    return ahead_s
