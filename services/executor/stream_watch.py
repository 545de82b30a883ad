"""The trade-updates stream as its listener watches it."""

import asyncio
from collections.abc import Callable

from services.executor.ports import TradeUpdates


class StreamWatch:
    """TradeUpdates that are also watched: whether the stream is up, how often it came up, and when that last changed."""

    def __init__(self, updates: TradeUpdates) -> None:
        self._updates = updates
        self.is_up = False
        self.connects = 0
        self.changed = asyncio.Event()

    async def listen(
        self,
        on_order: Callable[[str], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[], None],
    ) -> None:
        """Listen as the port says."""

        def up() -> None:
            self.connects += 1
            self._set(is_up=True)
            on_connect()

        def down() -> None:
            self._set(is_up=False)
            on_disconnect()

        try:
            await self._updates.listen(on_order, up, down)
        finally:
            self._set(is_up=False)

    def _set(self, *, is_up: bool) -> None:
        self.is_up = is_up
        self.changed.set()
