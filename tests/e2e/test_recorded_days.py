"""Recorded days from the open to the close at 600×, the pipeline attached; the journal explains the account to the cent.

The venue's clock stands at the open until all runs, then ten market minutes pass in a second. What the strategy counts
in market time (a quote's age, a signal's and a ticket's life) is widened to a session: an order rests until it fills or
the close ends it.
"""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import cycle, product
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from dispatch.connection import Connection, connection_from
from dispatch.demo.plan import PlannedSignal
from dispatch.demo.run import DemoRun
from dispatch.demo.summary import all_accounted_for
from dispatch.stack.options import StackOptions
from dispatch.stack.stack import LocalStack
from dispatch.venue import SimulatedVenue
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.options import Direction, Strategy
from kernel.runtime.settings import PROJECT_ROOT
from tests.fakes.params import widened_params_file
from tests.oracle.journal_account import JournalAccount, account_of, expires_on, intrinsic, multiplier
from tests.oracle.lean_oracle import recorded_quote, recorded_spot

DATA = PROJECT_ROOT.parent / "shared" / "data" / "lean"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not DATA.is_dir(), reason="recorded markets are not here: ../shared/data/lean"),
]
SPEED = 600
EQUITY_USD = 1_000_000
_SESSION_S = 23_400
_SIGNAL_EVERY = timedelta(minutes=5)
_DEADLINE_S = 90.0
_CENT = Decimal("0.01")
_ENDED = {"FILLED", "CANCELED", "REJECTED", "EXPIRED"}
_LEDGER = """SELECT DISTINCT ON (client_order_id) client_order_id, venue_order_id, occ_symbol, action, status, contracts,
filled_contracts, price, notional FROM dispatch_executions ORDER BY client_order_id, sequence DESC"""


@dataclass(frozen=True)
class Day:
    """A recorded session, Eastern times, and how it is traded."""

    symbol: str
    opens: datetime
    closes: datetime
    fill_model: str
    #: Nobody trades much on a half day before Christmas.
    day_volume_min: int = 200

    def plan(self) -> list[PlannedSignal]:
        """Return signals up to the last hour, both ways and both strategies in turn.

        An hour is six seconds: what a busy machine may be late by, without a signal after the close.
        """
        count = (self.closes - self.opens - timedelta(hours=1)) // _SIGNAL_EVERY
        styles = cycle(product(Direction, (Strategy.DAY_TRADE, Strategy.SWING)))
        return [
            PlannedSignal(number, self.symbol, direction, strategy, None)
            for number, (direction, strategy) in zip(range(1, count + 1), styles, strict=False)
        ]


AAPL = Day(
    "AAPL",
    datetime(2014, 6, 6, 9, 30, tzinfo=MARKET_ZONE),
    datetime(2014, 6, 6, 16, 0, tzinfo=MARKET_ZONE),
    "nbbo",
)
GOOG = Day(
    "GOOG",
    datetime(2015, 12, 24, 9, 30, tzinfo=MARKET_ZONE),
    datetime(2015, 12, 24, 13, 0, tzinfo=MARKET_ZONE),
    "honest",
    day_volume_min=20,
)
DAYS = [pytest.param(AAPL, id="AAPL-2014-06-06"), pytest.param(GOOG, id="GOOG-2015-12-24")]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What is there when a day is over."""

    day: Day
    summary: dict[str, Any]
    journal: list[dict[str, Any]]
    account: dict[str, Any]
    positions: list[dict[str, Any]]
    fills: list[dict[str, Any]]
    ledger: dict[str, dict[str, Any]]

    @property
    def told(self) -> JournalAccount:
        """The account as the journal tells it."""
        return account_of(self.journal)

    @property
    def fills_told(self) -> list[dict[str, Any]]:
        """The journal's rows that say something traded."""
        return [row for row in self.journal if row["kind"] in {"fill", "partial_fill"}]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Day], Ended]:
    """Live through a day, once for all tests."""
    lived: dict[Day, Ended] = {}

    def after(day: Day) -> Ended:
        if day not in lived:
            lived[day] = _live_through(day, tmp_path_factory.mktemp(day.symbol))
        return lived[day]

    return after


