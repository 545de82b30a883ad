"""The venue's time, kept in step."""

import time
from collections.abc import Callable
from datetime import datetime

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.domain.errors import ConfigError, VenueUnavailable
from kernel.runtime.logging import get_logger

_log = get_logger()
_KEYS_REFUSED = frozenset({401, 403})
#: Between two readings the monotonic clock runs on; half a minute bounds what drift or a venue set back can do.
_REFRESH_S = 30.0


class AlpacaTime:
    """A MarketTime that asks the venue now and then, and runs on by itself while the venue is away."""

    def __init__(self, gateway: AlpacaGateway, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._gateway = gateway
        self._monotonic = monotonic
        self._asked_at: float | None = None

    async def now(self) -> datetime:
        """Return the venue's present; raises VenueUnavailable while the venue has never told it."""
        if not self._gateway.clock.synchronised:
            await self.synchronise()
        elif self._is_stale():
            await self._refresh()
        return self._gateway.clock.now()

    async def synchronise(self) -> None:
        """Take over the venue's time; raises VenueUnavailable, or ConfigError when it refuses our keys."""
        self._asked_at = self._monotonic()
        try:
            await self._gateway.synchronise_clock()
        except VenueRefused as e:
            if e.status in _KEYS_REFUSED:
                raise ConfigError(
                    f"APCA_API_KEY_ID, APCA_API_SECRET_KEY: not accepted by the venue ({e})"
                ) from e
            raise

    def _is_stale(self) -> bool:
        return self._asked_at is None or self._monotonic() - self._asked_at > _REFRESH_S

    async def _refresh(self) -> None:
        try:
            await self.synchronise()
        except (VenueUnavailable, VenueRefused, ConfigError) as e:
            _log.warning("the venue's time was not refreshed", reason=str(e))
