"""Each fault as alpaca-py's clients, or a plain socket, meet it; and what the journal says of it."""

import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
import websockets
from alpaca.common.exceptions import APIError
from alpaca.data.historical.option import OptionHistoricalDataClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.requests import OptionLatestQuoteRequest, StockLatestQuoteRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, OrderStatus

from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    DEADLINE_S,
    KEYS,
    a_buy,
    ask,
    at_market,
    eventually,
    filled,
    in_status,
    inject,
    journal,
    refusal_of,
    set_clock,
)
from tests.integration.simulator.updates import UpdateListener


def struck(venue: VenueThread) -> list[str]:
    return [row["fault"] for row in journal(venue, "fault_struck")]


def plain_order(client_order_id: str) -> dict[str, Any]:
    return {
        "symbol": spy(520), "qty": "1", "side": "buy", "type": "limit", "limit_price": "2.60",
        "time_in_force": "day", "client_order_id": client_order_id,
    }  # fmt: skip


def exists(venue: VenueThread, client_order_id: str) -> bool:
    path = f"/v2/orders:by_client_order_id?client_order_id={client_order_id}"
    return {200: True, 404: False}[ask(venue, "GET", path).status_code]


# Requests


def test_a_rate_limit_answers_429_with_its_headers_and_alpaca_py_tries_again(
    venue: VenueThread, trading: TradingClient
) -> None:
    inject(venue, "rate_limit", path="/v2/account", retry_after_s=7)
    refused = ask(venue, "GET", "/v2/account")
    assert (refused.status_code, refused.json()["code"]) == (429, 42910000)
    assert {
        name: refused.headers[name] for name in ("X-RateLimit-Limit", "X-RateLimit-Remaining", "Retry-After")
    } == {
        "X-RateLimit-Limit": "200",
        "X-RateLimit-Remaining": "0",
        "Retry-After": "7",
    }
    reset_in = int(refused.headers["X-RateLimit-Reset"]) - datetime.now(UTC).timestamp()  # noqa: TID251  a client's
    assert -DEADLINE_S < reset_in <= 7
    inject(venue, "rate_limit", path="/v2/account", count=2)
    trading._retry, trading._retry_wait = 3, 0
    assert trading.get_account().cash == "100000"
    assert struck(venue) == ["rate_limit"] * 3


def test_latency_is_waited_before_anything_is_done(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "latency", path="/v2/orders", method="POST", delay_ms=300, delay_to_ms=400)
    trading.submit_order(a_buy(client_order_id="late"))
    row = next(row for row in journal(venue, "request") if row.get("fault"))
    assert (row["fault"], row["status"]) == ("latency", 200)
    assert row["duration_ms"] >= 300
    waited = wall(next(r for r in journal(venue, "order_accepted"))) - wall(
        next(iter(journal(venue, "fault_struck")))
    )
    assert waited >= timedelta(milliseconds=299)


def wall(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["wall_at"])


@pytest.mark.parametrize(("kind", "accepted"), [("reset_before_accept", False), ("reset_after_accept", True)])
def test_a_reset_connection_hides_whether_the_order_was_accepted(
    venue: VenueThread, trading: TradingClient, kind: str, accepted: bool
) -> None:
    inject(venue, kind, path="/v2/orders", method="POST")
    with pytest.raises(requests.ConnectionError) as error:
        trading.submit_order(a_buy(client_order_id="ticket-1"))
    # Whether the reset is met while sending or while reading is a race; urllib3 words the two differently.
    assert any(word in str(error.value) for word in ("reset", "RemoteDisconnected", "Broken pipe"))
    assert exists(venue, "ticket-1") is accepted
    row = next(row for row in journal(venue, "request") if row["method"] == "POST")
    assert (row["status"], row["fault"]) == (None, kind)
    kinds = [row["kind"] for row in journal(venue, "fault_struck", "order_accepted", "request")]
    assert kinds[:2] == (["fault_struck", "order_accepted"] if accepted else ["fault_struck", "request"])


def test_a_partial_body_breaks_off_after_the_order_was_accepted(
    venue: VenueThread, trading: TradingClient
) -> None:
    inject(venue, "partial_body", path="/v2/orders", method="POST", count=2)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        trading.submit_order(a_buy(client_order_id="ticket-1"))
    assert exists(venue, "ticket-1")
    answer = raw_post(venue, plain_order("ticket-2"))
    head, _, body = answer.partition(b"\r\n\r\n")
    promised = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    assert head.startswith(b"HTTP/1.1 200")
    assert len(body) == int(promised.split(b":")[1]) // 2
    assert exists(venue, "ticket-2")