@pytest.mark.parametrize("day", DAYS)
def test_the_day_runs_from_open_to_close_and_every_signal_is_accounted_for(
    ended: Callable[[Day], Ended], day: Day
) -> None:
    after = ended(day)
    assert all_accounted_for(after.summary), {k: v for k, v in after.summary.items() if k != "executions"}
    (began, speed), (paused, stood) = [
        (datetime.fromisoformat(row["market_at"]), row["speed"])
        for row in after.journal
        if row["kind"] == "clock_set"
    ]
    assert (began, speed, stood) == (day.opens, SPEED, 0)
    assert paused > day.closes


@pytest.mark.parametrize("day", DAYS)
def test_the_journal_explains_the_account_to_the_cent(ended: Callable[[Day], Ended], day: Day) -> None:
    after, told = ended(day), ended(day).told
    assert Decimal(after.account["cash"]) == told.cash
    assert {row["symbol"]: int(row["qty"]) for row in after.positions} == told.positions
    assert Decimal(after.account["options_buying_power"]) == told.buying_power == told.cash
    values = {symbol: qty * _closing_price(day, symbol) for symbol, qty in told.positions.items()}
    assert {row["symbol"]: Decimal(row["market_value"]) for row in after.positions} == values
    assert Decimal(after.account["long_market_value"]) == sum(values.values())
    assert Decimal(after.account["equity"]) == told.cash + sum(values.values())


@pytest.mark.parametrize("day", DAYS)
def test_the_ledger_agrees_with_the_journal_order_by_order(ended: Callable[[Day], Ended], day: Day) -> None:
    after, sent = ended(day), ended(day).told.sent
    told = {
        order.client_order_id: (
            order.order_id,
            order.symbol,
            (order.ended or "").upper(),
            order.qty,
            order.filled,
            round(order.paid / order.filled, 6) if order.filled else order.limit,
            order.paid * multiplier(order.symbol),
        )
        for order in sent.values()
    }
    columns = ("venue_order_id", "occ_symbol", "status", "contracts", "filled_contracts", "price", "notional")
    stopped = {name for name, row in after.ledger.items() if row["venue_order_id"] is None}
    assert {
        name: tuple(row[each] for each in columns)
        for name, row in after.ledger.items()
        if name not in stopped
    } == told
    # A gate said no at the moment of sending: the quote of that minute is another than the selector's.
    assert {(after.ledger[name]["status"], after.ledger[name]["filled_contracts"]) for name in stopped} <= {
        ("REJECTED", 0)
    }
    assert len(stopped) < len(told)


@pytest.mark.parametrize("day", DAYS)
def test_every_fill_is_at_a_recorded_price(ended: Callable[[Day], Ended], day: Day) -> None:
    after, sent = ended(day), ended(day).told.sent
    for row in after.fills_told:
        price, at = Decimal(row["price"]), datetime.fromisoformat(row["market_at"])
        if row["client_order_id"] not in sent:
            assert at == day.closes
            assert price == intrinsic(row["symbol"], recorded_spot(DATA, day.symbol, at)), row
            continue
        quote = recorded_quote(DATA, day.symbol, row["symbol"], at)
        assert quote is not None, row
        assert (quote.bid or 0) <= price <= (quote.ask or 0), row
        assert day.fill_model != "nbbo" or price == quote.ask, row
    told = {
        (row["order_id"], row["symbol"], row["side"], row["qty"], row["price"]) for row in after.fills_told
    }
    assert told == {
        (row["order_id"], row["symbol"], row["side"], int(row["qty"]), row["price"]) for row in after.fills
    }


@pytest.mark.parametrize("day", DAYS)
def test_contracts_that_end_that_day_are_gone_by_the_recorded_close(
    ended: Callable[[Day], Ended], day: Day
) -> None:
    after = ended(day)
    assert not [symbol for symbol in after.told.positions if expires_on(symbol, day.opens.date())]
    spot = recorded_spot(DATA, day.symbol, day.closes)
    for row in after.journal:
        if row["kind"] == "activity" and row["activity_type"] in {"OPEXP", "OPEXC"}:
            assert expires_on(row["symbol"], day.opens.date())
            assert (intrinsic(row["symbol"], spot) >= _CENT) == (row["activity_type"] == "OPEXC"), row


def test_orders_fill_in_part_and_whole_and_end_at_the_close_over_all_days(
    ended: Callable[[Day], Ended],
) -> None:
    told = [(day, ended(day).told) for day in (AAPL, GOOG)]
    for _day, account in told:
        assert sum(order.filled > 0 for order in account.sent.values()) >= 5
    expired = [
        (day, order) for day, account in told for order in account.sent.values() if order.ended == "expired"
    ]
    assert expired
    for day, order in expired:
        assert datetime.fromisoformat(order.ended_at or "") == day.closes
    assert any(row["kind"] == "activity" for day in (AAPL, GOOG) for row in ended(day).journal)


