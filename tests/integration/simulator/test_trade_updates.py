"""The trade-updates stream: its protocol frame by frame, and what alpaca-py's TradingStream hears of orders."""

import asyncio
import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
import websockets
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, TradeEvent
from alpaca.trading.requests import ReplaceOrderRequest

from kernel.domain.options import Right
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from simulator.venue.orders import EventKind
from tests.fakes.market import THIS_FRIDAY, FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    DEADLINE_S,
    a_buy,
    a_spread,
    at_market,
    bought,
    eventually,
    filled,
    inject,
    set_clock,
)
from tests.integration.simulator.updates import UpdateListener

#: Every event Alpaca documents.
DOCUMENTED = {
    "new", "accepted", "pending_new", "fill", "partial_fill", "canceled", "expired", "done_for_day", "replaced",
    "rejected", "stopped", "pending_cancel", "pending_replace", "calculated", "suspended", "restated",
    "order_replace_rejected", "order_cancel_rejected",
}  # fmt: skip

AUTHENTICATE = {"action": "authenticate", "data": {"key_id": "key", "secret_key": "secret"}}
LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}
AUTHORIZED = {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
LISTENING = {"stream": "listening", "data": {"streams": ["trade_updates"]}}


def talk(venue: VenueThread, *messages: Any) -> list[Any]:
    """Send messages one by one, and return the frame that answered each."""

    async def converse() -> list[Any]:
        frames = []
        async with websockets.connect(venue.stream_url) as stream:
            for message in messages:
                await stream.send(message if isinstance(message, str | bytes) else json.dumps(message))
                frames.append(await asyncio.wait_for(stream.recv(), DEADLINE_S))
        return frames

    return asyncio.run(converse())


def heard(listener: UpdateListener) -> list[str]:
    return [str(getattr(update.event, "value", update.event)) for update in listener.heard]


# The protocol


def test_trap_frames_are_binary_and_json(venue: VenueThread) -> None:
    frames = talk(venue, AUTHENTICATE, LISTEN)
    assert [type(frame) for frame in frames] == [bytes, bytes]
    assert [json.loads(frame) for frame in frames] == [AUTHORIZED, LISTENING]


def test_listening_before_authentication_is_unauthorized(venue: VenueThread) -> None:
    frames = [json.loads(frame) for frame in talk(venue, LISTEN, AUTHENTICATE, LISTEN)]
    refused = {"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}}
    assert frames == [refused, AUTHORIZED, LISTENING]


@pytest.mark.parametrize("data", [{}, {"key_id": "key"}, {"secret_key": "secret"}, None, "keys"])
def test_authentication_without_keys_is_unauthorized_and_may_be_tried_again(
    venue: VenueThread, data: Any
) -> None:
    frames = talk(venue, {"action": "authenticate", "data": data}, AUTHENTICATE)
    refused = {"stream": "authorization", "data": {"status": "unauthorized", "action": "authenticate"}}
    assert [json.loads(frame) for frame in frames] == [refused, AUTHORIZED]


@pytest.mark.parametrize(
    "message",
    [
        {"action": "auth", "key": "key", "secret": "secret"},
        {"action": "authenticate", "data": {"oauth_token": "token"}},
        json.dumps(AUTHENTICATE).encode(),
    ],
)
def test_other_clients_authenticate_in_other_words(venue: VenueThread, message: Any) -> None:
    assert json.loads(talk(venue, message)[0]) == AUTHORIZED


def test_a_message_whose_action_is_no_word_is_passed_over(venue: VenueThread) -> None:
    async def converse() -> Any:
        async with websockets.connect(venue.stream_url) as stream:
            for action in (["listen"], {"listen": 1}, None, 7):
                await stream.send(json.dumps({"action": action}))
            await stream.send(json.dumps(AUTHENTICATE))
            return await asyncio.wait_for(stream.recv(), DEADLINE_S)

    assert json.loads(asyncio.run(converse())) == AUTHORIZED


def test_a_listen_replaces_the_set_and_an_empty_one_stops(venue: VenueThread, trading: TradingClient) -> None:
    async def converse() -> list[Any]:
        async with websockets.connect(venue.stream_url) as stream:

            async def say(message: Any) -> Any:
                await stream.send(json.dumps(message))
                return json.loads(await asyncio.wait_for(stream.recv(), DEADLINE_S))

            async def listen(streams: list[str]) -> Any:
                return (await say({"action": "listen", "data": {"streams": streams}}))["data"]["streams"]

            await say(AUTHENTICATE)
            sets = [await listen(["trade_updates", "weather"]), await listen([])]
            await asyncio.to_thread(bought, trading)
            # Had the updates been sent, they would come before this answer.
            sets.append(await listen(["trade_updates"]))
            return sets

    assert asyncio.run(converse()) == [["trade_updates"], [], ["trade_updates"]]


def test_nonsense_is_passed_over(venue: VenueThread) -> None:
    async def converse() -> Any:
        async with websockets.connect(venue.stream_url) as stream:
            for nonsense in ("{", "[]", "null", b"\xff\xfe", '{"action": "dance"}', '{"action": 1}'):
                await stream.send(nonsense)
            await stream.send(json.dumps(AUTHENTICATE))
            return json.loads(await asyncio.wait_for(stream.recv(), DEADLINE_S))

    assert asyncio.run(converse()) == AUTHORIZED


def test_complaint_740_a_second_connection_is_refused_with_429_until_the_first_is_gone(
    venue: VenueThread,
) -> None:
    async def status_of_a_connection() -> int:
        try:
            async with websockets.connect(venue.stream_url):
                return 101
        except websockets.InvalidStatus as refused:
            return refused.response.status_code

    async def status_beside_another() -> int:
        async with websockets.connect(venue.stream_url):
            return await asyncio.wait_for(status_of_a_connection(), DEADLINE_S)

    assert asyncio.run(status_beside_another()) == 429
    eventually(lambda: asyncio.run(status_of_a_connection()) == 101, "the place is free again")


# What is heard of an order


def test_an_orders_life_is_told_with_the_position(venue: VenueThread, trading: TradingClient) -> None:
    with UpdateListener(venue) as listener:
        sent = trading.submit_order(a_buy())
        eventually(lambda: len(listener.heard) == 3, "three updates")
    told = [(update.event, update.order.status.value) for update in listener.heard]
    assert told == [
        (TradeEvent.PENDING_NEW, "pending_new"),
        (TradeEvent.NEW, "new"),
        (TradeEvent.FILL, "filled"),
    ]
    fill = listener.heard[-1]
    assert (fill.order.id, fill.price, fill.qty, fill.position_qty) == (sent.id, 2.6, 2.0, 2.0)
    assert (fill.order.filled_avg_price, fill.order.filled_qty) == ("2.6", "2")
    assert len({update.execution_id for update in listener.heard}) == 3
    assert [update.timestamp for update in listener.heard] == sorted(u.timestamp for u in listener.heard)


def test_raw_updates_have_the_whole_order_and_texts(venue: VenueThread, trading: TradingClient) -> None:
    with UpdateListener(venue, raw_data=True) as listener:
        sent = trading.submit_order(a_buy())
        eventually(lambda: len(listener.heard) == 3, "three updates")
    accepted, fill = listener.heard[0], listener.heard[-1]
    assert list(accepted) == ["stream", "data"]
    assert list(accepted["data"]) == ["event", "execution_id", "order", "timestamp"]
    assert list(fill["data"]) == [
        "event",
        "execution_id",
        "order",
        "timestamp",
        "price",
        "qty",
        "position_qty",
    ]
    assert {key: fill["data"][key] for key in ("event", "price", "qty", "position_qty")} == {
        "event": "fill",
        "price": "2.6",
        "qty": "2",
        "position_qty": "2",
    }
    order = fill["data"]["order"]
    now = TradingClient("key", "secret", raw_data=True, url_override=venue.url).get_order_by_id(sent.id)
    assert order == now
    assert datetime.fromisoformat(fill["data"]["timestamp"]) == datetime.fromisoformat(order["filled_at"])


def test_the_position_is_signed(venue: VenueThread, trading: TradingClient) -> None:
    put = spy(500, right=Right.PUT)
    with UpdateListener(venue) as listener:
        filled(trading, trading.submit_order(at_market(OrderSide.SELL, symbol=put, qty=2)))
        filled(trading, trading.submit_order(at_market(OrderSide.BUY, symbol=put, qty=1)))
        eventually(lambda: heard(listener).count("fill") == 2, "two fills")
    fills = [update for update in listener.heard if update.event == TradeEvent.FILL]
    assert [update.position_qty for update in fills] == [-2.0, -1.0]


def test_partial_fills_are_told_one_by_one(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(partial_fills=100, latency_ms=(0.0, 0.0))) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        with UpdateListener(venue) as listener:
            filled(client, client.submit_order(a_buy(qty=9)))
            eventually(lambda: "fill" in heard(listener), "the last fill")
    parts = [
        update for update in listener.heard if update.event in {TradeEvent.PARTIAL_FILL, TradeEvent.FILL}
    ]
    assert len(parts) > 1
    assert [update.order.status.value for update in parts] == ["partially_filled"] * (len(parts) - 1) + [
        "filled"
    ]
    assert sum(update.qty for update in parts) == 9
    assert parts[-1].position_qty == 9


Step = Callable[[VenueThread, TradingClient], Any]


def cancelled(_venue: VenueThread, trading: TradingClient) -> None:
    trading.cancel_order_by_id(trading.submit_order(a_buy(limit_price=1.00)).id)


def replaced(_venue: VenueThread, trading: TradingClient) -> None:
    sent = trading.submit_order(a_buy(limit_price=1.00))
    eventually(lambda: trading.get_order_by_id(sent.id).status.value == "new", "the order works")
    trading.replace_order_by_id(sent.id, ReplaceOrderRequest(limit_price=1.10))


def queued_and_filled(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("17:00"), speed=0)
    trading.submit_order(a_buy())
    set_clock(venue, at=at_eastern("09:30", date(2026, 6, 11)))


def expired(venue: VenueThread, trading: TradingClient) -> None:
    sent = trading.submit_order(a_buy(limit_price=1.00))
    eventually(lambda: trading.get_order_by_id(sent.id).status.value == "new", "the order works")
    set_clock(venue, at=at_eastern("16:00"), speed=0)


@pytest.mark.parametrize(
    ("step", "events"),
    [
        (
            cancelled,
            [
                ("pending_new", "pending_new"),
                ("pending_cancel", "pending_cancel"),
                ("canceled", "canceled"),
            ],
        ),
        (
            replaced,
            [
                ("pending_new", "pending_new"),
                ("new", "new"),
                ("pending_replace", "pending_replace"),
                ("pending_new", "pending_new"),
                ("replaced", "replaced"),
                ("new", "new"),
            ],
        ),
        (queued_and_filled, [("accepted", "accepted"), ("new", "new"), ("fill", "filled")]),
        (expired, [("pending_new", "pending_new"), ("new", "new"), ("expired", "expired")]),
    ],
)
def test_every_step_is_told_with_the_orders_status(
    venue: VenueThread, trading: TradingClient, step: Step, events: list[tuple[str, str]]
) -> None:
    if step is cancelled:
        # Standing still, the order does not get through to the market before its cancel.
        inject(venue, "halt", symbol="SPY")
    with UpdateListener(venue) as listener:
        step(venue, trading)
        eventually(
            lambda: heard(listener)[-1:] == [events[-1][0]] and len(listener.heard) >= len(events), "all"
        )
    told = [
        (kind, update.order.status.value)
        for kind, update in zip(heard(listener), listener.heard, strict=True)
    ]
    without_new = [row for row in told if row[0] != "new"] if step is cancelled else told
    assert without_new == events


def test_a_market_order_that_became_too_dear_is_rejected(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(equity=600, latency_ms=(60_000.0, 60_000.0))) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        with UpdateListener(venue) as listener:
            sent = client.submit_order(at_market(OrderSide.BUY, qty=2))
            market.quotes[spy(520)] = (4.00, 4.20)
            set_clock(venue, at=at_eastern("10:30"))
            eventually(lambda: "rejected" in heard(listener), "the rejection")
        assert heard(listener) == ["pending_new", "new", "rejected"]
        assert client.get_order_by_id(sent.id).failed_at is not None
        assert client.get_account().options_buying_power == "600"


def test_complaint_557_a_spread_is_one_update_of_its_parent_with_the_legs_inside(
    venue: VenueThread, market: FakeMarket, trading: TradingClient
) -> None:
    market.quotes[spy(530)] = (1.40, 1.60)
    with UpdateListener(venue) as listener:
        sent = filled(trading, trading.submit_order(a_spread(limit_price=1.20)))
        eventually(lambda: "fill" in heard(listener), "the fill")
    assert heard(listener) == ["pending_new", "new", "fill"]
    fill = listener.heard[-1]
    assert (fill.order.id, fill.order.symbol, fill.order.position_intent) == (sent.id, None, None)
    assert (fill.price, fill.qty, fill.position_qty) == (1.2, 1.0, None)
    assert [(leg.symbol, leg.status.value, leg.filled_avg_price) for leg in fill.order.legs] == [
        (spy(520), "filled", "2.6"),
        (spy(530), "filled", "1.4"),
    ]


def test_trap_exercise_assignment_and_expiry_are_not_told(market: FakeMarket) -> None:
    put = spy(530, right=Right.PUT)
    market.quotes[put] = (10.0, 10.2)
    with VenueThread(market, VenueSettings(equity=200_000)) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        bought(client, symbol=spy(500), qty=1)
        bought(client, symbol=spy(540), qty=1)
        filled(client, client.submit_order(at_market(OrderSide.SELL, symbol=put)))
        with UpdateListener(venue) as listener:
            client.exercise_options_position(spy(500))
            set_clock(venue, at=at_eastern("16:00", THIS_FRIDAY), speed=0)
            eventually(
                lambda: [row.qty for row in client.get_all_positions()] == ["200"], "exercised and assigned"
            )
            # The next order is the first thing that is heard.
            client.submit_order(a_buy(symbol=spy(520, date(2026, 6, 19)), qty=1))
            eventually(lambda: listener.heard, "an update")
    assert heard(listener) == ["accepted"]


def test_a_new_connection_hears_nothing_of_the_past(venue: VenueThread, trading: TradingClient) -> None:
    with UpdateListener(venue) as listener:
        bought(trading)
        eventually(lambda: "fill" in heard(listener), "the fill")
    bought(trading, symbol=spy(510))
    eventually(lambda: not venue.desk.hub.is_listened_to, "the listener is gone")
    with UpdateListener(venue) as listener:
        last = bought(trading, symbol=spy(530))
        eventually(lambda: "fill" in heard(listener), "the fill")
    assert {update.order.id for update in listener.heard} == {last.id}


def test_complaint_629_every_event_is_one_that_alpaca_documents() -> None:
    assert set(EventKind) <= DOCUMENTED