def raw_post(venue: VenueThread, body: dict[str, Any]) -> bytes:
    """Send an order over a plain socket; return every byte until the venue hangs up."""
    content = json.dumps(body).encode()
    head = f"POST /v2/orders HTTP/1.1\r\nHost: venue\r\nContent-Length: {len(content)}\r\n"
    keys = "".join(f"{name}: {value}\r\n" for name, value in KEYS.items())
    host, port = venue.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), DEADLINE_S) as connection:
        connection.sendall(f"{head}{keys}\r\n".encode() + content)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_maintenance_lasts_for_its_span_of_market_time(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("11:00"), speed=0)
    span = {"market_from": at_eastern("12:00").isoformat(), "market_until": at_eastern("12:30").isoformat()}
    inject(venue, "maintenance", **span)
    assert trading.get_clock().is_open
    set_clock(venue, at=at_eastern("12:10"))
    for _ in range(2):
        with pytest.raises(APIError) as error:
            trading.get_account()
        assert refusal_of(error) == (503, {"message": "injected fault: maintenance"})
    with pytest.raises(websockets.InvalidStatus) as refused:
        asyncio.run(listen(venue))
    assert refused.value.response.status_code == 503
    set_clock(venue, at=at_eastern("12:30"))
    assert trading.get_account().cash == "100000"


async def listen(venue: VenueThread) -> None:
    async with websockets.connect(venue.stream_url):
        pass


def test_a_span_of_wall_time_ends_a_fault_too(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "down", count=None, wall_until="2020-01-01T00:00:00Z")
    assert trading.get_account().cash == "100000"
    inject(venue, "down", count=1, wall_from="2020-01-01T00:00:00Z")
    with pytest.raises(APIError):
        trading.get_account()


def test_a_fault_with_a_probability_strikes_some_and_the_same_ones_again(venue: VenueThread) -> None:
    def statuses() -> list[int]:
        inject(venue, "down", count=None, path="/v2/account", probability=0.5, seed=7)
        found = [ask(venue, "GET", "/v2/account").status_code for _ in range(20)]
        requests.delete(f"{venue.url}/sim/faults", timeout=30).raise_for_status()
        return found

    first = statuses()
    assert set(first) == {200, 503}
    assert statuses() == first


def test_a_fault_of_one_key_spares_another(venue: VenueThread) -> None:
    inject(venue, "down", count=None, account="unlucky")
    keys = [{"APCA-API-KEY-ID": name, "APCA-API-SECRET-KEY": "s"} for name in ("unlucky", "lucky")]
    told = [requests.get(f"{venue.url}/v2/account", headers=key, timeout=30).status_code for key in keys]
    assert told == [503, 200]


@pytest.mark.parametrize("kind", ["drop_updates", "mute_stream"])
def test_a_fault_of_one_key_mutes_the_account_that_it_shares(
    venue: VenueThread, trading: TradingClient, kind: str
) -> None:
    inject(venue, kind, account="another", **({} if kind == "mute_stream" else {"count": None}))
    with UpdateListener(venue) as listener:
        filled(trading, trading.submit_order(a_buy(client_order_id="unheard")))
        requests.delete(f"{venue.url}/sim/faults", timeout=30).raise_for_status()
        filled(trading, trading.submit_order(a_buy(client_order_id="heard")))
        eventually(lambda: ("fill", "heard") in listener.told, "the second fill")
    assert {name for _, name in listener.told} == {"heard"}


def test_a_fault_of_one_key_halts_the_account_that_it_shares_and_no_other(
    venue: VenueThread, trading: TradingClient
) -> None:
    venue.brokerage.open("owner", Decimal(5000))
    owner = TradingClient("owner", "secret", url_override=venue.url)
    inject(venue, "halt", symbol="SPY", account="key")
    sent = trading.submit_order(a_buy())
    filled(owner, owner.submit_order(a_buy()))
    assert trading.get_order_by_id(sent.id).filled_qty == "0"
    requests.delete(f"{venue.url}/sim/faults", timeout=30).raise_for_status()
    inject(venue, "halt", symbol="SPY", account="owner")
    filled(trading, sent)