def _closing_price(day: Day, symbol: str) -> Decimal:
    """Return what one contract or share is worth by the day's last recorded quote: the mid, or the one side quoted."""
    quote = recorded_quote(DATA, day.symbol, symbol, day.closes)
    assert quote, symbol
    sides = [side for side in (quote.bid, quote.ask) if side]
    return sum(sides, Decimal(0)) / len(sides) * multiplier(symbol)


def _live_through(day: Day, folder: Path) -> Ended:
    options = StackOptions(
        run_folder=folder / "run",
        scanner=False,
        params_file=_params_file(day, folder),
        market=f"lean:{DATA}",
        symbol=day.symbol,
        date=day.opens.date(),
        start=day.opens,
        speed=0,
        equity=EQUITY_USD,
        fill_model=day.fill_model,
    )
    with LocalStack(options, given={}) as stack:
        connection = connection_from({**os.environ, **stack.environment})
        outcome = asyncio.run(_trade(connection, day))
        assert [part.restarts for part in stack.parts] == [0] * len(stack.parts)
    return outcome


def _params_file(day: Day, folder: Path) -> Path:
    document = json.loads(widened_params_file(folder).read_text())
    document["executor"]["gates"]["quote_age_s_max"] = _SESSION_S
    document["selector"] |= {"quote_age_s_max": _SESSION_S, "day_volume_min": day.day_volume_min}
    document["sizer"]["ticket_ttl_s"] = _SESSION_S
    # At this speed a step of ten seconds is over before its answer.
    document["executor"]["walk_step_s"] = _SESSION_S
    document["signals"]["expiry_s"] = dict.fromkeys(document["signals"]["expiry_s"], _SESSION_S)
    path = folder / "params.json"
    path.write_text(json.dumps(document))
    return path


async def _trade(connection: Connection, day: Day) -> Ended:
    """Let the day pass, send signals all through it, and read everything once all is settled after the close."""
    run = DemoRun(
        connection=connection,
        plan=day.plan(),
        pace_s=_SIGNAL_EVERY.total_seconds() / SPEED,
        settle_s=_DEADLINE_S,
        show=lambda _story: None,
        run_id="recorded",
    )
    keys = {"APCA-API-KEY-ID": "demo", "APCA-API-SECRET-KEY": "demo"}
    venue = SimulatedVenue(connection.venue_url)
    async with venue, httpx.AsyncClient(base_url=connection.venue_url, headers=keys, timeout=30) as http:
        await venue.jump(day.opens, speed=SPEED)
        summary = await run.execute()
        await _pass(venue, day.closes + timedelta(minutes=5))
        (await http.post("/sim/pause")).raise_for_status()
        ledger = await _settled_ledger(connection)
        return Ended(
            day=day,
            summary=summary,
            journal=await venue.journal(),
            account=await _get(http, "/v2/account"),
            positions=await _get(http, "/v2/positions"),
            fills=await _fills(http),
            ledger=ledger,
        )


async def _pass(venue: SimulatedVenue, at: datetime) -> None:
    """Wait until the venue's clock is past an instant."""
    async with asyncio.timeout(_DEADLINE_S):
        while True:
            if await venue.now() > at:
                return
            await asyncio.sleep(0.1)


async def _settled_ledger(connection: Connection) -> dict[str, dict[str, Any]]:
    """Return the last row of each order by its client order id, once every order has ended."""
    async with asyncio.timeout(_DEADLINE_S):
        while True:
            rows = await asyncio.to_thread(_ledger, connection.database_url)
            if rows and all(row["status"] in _ENDED for row in rows.values()):
                return rows
            await asyncio.sleep(0.2)


def _ledger(url: str) -> dict[str, dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as database:
        return {row["client_order_id"]: row for row in database.execute(_LEDGER).fetchall()}


async def _fills(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Return every fill the account's activities show, page by page."""
    rows: list[dict[str, Any]] = []
    while True:
        after = f"&page_token={rows[-1]['id']}" if rows else ""
        page = await _get(http, f"/v2/account/activities/FILL?page_size=100{after}")
        rows += page
        if not page:
            return rows


async def _get(http: httpx.AsyncClient, path: str) -> Any:
    return (await http.get(path)).raise_for_status().json()
