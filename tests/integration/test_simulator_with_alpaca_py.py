"""The venue as the real alpaca-py clients see it, over HTTP and websocket on loopback."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import pytest
import requests
import websockets
from alpaca.common.exceptions import APIError
from alpaca.data.historical.option import OptionHistoricalDataClient
from alpaca.data.requests import (
    OptionChainRequest,
)
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    ContractType,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionIntent,
    QueryOrderStatus,
    TimeInForce,
)
from alpaca.trading.models import Order
from alpaca.trading.requests import (
    GetCalendarRequest,
    GetOptionContractsRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
)
from alpaca.trading.stream import TradingStream

from kernel.domain.options import Right
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import NEXT_FRIDAY, THIS_FRIDAY, FakeMarket, at_eastern, spy

DEADLINE_S = 10.0


@pytest.fixture
def market() -> FakeMarket:
    return FakeMarket()


@pytest.fixture
def venue(market: FakeMarket) -> Iterator[VenueThread]:
    with VenueThread(market, VenueSettings(latency_ms=(1.0, 5.0))) as running:
        yield running


@pytest.fixture
def trading(venue: VenueThread) -> TradingClient:
    client = TradingClient("key", "secret", url_override=venue.url)
    client._retry = 0
    return client


@pytest.fixture
def raw_options(venue: VenueThread) -> OptionHistoricalDataClient:
    return OptionHistoricalDataClient("key", "secret", raw_data=True, url_override=venue.url)


def eventually(check: Callable[[], Any], what: str) -> Any:
    """Return the first truthy answer of `check`; fail naming `what` after the deadline."""
    ends_at, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while time.monotonic() < ends_at:
        found = check()
        if found:
            return found
        pause.wait(0.01)
    pytest.fail(f"did not happen in {DEADLINE_S} s: {what}")


def a_buy(**overrides: Any) -> LimitOrderRequest:
    fields = {
        "symbol": spy(520),
        "qty": 2,
        "side": OrderSide.BUY,
        "time_in_force": TimeInForce.DAY,
        "limit_price": 2.60,
    }
    return LimitOrderRequest(**{**fields, **overrides})


def filled(trading: TradingClient, order: Order) -> Order:
    def look() -> Order | None:
        now = trading.get_order_by_id(order.id)
        return now if now.status is OrderStatus.FILLED else None

    return eventually(look, f"{order.id} is filled")


def refusal_of(error: pytest.ExceptionInfo[APIError]) -> tuple[int, dict[str, Any]]:
    return error.value.status_code, json.loads(str(error.value))


def set_clock(venue: VenueThread, **change: Any) -> None:
    if isinstance(change.get("at"), datetime):
        change["at"] = change["at"].isoformat()
    requests.post(f"{venue.url}/sim/clock", json=change, timeout=5).raise_for_status()


def inject(venue: VenueThread, kind: str, **fields: Any) -> None:
    requests.post(f"{venue.url}/sim/faults", json={"kind": kind, **fields}, timeout=5).raise_for_status()


def journal(venue: VenueThread, *kinds: str) -> list[dict[str, Any]]:
    rows = requests.get(f"{venue.url}/sim/journal", timeout=5).json()
    return [row for row in rows if not kinds or row["kind"] in kinds]


# The account, the clock and the calendar


def test_a_fresh_account_shows_what_a_real_paper_account_shows(venue: VenueThread) -> None:
    raw = TradingClient("key", "secret", raw_data=True, url_override=venue.url).get_account()
    assert isinstance(raw, dict)
    told = {
        key: raw[key]
        for key in (
            "status",
            "cash",
            "equity",
            "options_buying_power",
            "buying_power",
            "options_trading_level",
        )
    }
    assert told == {
        "status": "ACTIVE",
        "cash": "100000",
        "equity": "100000",
        "options_buying_power": "100000",
        "buying_power": "400000",
        "options_trading_level": 3,
    }
    assert "daytrade_count" not in raw


def test_the_starting_cash_is_the_setting(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(equity=1000)) as venue:
        account = TradingClient("key", "secret", url_override=venue.url).get_account()
    assert (account.equity, account.options_buying_power, account.multiplier) == ("1000", "1000", "1")


def test_the_clock_tells_market_time_in_new_york(venue: VenueThread, trading: TradingClient) -> None:
    clock = trading.get_clock()
    assert clock.is_open
    assert at_eastern("10:00") <= clock.timestamp < at_eastern("10:05")
    assert clock.timestamp.utcoffset() == timedelta(hours=-4)
    assert clock.next_close == at_eastern("16:00")
    assert clock.next_open == at_eastern("09:30", date(2026, 6, 11))


def test_over_a_weekend_the_next_open_is_monday(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("12:00", date(2026, 6, 13)), speed=0)
    clock = trading.get_clock()
    assert not clock.is_open
    assert clock.next_open == at_eastern("09:30", date(2026, 6, 15))
    assert clock.next_close == at_eastern("16:00", date(2026, 6, 15))


def test_the_calendar_lists_the_sessions_asked_for(trading: TradingClient) -> None:
    sessions = trading.get_calendar(GetCalendarRequest(start=date(2026, 6, 12), end=date(2026, 6, 15)))
    assert [row.date for row in sessions] == [date(2026, 6, 12), date(2026, 6, 15)]
    assert [f"{moment:%H:%M}" for moment in (sessions[0].open, sessions[0].close)] == ["09:30", "16:00"]


def test_without_keys_everything_is_unauthorized(venue: VenueThread) -> None:
    answer = requests.get(f"{venue.url}/v2/account", timeout=5)
    assert (answer.status_code, answer.json()) == (401, {"message": "unauthorized."})


def test_every_answer_carries_the_instant_it_was_made_for(venue: VenueThread) -> None:
    set_clock(venue, at=at_eastern("11:00"), speed=0)
    keys = {"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}
    told = {
        path: requests.get(venue.url + path, headers=keys, timeout=5).headers["X-Venue-Clock"]
        for path in (
            "/v2/clock",
            "/v2/orders/none",
            "/nowhere",
            "/healthz",
            "/sim/clock",
            "/v2/stocks/snapshots",
        )
    }
    told["unauthorized"] = requests.get(f"{venue.url}/v2/clock", timeout=5).headers["X-Venue-Clock"]
    assert set(told.values()) == {"2026-06-10T15:00:00.000000Z;speed=0"}


def test_market_answers_are_for_the_instant_of_the_header(venue: VenueThread, market: FakeMarket) -> None:
    keys = {"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}
    answer = requests.get(f"{venue.url}/v1beta1/options/snapshots/SPY", headers=keys, timeout=5)
    shown_at = datetime.fromisoformat(answer.headers["X-Venue-Clock"].split(";")[0])
    quoted_at = {
        datetime.fromisoformat(row["latestQuote"]["t"]) for row in answer.json()["snapshots"].values()
    }
    assert quoted_at == {shown_at.replace(microsecond=0)}


# What there is to trade


def test_contracts_without_dates_end_at_the_coming_weekend(trading: TradingClient) -> None:
    answer = trading.get_option_contracts(GetOptionContractsRequest(underlying_symbols=["SPY"]))
    assert {row.expiration_date for row in answer.option_contracts} == {THIS_FRIDAY}
    assert answer.next_page_token is None


def test_contracts_come_in_pages_of_the_limit_until_all_are_told(trading: TradingClient) -> None:
    wanted = {"underlying_symbols": ["SPY"], "expiration_date_lte": NEXT_FRIDAY, "limit": 7}
    first = trading.get_option_contracts(GetOptionContractsRequest(**wanted))
    assert first.next_page_token == "Nw=="
    symbols, token = [row.symbol for row in first.option_contracts], first.next_page_token
    while token:
        page = trading.get_option_contracts(GetOptionContractsRequest(**wanted, page_token=token))
        symbols += [row.symbol for row in page.option_contracts]
        token = page.next_page_token
    assert len(symbols) == len(set(symbols)) == 20
    assert symbols == sorted(symbols)


def test_contracts_are_filtered_by_type_and_strike(trading: TradingClient) -> None:
    answer = trading.get_option_contracts(
        GetOptionContractsRequest(
            underlying_symbols=["SPY"],
            expiration_date=NEXT_FRIDAY,
            type=ContractType.PUT,
            strike_price_gte="510",
            strike_price_lte="520",
        )
    )
    assert [row.symbol for row in answer.option_contracts] == [
        spy(510, NEXT_FRIDAY, Right.PUT),
        spy(520, NEXT_FRIDAY, Right.PUT),
    ]


def test_a_contract_tells_open_interest_as_text(venue: VenueThread) -> None:
    client = TradingClient("key", "secret", raw_data=True, url_override=venue.url)
    row = client.get_option_contract(spy(520))
    assert isinstance(row, dict)
    assert (row["open_interest"], row["strike_price"], row["multiplier"]) == ("1234", "520", "100")
    assert (row["close_price"], row["open_interest_date"]) == ("2.45", "2026-06-09")
    assert client.get_option_contract(row["id"]) == row


def test_an_unknown_contract_is_not_found(trading: TradingClient) -> None:
    with pytest.raises(APIError) as error:
        trading.get_option_contract("TSLA231110C00021000")
    assert refusal_of(error) == (
        404,
        {"code": 40410000, "message": "option contract TSLA231110C00021000 not found"},
    )


def test_an_underlying_is_an_asset_with_options(trading: TradingClient) -> None:
    asset = trading.get_asset("SPY")
    assert (asset.symbol, asset.tradable, asset.attributes) == ("SPY", True, ["has_options"])
    with pytest.raises(APIError) as error:
        trading.get_asset("NOPE")
    assert error.value.status_code == 404


# Orders


def test_an_order_is_accepted_filled_and_becomes_a_position_paid_in_cash(trading: TradingClient) -> None:
    sent = trading.submit_order(a_buy(client_order_id="ticket-1"))
    assert (sent.status, sent.qty, sent.position_intent) == (
        OrderStatus.PENDING_NEW,
        "2",
        PositionIntent.BUY_TO_OPEN,
    )
    done = filled(trading, sent)
    assert (done.filled_qty, done.filled_avg_price, done.client_order_id) == ("2", "2.6", "ticket-1")
    position = trading.get_open_position(spy(520))
    assert (position.qty, position.avg_entry_price, position.cost_basis) == ("2", "2.6", "520")
    assert (position.current_price, position.market_value, position.unrealized_pl) == ("2.5", "500", "-20")
    assert [row.symbol for row in trading.get_all_positions()] == [spy(520)]
    account = trading.get_account()
    assert (account.cash, account.options_buying_power) == ("99480", "99480")
    assert (account.equity, account.long_market_value) == ("99980", "500")


def test_a_day_order_says_that_it_expires_at_the_close(trading: TradingClient) -> None:
    sent = trading.submit_order(a_buy(limit_price=1.00))
    assert sent.expires_at == at_eastern("16:00")


def test_what_was_bought_can_be_sold(trading: TradingClient) -> None:
    filled(trading, trading.submit_order(a_buy()))
    sale = trading.submit_order(
        MarketOrderRequest(symbol=spy(520), qty=2, side=OrderSide.SELL, time_in_force=TimeInForce.DAY)
    )
    assert sale.position_intent is PositionIntent.SELL_TO_CLOSE
    assert filled(trading, sale).filled_avg_price == "2.4"
    assert trading.get_all_positions() == []
    assert trading.get_account().cash == "99960"
    with pytest.raises(APIError) as error:
        trading.get_open_position(spy(520))
    assert refusal_of(error) == (404, {"code": 40410000, "message": "position does not exist"})


def test_a_client_order_id_is_refused_for_ever_even_after_a_cancel(trading: TradingClient) -> None:
    sent = trading.submit_order(a_buy(client_order_id="ticket-1", limit_price=1.00))
    trading.cancel_order_by_id(sent.id)
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(client_order_id="ticket-1", limit_price=1.00))
    assert refusal_of(error) == (422, {"code": 40010001, "message": "client_order_id must be unique"})
    assert trading.get_order_by_client_id("ticket-1").id == sent.id


def test_an_order_the_account_cannot_pay_tells_what_was_missing(trading: TradingClient) -> None:
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(qty=1000))
    status, body = refusal_of(error)
    assert (status, body["code"]) == (403, 40310000)
    assert body["message"] == "insufficient options buying power (required: 260000, available: 100000)"
    assert trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL)) == []


def test_open_orders_hold_buying_power_until_they_are_cancelled(trading: TradingClient) -> None:
    sent = trading.submit_order(a_buy(qty=10, limit_price=1.50))
    assert trading.get_account().options_buying_power == "98500"
    assert trading.get_account().cash == "100000"
    trading.cancel_order_by_id(sent.id)
    assert trading.get_account().options_buying_power == "100000"
    assert trading.get_order_by_id(sent.id).status is OrderStatus.CANCELED


def test_a_cancelled_order_cannot_be_cancelled_again(trading: TradingClient) -> None:
    sent = trading.submit_order(a_buy(limit_price=1.00))
    trading.cancel_order_by_id(sent.id)
    with pytest.raises(APIError) as error:
        trading.cancel_order_by_id(sent.id)
    assert error.value.status_code == 422


def test_all_open_orders_are_cancelled_at_once(trading: TradingClient) -> None:
    ids = {trading.submit_order(a_buy(limit_price=1.00)).id for _ in range(3)}
    answers = trading.cancel_orders()
    assert {row.id for row in answers} == ids
    assert {row.status for row in answers} == {200}
    assert trading.get_orders() == []


def test_orders_that_are_not_there_are_not_found(trading: TradingClient) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    for ask in (trading.get_order_by_id, trading.cancel_order_by_id, trading.get_order_by_client_id):
        with pytest.raises(APIError) as error:
            ask(missing)
        assert refusal_of(error) == (404, {"code": 40410000, "message": f"order not found for {missing}"})


def test_a_replacement_is_a_new_order_with_the_new_price(trading: TradingClient) -> None:
    sent = trading.submit_order(a_buy(limit_price=1.00))
    eventually(lambda: trading.get_order_by_id(sent.id).status is OrderStatus.NEW, "the order is working")
    new = trading.replace_order_by_id(sent.id, ReplaceOrderRequest(limit_price=1.10))
    assert (new.replaces, new.limit_price, new.qty) == (sent.id, "1.1", "2")
    old = trading.get_order_by_id(sent.id)
    assert (old.status, old.replaced_by) == (OrderStatus.REPLACED, new.id)
    assert trading.get_account().options_buying_power == "99780"


def test_orders_are_listed_by_status_symbol_and_time(venue: VenueThread, trading: TradingClient) -> None:
    open_one = trading.submit_order(a_buy(limit_price=1.00))
    other = trading.submit_order(a_buy(symbol=spy(530), limit_price=1.00))
    trading.cancel_order_by_id(other.id)

    def ids(**wanted: Any) -> list[Any]:
        return [row.id for row in trading.get_orders(GetOrdersRequest(**wanted, nested=True))]

    assert ids() == [open_one.id]
    assert ids(status=QueryOrderStatus.CLOSED) == [other.id]
    assert ids(status=QueryOrderStatus.ALL) == [other.id, open_one.id]
    assert ids(status=QueryOrderStatus.ALL, direction="asc", limit=1) == [open_one.id]
    assert ids(status=QueryOrderStatus.ALL, symbols=[spy(530), spy(540)]) == [other.id]
    assert ids(status=QueryOrderStatus.ALL, after=open_one.submitted_at) == [other.id]


def test_query_booleans_may_be_capitalised_and_quantities_json_numbers(venue: VenueThread) -> None:
    keys = {"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}
    body = {
        "symbol": spy(520),
        "qty": 1.0,
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": 1.25,
    }
    sent = requests.post(f"{venue.url}/v2/orders", json=body, headers=keys, timeout=5)
    assert (sent.status_code, sent.json()["qty"], sent.json()["limit_price"]) == (200, "1", "1.25")
    for spelling in ("True", "true"):
        path = f"{venue.url}/v2/orders/{sent.json()['id']}?nested={spelling}"
        assert requests.get(path, headers=keys, timeout=5).status_code == 200


def test_a_body_that_is_no_json_is_a_bad_request(venue: VenueThread) -> None:
    keys = {"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}
    for body in (b"{", b"[]", b'{"qty": NaN}'):
        answer = requests.post(f"{venue.url}/v2/orders", data=body, headers=keys, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (400, 40010000)


def test_closed_markets_queue_limits_and_refuse_market_orders(
    venue: VenueThread, trading: TradingClient
) -> None:
    set_clock(venue, at=at_eastern("17:00"), speed=0)
    queued = trading.submit_order(a_buy())
    assert queued.status is OrderStatus.ACCEPTED
    assert queued.expires_at == at_eastern("16:00", date(2026, 6, 11))
    with pytest.raises(APIError) as error:
        trading.submit_order(
            MarketOrderRequest(symbol=spy(520), qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY)
        )
    assert refusal_of(error) == (
        422,
        {"code": 42210000, "message": "options market orders are only allowed during market hours"},
    )
    set_clock(venue, at=at_eastern("09:30", date(2026, 6, 11)))
    assert filled(trading, queued).filled_at == at_eastern("09:30", date(2026, 6, 11))


def test_a_day_order_expires_at_the_close_and_releases_its_money(
    venue: VenueThread, trading: TradingClient
) -> None:
    sent = trading.submit_order(a_buy(limit_price=1.00))
    set_clock(venue, at=at_eastern("16:00"), speed=0)
    eventually(lambda: trading.get_order_by_id(sent.id).status is OrderStatus.EXPIRED, "the order expires")
    assert trading.get_account().options_buying_power == "100000"


def test_a_patient_limit_fills_at_the_mid_only_under_the_mid_model(market: FakeMarket) -> None:
    statuses = {}
    for model in ("nbbo", "mid"):
        with VenueThread(market, VenueSettings(fill_model=model, latency_ms=(0.0, 0.0))) as venue:
            client = TradingClient("key", "secret", url_override=venue.url)
            patient = client.submit_order(a_buy(limit_price=2.50))
            impatient = client.submit_order(a_buy(limit_price=2.60, client_order_id="last"))
            filled(client, impatient)
            now = client.get_order_by_id(patient.id)
            statuses[model] = (now.status.value, now.filled_avg_price)
            assert {row["fill_model"] for row in journal(venue, "fill")} == {model}
    assert statuses == {"nbbo": ("new", None), "mid": ("filled", "2.5")}


# Trade updates


class Listener:
    """A TradingStream in a thread of its own, and what it heard."""

    def __init__(self, venue: VenueThread) -> None:
        self.heard: list[Any] = []
        self._stream = TradingStream("key", "secret", url_override=venue.stream_url)
        self._stream.subscribe_trade_updates(self._hear)
        self._thread = threading.Thread(target=self._stream.run, daemon=True)
        self._venue = venue

    async def _hear(self, update: Any) -> None:
        self.heard.append(update)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually(lambda: self._venue.desk.hub.is_listened_to, "the stream listens")
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.stop()
        self._thread.join(DEADLINE_S)


def test_trade_updates_tell_an_orders_life_with_the_position(
    venue: VenueThread, trading: TradingClient
) -> None:
    with Listener(venue) as listener:
        sent = trading.submit_order(a_buy())
        eventually(lambda: len(listener.heard) == 3, "three updates")
    told = [(update.event, update.order.status.value) for update in listener.heard]
    assert told == [("pending_new", "pending_new"), ("new", "new"), ("fill", "filled")]
    fill = listener.heard[-1]
    assert (fill.order.id, fill.price, fill.qty, fill.position_qty) == (sent.id, 2.6, 2.0, 2.0)
    assert fill.order.filled_avg_price == "2.6"
    assert len({update.execution_id for update in listener.heard}) == 3


def test_a_second_trade_updates_connection_is_refused_until_the_first_is_gone(venue: VenueThread) -> None:
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


def test_listening_before_authentication_is_unauthorized(venue: VenueThread) -> None:
    async def listen() -> list[Any]:
        async with websockets.connect(venue.stream_url) as stream:
            await stream.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
            first = await asyncio.wait_for(stream.recv(), DEADLINE_S)
            await stream.send(
                json.dumps({"action": "authenticate", "data": {"key_id": "k", "secret_key": "s"}})
            )
            second = await asyncio.wait_for(stream.recv(), DEADLINE_S)
            await stream.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates", "x"]}}))
            return [first, second, await asyncio.wait_for(stream.recv(), DEADLINE_S)]

    frames = asyncio.run(listen())
    assert all(isinstance(frame, bytes) for frame in frames)
    assert [json.loads(frame) for frame in frames] == [
        {"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}},
        {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}},
        {"stream": "listening", "data": {"streams": ["trade_updates"]}},
    ]


# Faults


def test_a_venue_that_is_down_answers_503_as_often_as_asked(
    venue: VenueThread, trading: TradingClient
) -> None:
    inject(venue, "down", count=2, path="/v2/account")
    for _ in range(2):
        with pytest.raises(APIError) as error:
            trading.get_account()
        assert error.value.status_code == 503
    assert trading.get_clock().is_open
    assert trading.get_account().cash == "100000"


def test_an_answer_lost_after_acceptance_leaves_the_order_behind(
    venue: VenueThread, trading: TradingClient
) -> None:
    inject(venue, "error_after_accept", path="/v2/orders", method="POST")
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(client_order_id="ticket-1"))
    assert error.value.status_code == 504
    assert trading.get_order_by_client_id("ticket-1").symbol == spy(520)


def test_an_error_before_acceptance_leaves_nothing_behind(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "error_before_accept", path="/v2/orders", method="POST")
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(client_order_id="ticket-1"))
    assert error.value.status_code == 500
    with pytest.raises(APIError) as error:
        trading.get_order_by_client_id("ticket-1")
    assert error.value.status_code == 404


def test_an_answer_held_back_too_long_leaves_the_order_behind(
    venue: VenueThread, trading: TradingClient
) -> None:
    inject(venue, "timeout", path="/v2/orders", method="POST", delay_ms=1500)
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{venue.url}/v2/orders",
            data=a_buy(client_order_id="ticket-1", type=OrderType.LIMIT).model_dump_json(exclude_none=True),
            headers={"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"},
            timeout=0.2,
        )
    assert trading.get_order_by_client_id("ticket-1").symbol == spy(520)


def test_dropped_and_doubled_updates_reach_the_listener_so(
    venue: VenueThread, trading: TradingClient
) -> None:
    inject(venue, "drop_updates", count=2)
    inject(venue, "duplicate_updates", count=1)
    with Listener(venue) as listener:
        trading.submit_order(a_buy())
        eventually(lambda: len(listener.heard) == 2, "the fill, twice")
    assert [update.event for update in listener.heard] == ["fill", "fill"]
    assert listener.heard[0].execution_id == listener.heard[1].execution_id


def test_damaged_chains_are_as_asked(venue: VenueThread, raw_options: OptionHistoricalDataClient) -> None:
    wanted = OptionChainRequest(underlying_symbol="SPY")
    for kind in ("empty_chain", "chain_without_greeks", "quote_nan"):
        inject(venue, kind)
    assert raw_options.get_option_chain(wanted) == {}
    assert not any("greeks" in row for row in raw_options.get_option_chain(wanted).values())
    bids = [row["latestQuote"]["bp"] for row in raw_options.get_option_chain(wanted).values()]
    assert {str(bid) for bid in bids} == {"nan", "None"}
    assert raw_options.get_option_chain(wanted)[spy(520)]["greeks"]["delta"] == 0.5


def test_faults_are_listed_and_cleared(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "down", count=None)
    waiting = requests.get(f"{venue.url}/sim/faults", timeout=5).json()
    assert [(fault["kind"], fault["count"]) for fault in waiting] == [("down", None)]
    requests.delete(f"{venue.url}/sim/faults", timeout=5).raise_for_status()
    assert trading.get_clock().is_open


def test_an_unknown_fault_is_a_bad_request(venue: VenueThread) -> None:
    answer = requests.post(f"{venue.url}/sim/faults", json={"kind": "earthquake"}, timeout=5)
    assert answer.status_code == 400


# The journal


def test_the_journal_is_the_order_of_what_happened_without_keys(market: FakeMarket, tmp_path: Any) -> None:
    file = tmp_path / "journal.jsonl"
    with VenueThread(market, VenueSettings(journal=file, latency_ms=(0.0, 0.0))) as venue:
        client = TradingClient("the-key", "the-secret", url_override=venue.url)
        filled(client, client.submit_order(a_buy(client_order_id="ticket-1")))
        with pytest.raises(APIError):
            client.submit_order(a_buy(client_order_id="ticket-1"))
        rows = journal(venue)
    assert [json.loads(line) for line in file.read_text().splitlines()] == rows
    assert "the-key" not in file.read_text()
    assert "the-secret" not in file.read_text()
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0]["kind"] == "venue_started"
    events = [row["kind"] for row in rows if row["kind"] not in {"request", "venue_started"}]
    assert events == ["order_accepted", "new", "fill", "order_rejected"]
    accepted = next(row for row in rows if row["kind"] == "order_accepted")
    told = {key: accepted[key] for key in ("client_order_id", "symbol", "qty", "price", "fill_model")}
    assert told == {
        "client_order_id": "ticket-1",
        "symbol": spy(520),
        "qty": 2,
        "price": "2.6",
        "fill_model": "nbbo",
    }
    assert datetime.fromisoformat(accepted["wall_at"]).tzinfo is not None
    posts = [row for row in rows if row.get("method") == "POST"]
    assert [(row["path"], row["status"], row["client_order_id"]) for row in posts] == [
        ("/v2/orders", 200, "ticket-1"),
        ("/v2/orders", 422, "ticket-1"),
    ]


def test_the_journal_is_read_from_where_one_left_off(venue: VenueThread, trading: TradingClient) -> None:
    trading.get_clock()
    trading.get_account()
    rows = requests.get(f"{venue.url}/sim/journal", params={"after": 2}, timeout=5).json()
    assert [(row["seq"], row["path"]) for row in rows] == [(3, "/v2/account")]
    one = requests.get(f"{venue.url}/sim/journal", params={"after": 1, "limit": 1}, timeout=5).json()
    assert [row["seq"] for row in one] == [2]


def test_the_clock_can_be_set_read_and_refuses_nonsense(venue: VenueThread) -> None:
    set_clock(venue, at=at_eastern("12:00"), speed=0)
    assert requests.get(f"{venue.url}/sim/clock", timeout=5).json() == {
        "at": "2026-06-10T16:00:00.000000Z",
        "speed": 0.0,
    }
    for nonsense in ({"speed": -1}, {"at": "2026-06-10T16:00:00"}, {"when": "now"}, {"at": 5, "speed": "x"}):
        answer = requests.post(f"{venue.url}/sim/clock", json=nonsense, timeout=5)
        assert answer.status_code == 400, nonsense


def test_beyond_the_markets_calendar_the_venue_says_so(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("12:00", date(2027, 1, 4)), speed=0)
    with pytest.raises(APIError) as error:
        trading.get_clock()
    assert error.value.status_code == 503
    assert "calendar ends" in error.value.message


def test_partial_fills_add_up_to_the_order(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(partial_fills=100, latency_ms=(0.0, 0.0))) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        done = filled(client, client.submit_order(a_buy(qty=9)))
        fills = journal(venue, "fill", "partial_fill")
    assert len(fills) > 1
    assert sum(row["qty"] for row in fills) == 9
    assert [row["kind"] for row in fills[:-1]] == ["partial_fill"] * (len(fills) - 1)
    assert Decimal(str(done.filled_avg_price)) == Decimal("2.6")
