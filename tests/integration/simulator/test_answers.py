"""What every answer tells of its instant, the control of the clock, and the journal of it all."""

import json
from datetime import date, datetime
from pathlib import Path

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient

from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import KEYS, a_buy, filled, journal, set_clock


def test_every_answer_carries_the_instant_it_was_made_for(venue: VenueThread) -> None:
    set_clock(venue, at=at_eastern("11:00"), speed=0)
    told = {
        path: requests.get(venue.url + path, headers=KEYS, timeout=30).headers["X-Venue-Clock"]
        for path in (
            "/v2/clock",
            "/v2/orders/none",
            "/nowhere",
            "/healthz",
            "/sim/clock",
            "/v2/stocks/snapshots",
        )
    }
    told["unauthorized"] = requests.get(f"{venue.url}/v2/clock", timeout=30).headers["X-Venue-Clock"]
    assert set(told.values()) == {"2026-06-10T15:00:00.000000Z;speed=0"}


def test_market_answers_are_for_the_instant_of_the_header(venue: VenueThread, market: FakeMarket) -> None:
    answer = requests.get(f"{venue.url}/v1beta1/options/snapshots/SPY", headers=KEYS, timeout=30)
    shown_at = datetime.fromisoformat(answer.headers["X-Venue-Clock"].split(";")[0])
    quoted_at = {
        datetime.fromisoformat(row["latestQuote"]["t"]) for row in answer.json()["snapshots"].values()
    }
    assert quoted_at == {shown_at.replace(microsecond=0)}


def test_beyond_the_markets_calendar_the_venue_says_so(venue: VenueThread, trading: TradingClient) -> None:
    venue.desk.clock.set(
        at=at_eastern("12:00", date(2027, 1, 4)), speed=0
    )  # it ran there; nobody may send it there
    with pytest.raises(APIError) as error:
        trading.get_clock()
    assert error.value.status_code == 503
    assert "calendar ends" in error.value.message


def test_the_journal_is_the_order_of_what_happened_without_keys(market: FakeMarket, tmp_path: Path) -> None:
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
    rows = requests.get(f"{venue.url}/sim/journal", params={"after": 2}, timeout=30).json()
    assert [(row["seq"], row["path"]) for row in rows] == [(3, "/v2/account")]
    one = requests.get(f"{venue.url}/sim/journal", params={"after": 1, "limit": 1}, timeout=30).json()
    assert [row["seq"] for row in one] == [2]


def test_the_clock_can_be_set_read_and_refuses_nonsense(venue: VenueThread) -> None:
    set_clock(venue, at=at_eastern("12:00"), speed=0)
    assert requests.get(f"{venue.url}/sim/clock", timeout=30).json() == {
        "at": "2026-06-10T16:00:00.000000Z",
        "speed": 0.0,
    }
    for nonsense in ({"speed": -1}, {"at": "2026-06-10T16:00:00"}, {"when": "now"}, {"at": 5, "speed": "x"}):
        answer = requests.post(f"{venue.url}/sim/clock", json=nonsense, timeout=30)
        assert answer.status_code == 400, nonsense
