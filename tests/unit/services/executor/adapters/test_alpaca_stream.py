import pytest

from services.executor.adapters.alpaca_stream import client_order_id_in, stream_url


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
