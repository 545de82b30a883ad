"""The trade-updates stream, by alpaca-py. Its messages are hints: an id to look up, nothing else of them is believed."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from alpaca.trading.stream import TradingStream

from kernel.runtime.settings import ServiceSettings

#: alpaca-py would notice a dead connection after three minutes; the venue does not answer a close.
_WEBSOCKET = {"ping_interval": 10, "ping_timeout": 10, "max_queue": 1024, "close_timeout": 1}
_STOP_DEADLINE_S = 5.0
#: Updates that cannot bring an order on: its answer told as much, or an end will be told in its turn.
_NO_NEWS = frozenset(
    {"new", "accepted", "pending_new", "pending_cancel", "pending_replace", "stopped", "calculated"}
)


def stream_url(base_url: str) -> str:
    """Return the stream's endpoint of a trading API: http becomes ws, https wss."""
    parts = urlsplit(base_url)
    return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/stream"


def client_order_id_in(message: object) -> str | None:
    """Return the client order id a raw trade update tells of, or None when there is nothing to look up."""
    data = message.get("data") if isinstance(message, dict) else None
    if not isinstance(data, dict) or data.get("event") in _NO_NEWS:  # data was seen to be null
        return None
    order = data.get("order")
    found = order.get("client_order_id") if isinstance(order, dict) else None
    return found if isinstance(found, str) and found else None


class AlpacaTradeUpdates:
    """TradeUpdates of one account; the venue lets in one connection."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings

    async def listen(
        self,
        on_order: Callable[[str], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[], None],
    ) -> None:
        """Listen for ever, reconnecting with alpaca-py's back-off (1 to 30 s)."""

        async def hear(message: Any) -> None:
            client_order_id = client_order_id_in(message)
            if client_order_id is not None:
                on_order(client_order_id)

        stream = _Stream(self._settings, on_connect, on_disconnect)
        stream.subscribe_trade_updates(hear)
        running = asyncio.ensure_future(stream.run_for_ever())
        try:
            await asyncio.shield(running)
        finally:
            await _end(stream, running)


async def _end(stream: "_Stream", running: asyncio.Future[None]) -> None:
    """Stop a stream for certain: its `wait_for` can lose a cancellation that meets a message, but not the stop sign."""
    await stream.stop_ws()
    running.cancel()
    await asyncio.wait([running], timeout=_STOP_DEADLINE_S)
    await stream.close()


class _Stream(TradingStream):
    """Tells when it is connected, as what happened before that was never sent, and when it no longer is."""

    def __init__(
        self, settings: ServiceSettings, on_connect: Callable[[], None], on_disconnect: Callable[[], None]
    ) -> None:
        super().__init__(
            settings.apca_api_key_id.get_secret_value(),
            settings.apca_api_secret_key.get_secret_value(),
            raw_data=True,
            url_override=stream_url(settings.apca_api_base_url),
            websocket_params=dict(_WEBSOCKET),
        )
        self._on_connect, self._on_disconnect = on_connect, on_disconnect

    async def run_for_ever(self) -> None:
        """Run inside this loop; alpaca-py's own `run` starts one of its own."""
        await self._run_forever()  # type: ignore[no-untyped-call]

    async def _start_ws(self) -> None:
        await super()._start_ws()  # type: ignore[no-untyped-call]
        self._on_connect()

    async def close(self) -> None:
        self._on_disconnect()
        await super().close()
