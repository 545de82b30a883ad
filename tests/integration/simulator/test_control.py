"""The control API: time that stands, steps and jumps; the journal read in parts; the venue's state."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, OrderStatus

from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    KEYS,
    a_buy,
    a_spread,
    ask,
    at_market,
    bought,
    eventually,
    filled,
    in_status,
    journal,
    set_clock,
)


def post(venue: VenueThread, path: str, **body: Any) -> requests.Response:
    return requests.post(venue.url + path, json=body, timeout=30)


# Time


def test_a_paused_clock_stands_until_it_is_resumed_at_its_speed(venue: VenueThread) -> None:
    set_clock(venue, at=at_eastern("12:00"), speed=5)
    assert post(venue, "/sim/pause").json()["speed"] == 0
    first, second = (requests.get(f"{venue.url}/sim/clock", timeout=30).json() for _ in range(2))
    assert first == second
    assert post(venue, "/sim/pause").json() == first
    assert post(venue, "/sim/resume").json()["speed"] == 5


def test_a_step_moves_a_clock_that_stands_and_what_was_due_happens_before_the_answer(
    venue: VenueThread, trading: TradingClient
) -> None:
    set_clock(venue, at=at_eastern("15:58"), speed=0)
    resting = in_status(trading, trading.submit_order(a_buy(limit_price=1.00)), OrderStatus.NEW)
    assert post(venue, "/sim/step", minutes=1, seconds=30).json()["at"] == "2026-06-10T19:59:30.000000Z"
    assert trading.get_order_by_id(resting.id).status is OrderStatus.NEW
    assert post(venue, "/sim/step", seconds=30).json()["at"] == "2026-06-10T20:00:00.000000Z"
    assert trading.get_order_by_id(resting.id).status is OrderStatus.EXPIRED


def test_a_running_clock_is_not_stepped_and_no_clock_steps_back(venue: VenueThread) -> None:
    assert post(venue, "/sim/step", seconds=1).status_code == 409
    post(venue, "/sim/pause")
    assert post(venue, "/sim/step", seconds=-1).status_code == 400


def test_a_jump_forward_passes_through_every_close_on_the_way(
    venue: VenueThread, trading: TradingClient
) -> None:
    bought(trading, symbol=spy(510), qty=1)
    set_clock(venue, at=at_eastern("12:00") + timedelta(days=5), speed=0)
    eventually(lambda: journal(venue, "activity"), "the contracts settle")
    first, second = journal(venue, "activity")
    assert (first["activity_type"], first["market_at"]) == ("OPEXC", "2026-06-12T20:00:00.000000Z")
    assert (second["symbol"], second["qty"], second["net_usd"]) == ("SPY", 100, "-51000")


def test_a_jump_back_undoes_nothing(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("15:00"), speed=0)
    trading.submit_order(a_buy(client_order_id="ticket-1", limit_price=1.00))
    set_clock(venue, at=at_eastern("10:00"))
    assert trading.get_order_by_client_id("ticket-1").submitted_at == at_eastern("15:00")
    set_clock(venue, at=at_eastern("15:00:01"))
    in_status(trading, trading.get_order_by_client_id("ticket-1"), OrderStatus.NEW)


def test_the_state_of_the_venue_is_one_document(venue: VenueThread, trading: TradingClient) -> None:
    bought(trading)
    post(venue, "/sim/pause")
    told = requests.get(f"{venue.url}/sim/state", timeout=30).json()
    assert (told["market"], told["underlyings"], told["fill_model"], told["trades"]) == (
        "fake",
        ["SPY"],
        "nbbo",
        True,
    )
    assert told["clock"]["speed"] == 0
    assert told["accounts"][0]["positions"] == {spy(520): 2}
    assert told["journal_seq"] == journal(venue)[-1]["seq"]


def test_what_is_due_before_a_step_happens_before_it(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("12:00"), speed=0)
    seen = set()
    for number in range(40):
        before = requests.get(f"{venue.url}/sim/clock", timeout=30).json()["at"]
        order = trading.submit_order(a_buy(qty=1, client_order_id=f"ticket-{number}"))
        post(venue, "/sim/step", seconds=1)
        fill = next(row for row in journal(venue, "fill") if row["client_order_id"] == order.client_order_id)
        seen.add((fill["market_at"] == before, fill["price"]))
    assert seen == {(True, "2.6")}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sim/clock", {"at": "9999-12-31T23:59:59Z"}),
        ("/sim/clock", {"at": "0001-01-01T00:00:00+14:00"}),
        ("/sim/clock", {"speed": 1e300}),
        ("/sim/step", {"seconds": 1e300}),
        ("/sim/step", {"minutes": 500_000}),
        ("/sim/faults", {"kind": "latency", "delay_ms": 1e300}),
        ("/sim/faults", {"kind": "latency", "delay_to_ms": 1e300}),
        ("/sim/faults", {"kind": "clock_skew", "skew_s": 1e300}),
        ("/sim/faults", {"kind": "rate_limit", "retry_after_s": 10**300}),
        ("/sim/faults", {"kind": "down", "count": 10**30}),
        ("/sim/faults", {"kind": "down", "seed": 10**30}),
        ("/sim/accounts", {"key": "k", "equity_usd": "1e400"}),
    ],
)
def test_what_no_venue_can_bear_is_refused(venue: VenueThread, path: str, body: dict[str, Any]) -> None:
    post(venue, "/sim/pause")
    refused = requests.post(venue.url + path, data=json.dumps(body), timeout=30)
    assert refused.status_code == 400
    assert ask(venue, "GET", "/v2/account").status_code == 200
    assert requests.get(f"{venue.url}/healthz", timeout=30).status_code == 200


@pytest.mark.parametrize("after", ["9223372036854775808", "9" * 5000, "-1", "x"])
def test_a_row_number_that_is_none_is_refused(venue: VenueThread, after: str) -> None:
    answer = requests.get(f"{venue.url}/sim/journal", params={"after": after}, timeout=30)
    assert answer.status_code == 400
    last = requests.get(f"{venue.url}/sim/journal", params={"after": 2**63 - 1}, timeout=30)
    assert last.json() == []


@pytest.mark.parametrize("token", ["LTE=", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk=", "eA==", "//8="])
def test_a_page_token_of_no_page_is_refused(venue: VenueThread, token: str) -> None:
    for path in ("/v2/options/contracts", "/v1beta1/options/snapshots/SPY"):
        assert ask(venue, "GET", path, params={"page_token": token}).status_code == 400


# The journal


def test_the_journal_is_read_by_kind_and_by_client_order_id(
    venue: VenueThread, trading: TradingClient
) -> None:
    for name in ("a", "b"):
        bought(trading, client_order_id=name)

    def read(**params: Any) -> list[dict[str, Any]]:
        found = requests.get(f"{venue.url}/sim/journal", params=params, timeout=30).json()
        assert isinstance(found, list)
        return found

    assert [row["client_order_id"] for row in read(kind="fill")] == ["a", "b"]
    assert [row["kind"] for row in read(client_order_id="b", kind="order_accepted,new,fill")] == [
        "order_accepted",
        "new",
        "fill",
    ]
    fills = read(kind="fill", limit=1)
    assert [row["client_order_id"] for row in fills] == ["a"]
    assert [row["client_order_id"] for row in read(kind="fill", limit=1, after=fills[0]["seq"])] == ["b"]


def test_a_request_is_in_file_and_journal_before_its_answer_arrives(
    market: FakeMarket, tmp_path: Path
) -> None:
    file = tmp_path / "journal.jsonl"
    with VenueThread(market, VenueSettings(journal=file)) as venue:
        for number in range(1, 6):
            answer = ask(venue, "GET", "/v2/account")
            rows = [json.loads(line) for line in file.read_text().splitlines()]
            assert rows == journal(venue)
            asked = [row for row in rows if row["kind"] == "request"]
            assert len(asked) == number
            assert asked[-1]["account"] == answer.json()["id"]
            assert asked[-1]["duration_ms"] >= 0


def test_a_journal_file_is_continued_behind_its_last_whole_row(market: FakeMarket, tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    with VenueThread(market, VenueSettings(journal=file)) as venue:
        ask(venue, "GET", "/v2/account")
        whole = journal(venue)
    with file.open("ab") as torn:
        torn.write(b'{"seq":3,"wall_at":"20')
    with VenueThread(market, VenueSettings(journal=file)) as venue:
        rows = journal(venue)
    assert rows[: len(whole)] == whole
    assert [row["seq"] for row in rows] == [1, 2, 3]
    assert [json.loads(line) for line in file.read_text().splitlines()] == rows


def test_the_journal_explains_the_account_to_the_cent(venue: VenueThread, trading: TradingClient) -> None:
    bought(trading, qty=5)
    filled(trading, trading.submit_order(at_market(OrderSide.SELL, qty=2)))
    filled(trading, trading.submit_order(a_spread()))
    set_clock(venue, at=at_eastern("18:00") + timedelta(days=2), speed=0)
    eventually(lambda: journal(venue, "activity"), "the contracts settle")
    rows = journal(venue, "fill", "partial_fill", "activity")
    explained = Decimal(100_000) + sum((Decimal(row["net_usd"]) for row in rows), Decimal(0))
    assert Decimal(ask(venue, "GET", "/v2/account").json()["cash"]) == explained
    spread = next(row for row in rows if row.get("legs"))
    assert [(leg["symbol"], leg["filled_avg_price"]) for leg in spread["legs"]] == [
        (spy(520), "2.6"),
        (spy(530), "2.4"),
    ]


def test_keys_are_needed_for_trading_and_none_for_control(venue: VenueThread) -> None:
    assert requests.get(f"{venue.url}/v2/account", timeout=30).status_code == 401
    assert (
        requests.get(f"{venue.url}/v2/account", headers={"Authorization": "Bearer t"}, timeout=30).status_code
        == 200
    )
    assert requests.get(f"{venue.url}/v2/account", headers=KEYS, timeout=30).status_code == 200
    assert requests.get(f"{venue.url}/sim/state", timeout=30).status_code == 200


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_no_web_page_controls_the_venue(venue: VenueThread, header: dict[str, str]) -> None:
    def speed() -> float:
        return float(requests.get(f"{venue.url}/sim/clock", timeout=30).json()["speed"])

    before = speed()
    refused = requests.post(f"{venue.url}/sim/pause", headers=header, timeout=30)
    assert (refused.status_code, speed()) == (403, before)
    assert requests.get(f"{venue.url}/healthz", headers=header, timeout=30).status_code == 200