def test_clock_skew_is_a_lie_in_the_clock_and_the_header_alone(
    venue: VenueThread, trading: TradingClient
) -> None:
    set_clock(venue, at=at_eastern("12:00"), speed=0)
    inject(venue, "clock_skew", skew_s=5)
    off = at_eastern("12:00") + timedelta(seconds=5)
    assert trading.get_clock().timestamp == off
    for path in ("/v2/clock", "/v2/account"):
        assert ask(venue, "GET", path).headers["X-Venue-Clock"].startswith(off.strftime("%Y-%m-%dT%H:%M:%S"))
    assert trading.submit_order(a_buy()).submitted_at == at_eastern("12:00")
    assert set(struck(venue)) == {"clock_skew"}


# The stream


def test_a_mute_stream_beats_but_says_nothing_until_the_fault_is_cleared(
    venue: VenueThread, trading: TradingClient
) -> None:
    async def talk() -> list[str]:
        async with websockets.connect(venue.stream_url) as stream:
            await stream.send(json.dumps({"action": "auth", "key": "key", "secret": "secret"}))
            await stream.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
            for _ in range(2):
                await asyncio.wait_for(stream.recv(), DEADLINE_S)
            inject(venue, "mute_stream", path="/stream")
            await asyncio.to_thread(
                lambda: filled(trading, trading.submit_order(a_buy(client_order_id="unheard")))
            )
            await asyncio.wait_for(await stream.ping(), DEADLINE_S)
            await asyncio.to_thread(requests.delete, f"{venue.url}/sim/faults", timeout=30)
            await asyncio.to_thread(trading.submit_order, a_buy(client_order_id="heard"))
            first = json.loads(await asyncio.wait_for(stream.recv(), DEADLINE_S))
            return [first["data"]["event"], first["data"]["order"]["client_order_id"]]

    assert asyncio.run(talk()) == ["pending_new", "heard"]
    assert struck(venue) == ["mute_stream"]


def test_reordered_updates_arrive_behind_their_successor(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "reorder_updates", count=1)
    with UpdateListener(venue) as listener:
        trading.submit_order(a_buy(client_order_id="ticket-1"))
        eventually(lambda: len(listener.heard) == 3, "three updates")
    assert [event for event, _ in listener.told] == ["new", "pending_new", "fill"]


def test_a_reordered_update_without_a_successor_comes_after_its_delay(
    venue: VenueThread, trading: TradingClient
) -> None:
    inject(venue, "reorder_updates", count=None, delay_ms=50)
    with UpdateListener(venue) as listener:
        trading.submit_order(a_buy(client_order_id="ticket-1"))
        eventually(lambda: len(listener.heard) == 3, "three updates")


def test_updates_are_lost_by_rate(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "drop_updates", count=None, probability=0.3, seed=1)
    with UpdateListener(venue) as listener:
        for number in range(10):
            filled(trading, trading.submit_order(a_buy(qty=1, client_order_id=f"ticket-{number}")))
        requests.delete(f"{venue.url}/sim/faults", timeout=30).raise_for_status()
        filled(trading, trading.submit_order(a_buy(qty=1, client_order_id="last")))
        eventually(lambda: ("fill", "last") in listener.told, "the last fill")
        lost = 33 - len(listener.heard)
    assert lost == struck(venue).count("drop_updates")
    assert 0 < lost < 30


# Fills


def test_a_halted_contract_rests_until_trading_resumes(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "halt", symbol=spy(520))
    halted = trading.submit_order(a_buy(client_order_id="halted"))
    filled(trading, trading.submit_order(a_buy(symbol=spy(530))))
    assert trading.get_order_by_id(halted.id).status is OrderStatus.NEW
    eventually(lambda: struck(venue) == ["halt"], "the halt is in the journal, once")
    requests.delete(f"{venue.url}/sim/faults", timeout=30).raise_for_status()
    filled(trading, halted)


def test_a_halt_of_the_underlying_halts_its_contracts(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "halt", symbol="SPY")
    halted = trading.submit_order(a_buy())
    eventually(lambda: struck(venue) == ["halt"], "the order met the halt")
    assert trading.get_order_by_id(halted.id).filled_qty == "0"


