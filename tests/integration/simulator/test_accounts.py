"""Several accounts by key, and beginning one anew."""

import asyncio
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import requests
import websockets
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import QueryOrderStatus
from alpaca.trading.requests import GetOrdersRequest

from kernel.domain.errors import ConfigError
from simulator.server import VenueThread
from simulator.settings import VenueSettings, read_settings
from tests.fakes.market import FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    DEADLINE_S,
    a_buy,
    bought,
    eventually,
    inject,
    journal,
    set_clock,
)
from tests.integration.simulator.updates import UpdateListener


@pytest.fixture
def by_key(market: FakeMarket) -> Iterator[VenueThread]:
    with VenueThread(market, VenueSettings(accounts="by-key", latency_ms=(0.0, 0.0), equity=7000)) as venue:
        yield venue


def client_of(venue: VenueThread, key: str) -> TradingClient:
    client = TradingClient(key, "secret", url_override=venue.url)
    client._retry = 0
    return client


def accounts(venue: VenueThread) -> dict[str | None, dict[str, Any]]:
    return {row["key"]: row for row in requests.get(f"{venue.url}/sim/accounts", timeout=30).json()}


def post(venue: VenueThread, path: str, **body: Any) -> requests.Response:
    return requests.post(venue.url + path, json=body, timeout=30)


def orders_of(client: TradingClient) -> list[str]:
    found = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))
    return [order.client_order_id for order in found]


def test_all_keys_share_one_account_unless_told_otherwise(venue: VenueThread) -> None:
    bought(client_of(venue, "one"), client_order_id="ticket-1")
    assert orders_of(client_of(venue, "other")) == ["ticket-1"]
    assert list(accounts(venue)) == [None]


def test_each_key_has_its_own_orders_positions_cash_and_client_ids(by_key: VenueThread) -> None:
    first, second = client_of(by_key, "first"), client_of(by_key, "second")
    bought(first, client_order_id="ticket-1")
    assert (first.get_account().cash, second.get_account().cash) == ("6480", "7000")
    assert first.get_account().id != second.get_account().id
    assert second.get_all_positions() == []
    with pytest.raises(APIError) as error:
        second.get_order_by_client_id("ticket-1")
    assert error.value.status_code == 404
    bought(second, client_order_id="ticket-1", qty=1)
    assert second.get_open_position(spy(520)).qty == "1"
    assert {key: row["orders"] for key, row in accounts(by_key).items()} == {None: 0, "first": 1, "second": 1}


def test_each_key_hears_of_its_own_orders_on_its_own_stream(by_key: VenueThread) -> None:
    with UpdateListener(by_key, "first") as first, UpdateListener(by_key, "second") as second:
        bought(client_of(by_key, "first"), client_order_id="of-first")
        bought(client_of(by_key, "second"), client_order_id="of-second")
        eventually(lambda: ("fill", "of-first") in first.told, "the first hears of its fill")
        eventually(lambda: ("fill", "of-second") in second.told, "the second of its own")
    assert {client_order_id for _, client_order_id in first.told} == {"of-first"}
    assert {client_order_id for _, client_order_id in second.told} == {"of-second"}


def test_listed_keys_have_their_equity_and_the_rest_share_an_account(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(accounts="small=2000,large=250000", equity=7000)) as venue:
        cash = {key: client_of(venue, key).get_account().cash for key in ("small", "large", "some", "any")}
        assert cash == {"small": "2000", "large": "250000", "some": "7000", "any": "7000"}
        assert client_of(venue, "some").get_account().id == client_of(venue, "any").get_account().id


def test_an_account_is_opened_by_the_control_api_once(venue: VenueThread) -> None:
    assert post(venue, "/sim/accounts", key="new", equity_usd="1234.56").json()["cash_usd"] == "1234.56"
    assert client_of(venue, "new").get_account().cash == "1234.56"
    assert client_of(venue, "key").get_account().cash == "100000"
    assert post(venue, "/sim/accounts", key="new", equity_usd=1).status_code == 409
    assert post(venue, "/sim/accounts", key="", equity_usd=1).status_code == 400


def test_a_reset_begins_one_account_anew_and_leaves_the_others(by_key: VenueThread) -> None:
    first, second = client_of(by_key, "first"), client_of(by_key, "second")
    for client in (first, second):
        bought(client, client_order_id="ticket-1")
    before = first.get_account().id
    assert post(by_key, "/sim/reset", key="first").json()[0]["cash_usd"] == "7000"
    assert (first.get_account().cash, orders_of(first), first.get_all_positions()) == ("7000", [], [])
    assert first.get_account().id != before
    bought(first, client_order_id="ticket-1")
    assert orders_of(second) == ["ticket-1"]
    assert post(by_key, "/sim/reset", key="stranger").status_code == 404


