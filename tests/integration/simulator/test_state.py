"""What the venue remembers of its accounts after it was stopped, or killed."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide, OrderStatus
from alpaca.trading.requests import ReplaceOrderRequest

from kernel.domain.errors import ConfigError
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    DEADLINE_S,
    KEYS,
    a_buy,
    a_spread,
    ask,
    at_market,
    bought,
    eventually,
    filled,
    in_status,
    inject,
    journal,
    refusal_of,
    set_clock,
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "venue" / "state.sqlite"


def venue_with(state: Path, **settings: Any) -> VenueThread:
    return VenueThread(
        FakeMarket(),
        VenueSettings(**{"state": state, "latency_ms": (0.0, 0.0), "partial_fills": 0, **settings}),
    )


def client_of(venue: VenueThread, key: str = "key") -> TradingClient:
    client = TradingClient(key, "secret", raw_data=False, url_override=venue.url)
    client._retry = 0
    return client


#: What a client can see of an account; the clock of the second venue stands where the first stood.
SEEN = (
    "/v2/account",
    "/v2/account/configurations",
    "/v2/orders?status=all&nested=true",
    "/v2/positions",
    "/v2/account/activities",
    "/v2/account/portfolio/history?timeframe=5Min",
)


def seen(venue: VenueThread) -> dict[str, Any]:
    return {path: ask(venue, "GET", path).json() for path in SEEN}


def test_an_account_is_after_a_restart_what_it_was(state: Path) -> None:
    with venue_with(state) as venue:
        trading = client_of(venue)
        bought(trading, qty=3)
        filled(trading, trading.submit_order(at_market(OrderSide.SELL)))
        filled(trading, trading.submit_order(a_spread()))
        trading.submit_order(a_buy(limit_price=1.00, client_order_id="resting"))
        requests.patch(
            f"{venue.url}/v2/account/configurations", json={"no_shorting": True}, headers=KEYS, timeout=30
        ).raise_for_status()
        set_clock(venue, at=at_eastern("10:00", date(2026, 6, 11)), speed=0)
        eventually(
            lambda: trading.get_order_by_client_id("resting").status is OrderStatus.EXPIRED, "a day passes"
        )
        trading.submit_order(a_buy(limit_price=1.00, client_order_id="open", qty=4))
        in_status(trading, trading.get_order_by_client_id("open"), OrderStatus.NEW)
        before = seen(venue)
    with venue_with(state) as venue:
        assert seen(venue) == before
        trading = client_of(venue)
        with pytest.raises(APIError) as error:
            trading.submit_order(a_buy(client_order_id="resting"))
        assert refusal_of(error)[1]["message"] == "client_order_id must be unique"
        trading.cancel_order_by_id(trading.get_order_by_client_id("open").id)
        assert trading.get_account().options_buying_power != before["/v2/account"]["options_buying_power"]


def test_contracts_expire_after_a_restart_as_they_would_have(state: Path) -> None:
    def cash_after(restart: bool) -> list[str]:
        path = state.with_name(f"{restart}.sqlite")
        venue = venue_with(path)
        with venue:
            bought(client_of(venue), symbol=spy(510))
            if not restart:
                return cash_at_expiry(venue)
        with venue_with(path) as venue:
            return cash_at_expiry(venue)

    assert cash_after(restart=True) == cash_after(restart=False)


def cash_at_expiry(venue: VenueThread) -> list[str]:
    set_clock(venue, at=at_eastern("18:00", date(2026, 6, 12)), speed=0)
    eventually(lambda: journal(venue, "activity"), "the contracts settle")
    return [
        ask(venue, "GET", "/v2/account").json()["cash"],
        *(row["symbol"] for row in journal(venue, "activity")),
    ]


def test_market_time_goes_on_from_where_it_stood_and_faults_are_forgotten(state: Path) -> None:
    with venue_with(state) as venue:
        set_clock(venue, at=at_eastern("13:37"), speed=0)
        inject(venue, "down", count=None, path="/v2")
    with venue_with(state) as venue:
        clock = requests.get(f"{venue.url}/sim/clock", timeout=30).json()
        assert clock == {"at": "2026-06-10T17:37:00.000000Z", "speed": 0.0}
        assert client_of(venue).get_clock().timestamp == at_eastern("13:37")
    with venue_with(state, speed=2.0, start=at_eastern("09:30")) as venue:
        clock = requests.get(f"{venue.url}/sim/clock", timeout=30).json()
        assert (clock["at"] >= "2026-06-10T17:37:00", clock["speed"]) == (True, 2.0)


def test_the_journals_numbers_go_on_with_and_without_a_file(state: Path, tmp_path: Path) -> None:
    for file in (None, tmp_path / "journal.jsonl"):
        path = state.with_name(f"{file is None}.sqlite")
        with venue_with(path, journal=file) as venue:
            bought(client_of(venue))
            last = journal(venue)[-1]["seq"]
        with venue_with(path, journal=file) as venue:
            rows = journal(venue)
        began = next(row["seq"] for row in rows if row["kind"] == "venue_started" and row["seq"] > 1)
        assert began > last
        assert [row["seq"] for row in rows] == list(range(rows[0]["seq"], rows[-1]["seq"] + 1))
        assert rows[0]["seq"] == (began if file is None else 1)


def test_a_state_file_belongs_to_one_market_and_one_venue_at_a_time(state: Path, tmp_path: Path) -> None:
    with venue_with(state), pytest.raises(ConfigError, match="another venue"):
        venue_with(state)
    with pytest.raises(ConfigError, match="delete it or name another"):
        venue_with(state, seed=5)
    other = tmp_path / "text"
    other.write_text("this is no database, and long enough to be seen as none" * 20)
    with pytest.raises(ConfigError, match="is it a state file"):
        venue_with(other)


def test_resetting_is_remembered_too(state: Path) -> None:
    with venue_with(state) as venue:
        bought(client_of(venue), client_order_id="ticket-1")
        answer = requests.post(f"{venue.url}/sim/reset", json={"equity_usd": "5000"}, timeout=30)
        assert answer.status_code == 200
        account_id = ask(venue, "GET", "/v2/account").json()["id"]
    with venue_with(state) as venue:
        account = ask(venue, "GET", "/v2/account").json()
        assert (account["id"], account["cash"], ask(venue, "GET", "/v2/positions").json()) == (
            account_id,
            "5000",
            [],
        )
        bought(client_of(venue), client_order_id="ticket-1")


def test_what_is_on_its_way_arrives_after_a_restart(state: Path) -> None:
    latency = {"latency_ms": (60_000.0, 60_000.0)}
    with venue_with(state, **latency) as venue:
        trading = client_of(venue)
        sent = [trading.submit_order(a_buy(limit_price=1.00)) for _ in range(2)]
        set_clock(venue, at=at_eastern("10:30"))
        for order in sent:
            in_status(trading, order, OrderStatus.NEW)
        trading.cancel_order_by_id(sent[0].id)
        new = trading.replace_order_by_id(sent[1].id, ReplaceOrderRequest(limit_price=1.10, qty=3))
        before = seen(venue)
    with venue_with(state, speed=0, **latency) as venue:
        trading = client_of(venue)
        assert seen(venue)["/v2/orders?status=all&nested=true"] == before["/v2/orders?status=all&nested=true"]
        assert trading.get_account().options_buying_power == "99470"
        set_clock(venue, at=at_eastern("10:40"), speed=0)
        in_status(trading, sent[0], OrderStatus.CANCELED)
        in_status(trading, sent[1], OrderStatus.REPLACED)
        in_status(trading, new, OrderStatus.NEW)
        assert trading.get_account().options_buying_power == "99670"


# Between the state and the journal


def test_a_fill_that_was_kept_and_not_journalled_is_told_after_the_restart(
    state: Path, tmp_path: Path
) -> None:
    file = tmp_path / "journal.jsonl"
    with venue_with(state, journal=file) as venue:
        trading = client_of(venue)
        bought(trading, qty=3)
        filled(trading, trading.submit_order(at_market(OrderSide.SELL)))
        filled(trading, trading.submit_order(a_spread()))
        cash = ask(venue, "GET", "/v2/account").json()["cash"]
        # As it is on disk when the venue is killed before the last fill's row, and those behind it, were written.
        on_disk = copies(state, tmp_path / "killed")
    rows = file.read_bytes().splitlines(keepends=True)
    fills = [n for n, row in enumerate(rows) if json.loads(row)["kind"] == "fill"]
    file.write_bytes(b"".join(rows[: fills[-1]]))
    with venue_with(on_disk, journal=file) as venue:
        found = journal(venue, "fill")
        assert ask(venue, "GET", "/v2/account").json()["cash"] == cash
        assert [row.get("restored", False) for row in found] == [False, False, True]
        lost = json.loads(rows[fills[-1]])
        told = {name: found[-1][name] for name in ("order_id", "qty", "price", "net_usd", "market_at")}
        assert told == {name: lost[name] for name in told}
        assert Decimal(cash) == 100_000 + sum(Decimal(row["net_usd"]) for row in found)
    with venue_with(on_disk, journal=file) as venue:
        assert len(journal(venue, "fill")) == 3


def test_an_orderly_restart_restores_no_row(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    with venue_with(state, journal=file) as venue:
        bought(client_of(venue))
    with venue_with(state, journal=file) as venue:
        assert [row.get("restored") for row in journal(venue, "fill")] == [None]


def copies(state: Path, folder: Path) -> Path:
    """Copy a state file as a kill would leave it, its write-ahead log included."""
    folder.mkdir()
    for part in state.parent.iterdir():
        shutil.copy(part, folder / part.name)
    return folder / state.name


def test_row_numbers_never_go_back_without_a_journal_file(state: Path, tmp_path: Path) -> None:
    with venue_with(state) as venue:
        for _ in range(5):
            ask(venue, "GET", "/v2/clock")
        on_disk = copies(state, tmp_path / "killed")
        for _ in range(5):
            ask(venue, "GET", "/v2/clock")
        told = journal(venue)[-1]["seq"]
    with venue_with(on_disk) as venue:
        assert journal(venue)[0]["seq"] > told


def test_a_bearers_token_is_on_no_disk(state: Path, tmp_path: Path) -> None:
    file, token = tmp_path / "journal.jsonl", "s3cr3t-t0ken"
    with venue_with(state, journal=file, accounts="by-key") as venue:
        bearer = {"Authorization": f"Bearer {token}"}
        requests.get(f"{venue.url}/v2/account", headers=bearer, timeout=30).raise_for_status()
        inject(venue, "down", account="AKEYID", count=None)
    for kept in (file, *state.parent.iterdir()):
        assert token.encode() not in kept.read_bytes()
    assert b"AKEYID" not in file.read_bytes()


# A killed process


class Process:
    """A venue in a process of its own, on a synthetic market whose clock stands."""

    def __init__(self, folder: Path) -> None:
        ready = folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "simulator", "--symbol", "SPY", "--seed", "3", "--latency-ms", "0"]
        files = ["--state", str(folder / "state.sqlite"), "--journal", str(folder / "journal.jsonl")]
        self._process = subprocess.Popen(
            [*command, *files, "--ready-file", str(ready)], env={**os.environ, "SIMULATOR_SPEED": "1"}
        )
        eventually(ready.exists, "the venue listens")
        self.url = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(DEADLINE_S)

    def get(self, path: str) -> Any:
        answer = requests.get(self.url + path, headers=KEYS, timeout=DEADLINE_S)
        answer.raise_for_status()
        return answer.json()


def send_until_it_is_gone(process: Process, symbols: list[str], name: str, accepted: dict[str, str]) -> None:
    """Send market buys and sells, keeping the ids of those that were answered."""
    with requests.Session() as session:
        for number in itertools.count():
            client_order_id = f"{name}-{number}"
            order = {
                "symbol": symbols[number % len(symbols)], "qty": 1, "type": "market", "time_in_force": "day",
                "side": "sell" if number % 3 == 2 else "buy", "client_order_id": client_order_id,
            }  # fmt: skip
            try:
                answer = session.post(
                    f"{process.url}/v2/orders", json=order, headers=KEYS, timeout=DEADLINE_S
                )
                order_id = answer.json()["id"] if answer.status_code == 200 else None
            except requests.RequestException:  # no connection, a reset one, or half an answer
                return
            if order_id is not None:
                accepted[client_order_id] = order_id


def test_a_venue_killed_in_the_middle_of_orders_has_lost_none_it_accepted(tmp_path: Path) -> None:
    accepted: dict[str, str] = {}
    process = Process(tmp_path)
    for life in range(2):
        contracts = process.get("/v2/options/contracts?underlying_symbols=SPY&limit=10000")[
            "option_contracts"
        ]
        symbols = [row["symbol"] for row in contracts[:4]]
        before = len(accepted)
        senders = [
            threading.Thread(target=send_until_it_is_gone, args=(process, symbols, f"{life}-{n}", accepted))
            for n in range(2)
        ]
        for sender in senders:
            sender.start()
        eventually(lambda count=before + 60: len(accepted) >= count, "sixty orders are accepted")
        process.kill()
        for sender in senders:
            sender.join(DEADLINE_S)
        process = Process(tmp_path)
        try:
            check_nothing_is_lost(process, accepted)
        except BaseException:
            process.kill()
            raise
    process.kill()


def check_nothing_is_lost(process: Process, accepted: dict[str, str]) -> None:
    for client_order_id, order_id in accepted.items():
        found = process.get(f"/v2/orders:by_client_order_id?client_order_id={client_order_id}")
        assert found["id"] == order_id
    rows = process.get("/sim/journal?limit=200000")
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert {row["client_order_id"] for row in rows if row["kind"] == "order_accepted"} >= set(accepted)
    fills = process.get("/v2/account/activities?activity_types=FILL&page_size=100")
    assert fills
    spent = sum((net_usd(row) for row in every_fill(process)), Decimal(0))
    assert Decimal(process.get("/v2/account")["cash"]) == Decimal(100_000) + spent


def every_fill(process: Process) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        token = f"&page_token={rows[-1]['id']}" if rows else ""
        page = process.get(f"/v2/account/activities?activity_types=FILL&page_size=100{token}")
        if not page:
            return rows
        rows += page


def net_usd(fill: dict[str, Any]) -> Decimal:
    amount = Decimal(fill["price"]) * Decimal(fill["qty"]) * 100
    return amount if fill["side"] == "sell" else -amount
