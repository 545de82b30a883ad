import asyncio

import pytest
from alpaca.trading.stream import TradingStream

from services.executor.adapters.alpaca_stream import AlpacaTradeUpdates, client_order_id_in, stream_url
from services.executor.settings import ExecutorSettings


@pytest.mark.parametrize(
    ("base", "stream"),
    [
        ("https://paper-api.alpaca.markets", "wss://paper-api.alpaca.markets/stream"),
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/stream"),
        ("http://[::1]:8080/", "ws://[::1]:8080/stream"),
    ],
)
def test_the_stream_is_where_the_trading_api_is(base: str, stream: str) -> None:
    assert stream_url(base) == stream


@pytest.mark.parametrize(
    "event", ["fill", "partial_fill", "canceled", "expired", "rejected", "replaced", "of next year"]
)
def test_an_event_that_can_move_an_order_is_a_hint(event: str) -> None:
    message = {"stream": "trade_updates", "data": {"event": event, "order": {"client_order_id": "ours"}}}

    assert client_order_id_in(message) == "ours"


@pytest.mark.parametrize("event", ["new", "accepted", "pending_new", "pending_cancel"])
def test_an_event_that_cannot_is_none(event: str) -> None:
    message = {"stream": "trade_updates", "data": {"event": event, "order": {"client_order_id": "ours"}}}

    assert client_order_id_in(message) is None


@pytest.mark.parametrize(
    "message",
    [
        None,
        {},
        {"stream": "trade_updates", "data": None},
        {"data": {"event": "fill"}},
        {"data": {"event": "fill", "order": None}},
        {"data": {"event": "fill", "order": {"client_order_id": None}}},
        {"data": {"event": "fill", "order": {"client_order_id": ""}}},
        [],
    ],
)
def test_an_update_without_an_order_is_none(message: object) -> None:
    assert client_order_id_in(message) is None


async def test_listening_ends_even_if_alpaca_py_loses_the_cancellation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before Python 3.12 `asyncio.wait_for` returns a message that arrives together with a cancellation, and no more."""
    consuming = asyncio.Event()

    async def connect(_stream: TradingStream) -> None:
        pass

    async def receive(stream: TradingStream) -> None:
        while stream._stop_stream_queue.empty():
            consuming.set()
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue

    monkeypatch.setattr(TradingStream, "_start_ws", connect)
    monkeypatch.setattr(TradingStream, "_consume", receive)
    updates = AlpacaTradeUpdates(ExecutorSettings.from_env({"APCA_API_BASE_URL": "http://127.0.0.1:1"}))
    listening = asyncio.create_task(updates.listen(lambda _id: None, lambda: None, lambda: None))
    await consuming.wait()

    listening.cancel()
    done, _ = await asyncio.wait([listening], timeout=10)

    assert done
    assert listening.cancelled()
