"""alpaca-py's TradingStream in a thread of its own."""

import threading
from typing import Any, Self

from alpaca.trading.stream import TradingStream

from simulator.server import VenueThread
from tests.integration.simulator.at_venue import DEADLINE_S, eventually


class UpdateListener:
    """A TradingStream with the keys of an account, and the updates it heard."""

    def __init__(self, venue: VenueThread, key: str = "key", *, raw_data: bool = False) -> None:
        self.heard: list[Any] = []
        self._hub = venue.brokerage.desk_of(key).hub
        self._stream = TradingStream(key, "secret", raw_data=raw_data, url_override=venue.stream_url)
        self._stream.subscribe_trade_updates(self._hear)
        self._thread = threading.Thread(target=self._stream.run, daemon=True)

    @property
    def told(self) -> list[tuple[str, str]]:
        """Return what happened to which client order id."""
        return [(str(update.event), update.order.client_order_id) for update in self.heard]

    async def _hear(self, update: Any) -> None:
        self.heard.append(update)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self._hub.is_listened_to, "the stream listens")
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.stop()
        self._thread.join(DEADLINE_S)