def test_a_reset_without_a_key_begins_every_account_anew(by_key: VenueThread) -> None:
    bought(client_of(by_key, "first"))
    bought(client_of(by_key, "second"))
    assert len(post(by_key, "/sim/reset", equity_usd=500).json()) == 3
    assert {row["cash_usd"] for row in accounts(by_key).values()} == {"500"}
    assert len(journal(by_key, "account_reset")) == 3


def test_a_reset_account_was_created_when_it_was_reset_and_has_no_history_before(
    by_key: VenueThread,
) -> None:
    client = client_of(by_key, "first")
    opened_at = client.get_account().created_at
    set_clock(by_key, at=at_eastern("11:00"), speed=0)
    assert client.get_account().created_at == opened_at
    before = client.get("/account/portfolio/history", {"timeframe": "5Min", "period": "1D"})
    assert len(before["timestamp"]) == 13
    told = post(by_key, "/sim/reset", key="first", equity_usd=500).json()[0]
    account = client.get_account()
    assert account.created_at == at_eastern("11:00") == datetime.fromisoformat(told["opened_at"])
    history = client.get("/account/portfolio/history", {"timeframe": "5Min", "period": "1D"})
    assert history["timestamp"] == [int(at_eastern("11:00").timestamp())]
    assert (history["equity"], history["base_value"]) == ([500], 500)
    daily = client.get("/account/portfolio/history", {"timeframe": "1D", "period": "1M"})
    assert (daily["equity"], daily["profit_loss"]) == ([500], [0])


def test_a_listener_stays_when_its_account_is_reset(venue: VenueThread) -> None:
    with UpdateListener(venue) as listener:
        post(venue, "/sim/reset")
        bought(client_of(venue, "key"), client_order_id="after")
        eventually(lambda: ("fill", "after") in listener.told, "the fill is told")


def test_every_row_of_the_journal_names_its_account(by_key: VenueThread) -> None:
    inject(by_key, "latency", account="first", path="/v2/orders", delay_ms=0)
    bought(client_of(by_key, "first"), client_order_id="of-first")
    bought(client_of(by_key, "second"), client_order_id="of-second")
    ids = {key: row["account"] for key, row in accounts(by_key).items()}
    of_first = requests.get(f"{by_key.url}/sim/journal", params={"account": ids["first"]}, timeout=30).json()
    kinds = {row["kind"] for row in of_first}
    assert kinds >= {"fault_struck", "request", "order_accepted", "new", "fill"}
    told = {row["client_order_id"] for row in of_first if "client_order_id" in row}
    assert told == {"of-first"}
    orderly = [row for row in journal(by_key) if row.get("client_order_id") == "of-second"]
    assert {row["account"] for row in orderly} == {ids["second"]}


@pytest.mark.parametrize("nonsense", ["two", "a=0", "=5", "a=5,b", "a=x", "a=-5"])
def test_accounts_that_make_no_sense_are_a_config_error(nonsense: str) -> None:
    with pytest.raises(ConfigError, match="accounts"):
        read_settings({"accounts": nonsense})


def test_a_second_stream_of_one_key_is_closed_and_of_another_let_in(by_key: VenueThread) -> None:
    async def talk(key: str) -> tuple[str, int | None]:
        """Authenticate; return what came of it, and the code the venue closed with."""
        async with websockets.connect(by_key.stream_url) as stream:
            await stream.send(json.dumps({"action": "auth", "key": key, "secret": "secret"}))
            try:
                told = json.loads(await asyncio.wait_for(stream.recv(), DEADLINE_S))
            except websockets.ConnectionClosed as closed:
                return "closed", closed.rcvd.code if closed.rcvd else None
            return told["data"]["status"], None

    with UpdateListener(by_key, "first"):
        assert asyncio.run(talk("first")) == ("closed", 1013)
        assert asyncio.run(talk("second")) == ("authorized", None)


def test_an_account_whose_tick_fails_stops_alone_and_is_told(
    by_key: VenueThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = client_of(by_key, "first"), client_of(by_key, "second")
    first.get_account()
    broken = by_key.brokerage.holdings["first"].desk.account

    def fail(*_: object, **__: object) -> None:
        msg = "broken"
        raise TypeError(msg)

    monkeypatch.setattr(broken, "advance", fail)
    first.submit_order(a_buy(limit_price=1.00))
    health = f"{by_key.url}/healthz"
    eventually(lambda: requests.get(health, timeout=30).status_code == 503, "the venue is not healthy")
    bought(second)
    assert post(by_key, "/sim/reset", key="first").status_code == 200
    assert requests.get(health, timeout=30).status_code == 200
