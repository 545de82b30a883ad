"""The venue's time, for those who may ask before the process has."""

from datetime import datetime

from kernel.adapters.alpaca import AlpacaGateway


class AlpacaTime:
    """A MarketTime over the process's gateway; an alert may come in before the venue was first reached."""

    def __init__(self, gateway: AlpacaGateway) -> None:
        self._gateway = gateway

    async def now(self) -> datetime:
        """Return the venue's present; raises VenueUnavailable while the venue has never told it."""
        if not self._gateway.clock.synchronised:
            await self._gateway.connect()
        return self._gateway.clock.now()