def test_late_fills_come_after_their_delay(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "late_fills", delay_ms=400)
    late = trading.submit_order(a_buy(client_order_id="late"))
    filled(trading, trading.submit_order(a_buy(client_order_id="in time")))
    filled(trading, late)
    rows = {(row["kind"], row["client_order_id"]): wall(row) for row in journal(venue, "new", "fill")}
    assert rows["fill", "late"] - rows["new", "late"] >= timedelta(milliseconds=399)
    assert rows["fill", "in time"] < rows["fill", "late"]


def test_forced_partials_fill_in_parts_that_add_up(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "force_partial", count=2)
    filled(trading, trading.submit_order(a_buy(qty=9)))
    fills = journal(venue, "partial_fill", "fill")
    assert [row["kind"] for row in fills[:1] + fills[-1:]] == ["partial_fill", "fill"]
    assert sum(row["qty"] for row in fills) == 9
    assert 1 <= struck(venue).count("force_partial") <= 2


# Quotes


@pytest.mark.parametrize(("kind", "bid", "ask"), [("crossed_quotes", 2.6, 2.4), ("zero_quotes", 0, 0)])
def test_spoilt_quotes_are_shown_and_nothing_trades_against_them(
    venue: VenueThread, trading: TradingClient, kind: str, bid: float, ask: float
) -> None:
    options = OptionHistoricalDataClient("key", "secret", url_override=venue.url)
    inject(venue, kind, symbol=spy(520))
    resting = trading.submit_order(a_buy(client_order_id="resting"))
    wanted = OptionLatestQuoteRequest(symbol_or_symbols=[spy(520), spy(530)])
    shown = options.get_option_latest_quote(wanted)
    assert (shown[spy(520)].bid_price, shown[spy(520)].ask_price) == (bid, ask)
    assert (shown[spy(530)].bid_price, shown[spy(530)].ask_price) == (2.4, 2.6)
    filled(trading, trading.submit_order(a_buy(symbol=spy(530))))
    assert in_status(trading, resting, OrderStatus.NEW).filled_qty == "0"
    requests.delete(f"{venue.url}/sim/faults", timeout=30).raise_for_status()
    filled(trading, resting)
    assert set(struck(venue)) == {kind}


def test_a_spoilt_stock_quote_spares_no_client(venue: VenueThread) -> None:
    stocks = StockHistoricalDataClient("key", "secret", url_override=venue.url)
    inject(venue, "crossed_quotes", symbol="SPY")
    quote = stocks.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="SPY"))["SPY"]
    assert (quote.bid_price, quote.ask_price) == (520.01, 519.99)


def test_stale_quotes_stand_still_while_time_goes_on(venue: VenueThread) -> None:
    options = OptionHistoricalDataClient("key", "secret", url_override=venue.url)
    set_clock(venue, at=at_eastern("11:00"), speed=0)
    inject(venue, "stale_quotes", symbol=spy(520))
    set_clock(venue, at=at_eastern("11:20"))
    shown = options.get_option_latest_quote(OptionLatestQuoteRequest(symbol_or_symbols=[spy(520), spy(530)]))
    assert [shown[symbol].timestamp for symbol in (spy(520), spy(530))] == [
        at_eastern("11:00"),
        at_eastern("11:20"),
    ]


def test_a_position_can_be_sold_once_the_quotes_are_sound_again(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(latency_ms=(0.0, 0.0))) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        filled(client, client.submit_order(a_buy()))
        inject(venue, "zero_quotes", symbol="SPY")
        selling = client.submit_order(at_market(OrderSide.SELL))
        eventually(lambda: client.get_order_by_id(selling.id).status is OrderStatus.NEW, "the order works")
        requests.delete(f"{venue.url}/sim/faults", timeout=30).raise_for_status()
        filled(client, selling)


# Asking for one


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "halt", "count": 3},
        {"kind": "latency", "delay_ms": 5, "delay_to_ms": 1},
        {"kind": "down", "probability": 0},
        {"kind": "down", "wall_from": "2026-01-01T00:00:00"},
    ],
)
def test_a_fault_that_makes_no_sense_is_a_bad_request(venue: VenueThread, fault: dict[str, Any]) -> None:
    answer = requests.post(f"{venue.url}/sim/faults", json=fault, timeout=30)
    assert answer.status_code == 400, fault
