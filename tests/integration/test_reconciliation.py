"""The listener's comparison as it is wired in app.py: a real Postgres, the simulator, and a person with alpaca-py."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import LimitOrderRequest

from kernel.adapters.postgres import Database
from kernel.domain.options import Right
from services.executor.adapters.postgres_drift import PostgresDrift
from services.executor.adapters.postgres_readiness import PostgresReadiness
from services.executor.core.readiness import READINESS_UNKNOWN, Readiness
from services.executor.settings import ExecutorSettings
from simulator.faults import Fault, FaultKind
from simulator.server import VenueThread
from simulator.venue.instruments import instrument_of
from tests.fakes.executor_at_venue import CALL, quoted_venue, settings_at, ticket_for
from tests.fakes.executor_process import Executor
from tests.fakes.market import NEXT_FRIDAY, THIS_FRIDAY, FakeMarket, at_eastern, spy
from tests.fakes.params import widened_params_file
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def market() -> FakeMarket:
    """SPY options at 2.40 x 2.60: a limit of 2.50 rests until the test moves the quote."""
    return FakeMarket()


@pytest.fixture
def venue(market: FakeMarket) -> Iterator[VenueThread]:
    with quoted_venue(market) as running:
        yield running


@pytest.fixture
def settings(venue: VenueThread, database_url: str, tmp_path: Path) -> ExecutorSettings:
    params_file = widened_params_file(tmp_path)
    return settings_at(venue, database_url, params_file, DISPATCH_EXECUTOR_RECONCILE_S="1")


@pytest.fixture
async def executor(settings: ExecutorSettings) -> AsyncIterator[Executor]:
    async with Executor(settings) as running:
        yield running


@pytest.fixture
async def books(settings: ExecutorSettings) -> AsyncIterator["Books"]:
    database = Database(settings.database_url.get_secret_value())
    await database.open()
    yield Books(database)
    await database.close()


@pytest.fixture
def person(venue: VenueThread) -> TradingClient:
    """Someone who trades the same account by hand."""
    return TradingClient("key", "secret", url_override=venue.url)


class Books:
    """What the comparison left in the database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.database.transaction() as connection:
            return await (await connection.execute(query.encode())).fetchall()

    async def positions(self) -> dict[str, int]:
        rows = await self.rows("SELECT symbol, quantity FROM dispatch_positions WHERE quantity <> 0")
        return {symbol: int(quantity) for symbol, quantity in rows}

    async def kinds(self) -> list[str]:
        rows = await self.rows(
            "SELECT kind FROM dispatch_venue_events WHERE kind <> 'FILL' ORDER BY noted_at, event_id"
        )
        return [kind for (kind,) in rows]

    async def drift(self) -> list[str]:
        rows = await self.rows("SELECT drift FROM dispatch_reconciliation")
        return list(rows[0][0]) if rows else []

    async def clean_passes(self) -> int:
        rows = await self.rows("SELECT version FROM dispatch_reconciliation WHERE suspects = '[]'")
        return int(rows[0][0]) if rows else 0

    async def passes(self, count: int = 2) -> None:
        """Wait until passes that began after this moment have ended."""
        begun = (await self.rows("SELECT version FROM dispatch_reconciliation"))[0][0]

        async def holds() -> bool:
            rows = await self.rows("SELECT version FROM dispatch_reconciliation")
            return bool(rows[0][0] >= begun + count)

        await eventually(holds)

    async def clean_from_now_on(self, passes: int = 2) -> None:
        """Wait until passes that began after this moment were clean."""
        begun = (await self.rows("SELECT coalesce(max(version), 0) FROM dispatch_reconciliation"))[0][0]

        async def holds() -> bool:
            return await self.clean_passes() >= begun + passes

        await eventually(holds)


def trade(person: TradingClient, quantity: int, symbol: str = CALL) -> None:
    """Trade at once by hand: quotes are 2.40 x 2.60."""
    side = "buy" if quantity > 0 else "sell"
    person.submit_order(
        LimitOrderRequest(
            symbol=symbol,
            qty=abs(quantity),
            side=side,
            time_in_force="day",
            limit_price=2.6 if quantity > 0 else 2.4,
        )
    )


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_the_first_pass_of_a_new_account_is_clean_and_takes_it_as_it_is(
    executor: Executor, books: Books, person: TradingClient, venue: VenueThread
) -> None:
    trade(person, 2)
    await eventually(lambda: held(venue, {CALL: 2}))
    async with executor.tracking():
        await books.clean_from_now_on()
    assert await books.positions() == {CALL: 2}
    assert await books.drift() == []


async def held(venue: VenueThread, positions: dict[str, int]) -> bool:
    return {symbol: p.qty for symbol, p in venue.desk.account.positions.items()} == positions


async def test_fills_while_nobody_listened_are_found_and_explained(
    executor: Executor, books: Books, market: FakeMarket, venue: VenueThread
) -> None:
    async with executor.tracking():
        await books.clean_from_now_on()
    await executor.deliver(ticket_for(venue))
    market.quotes[CALL] = (2.30, 2.50)
    await eventually(lambda: held(venue, {CALL: 4}))

    async with executor.tracking():
        await books.clean_from_now_on()

    assert await books.positions() == {CALL: 4}
    assert await books.rows("SELECT cash_usd FROM dispatch_reconciliation") == [
        (venue.desk.account.cash_usd,)
    ]
    assert await books.drift() == []


async def test_a_position_opened_and_closed_by_hand_is_adopted_and_explained(
    executor: Executor, books: Books, person: TradingClient, venue: VenueThread
) -> None:
    async with executor.tracking():
        await books.clean_from_now_on()
        trade(person, 3)
        await eventually(lambda: held(venue, {CALL: 3}))
        await books.clean_from_now_on()
        opened = await books.positions()
        trade(person, -1)
        await eventually(lambda: held(venue, {CALL: 2}))
        await books.clean_from_now_on()

    assert (opened, await books.positions()) == ({CALL: 3}, {CALL: 2})
    assert "FOREIGN_FILL" in await books.kinds()
    assert await books.rows("SELECT count(*) FROM dispatch_foreign_orders") == [(2,)]


async def test_a_foreign_order_is_written_down_and_left_alone(
    executor: Executor, books: Books, person: TradingClient
) -> None:
    person.submit_order(
        LimitOrderRequest(
            symbol=CALL, qty=1, side="buy", time_in_force="day", limit_price=1.0, client_order_id="mine"
        )
    )
    async with executor.tracking():
        await books.clean_from_now_on(passes=3)
    assert await books.rows("SELECT client_order_id, status FROM dispatch_foreign_orders") == [
        ("mine", "new")
    ]
    assert person.get_order_by_client_id("mine").status.value == "new"
    assert (await books.kinds()).count("FOREIGN_ORDER") == 1


@pytest.mark.parametrize(
    ("quantity", "contract", "kinds", "left"),
    [
        (1, (540, Right.CALL), ["EXPIRY_PENDING"], {}),
        (1, (500, Right.CALL), ["EXERCISE_PENDING"] * 2, {"SPY": 100}),
        (-1, (540, Right.PUT), ["ASSIGNMENT_PENDING"] * 2, {"SPY": 100}),
    ],
    ids=["worthless", "in the money", "assigned"],
)
async def test_an_expiry_is_explained_at_once_and_confirmed_the_next_day(  # noqa: PLR0917 - fixtures and cases
    executor: Executor,
    books: Books,
    person: TradingClient,
    venue: VenueThread,
    quantity: int,
    contract: tuple[int, Right],
    kinds: list[str],
    left: dict[str, int],
) -> None:
    strike, right = contract
    symbol = spy(strike, THIS_FRIDAY, right)
    async with executor.tracking():
        await books.clean_from_now_on()
        trade(person, quantity, symbol)
        await eventually(lambda: held(venue, {symbol: quantity}))
        await books.clean_from_now_on()
        move_to(venue, "17:00", THIS_FRIDAY)
        await eventually(lambda: held(venue, left))
        await books.clean_from_now_on()
        pending = [kind for kind in await books.kinds() if "FOREIGN" not in kind]
        assert await books.positions() == left
        move_to(venue, "09:00", THIS_FRIDAY + timedelta(days=3))
        await books.clean_from_now_on()

    assert pending == kinds
    assert await books.positions() == left
    assert await books.rows("SELECT count(*) FROM dispatch_venue_events WHERE expects <> 0") == [(0,)]
    assert await books.drift() == []


async def test_a_contract_adjusted_for_a_split_is_explained(
    executor: Executor, books: Books, person: TradingClient, venue: VenueThread
) -> None:
    """Two for one: twice the contracts at half the strike, on the same morning and without an order."""
    before, after = spy(520, NEXT_FRIDAY), spy(260, NEXT_FRIDAY)
    async with executor.tracking():
        await books.clean_from_now_on()
        trade(person, 3, before)
        await eventually(lambda: held(venue, {before: 3}))
        await books.clean_from_now_on()
        adjust(venue, before, after, 6)
        await books.clean_from_now_on(passes=3)
    assert await books.positions() == {after: 6}
    assert (await books.kinds()).count("CONTRACT_ADJUSTED") == 2
    assert await books.drift() == []


def adjust(venue: VenueThread, before: str, after: str, contracts: int) -> None:
    """Put another contract in the place of one held, as the clearing house does."""
    positions = venue.desk.account.ledger.portfolio.positions
    positions[after] = replace(positions.pop(before), instrument=instrument_of(after), qty=contracts)


async def test_an_exercise_by_hand_is_explained_by_its_figures(
    executor: Executor, books: Books, person: TradingClient, venue: VenueThread
) -> None:
    symbol = spy(500, NEXT_FRIDAY)
    async with executor.tracking():
        await books.clean_from_now_on()
        trade(person, 1, symbol)
        await eventually(lambda: held(venue, {symbol: 1}))
        await books.clean_from_now_on()
        person.exercise_options_position(symbol)
        await books.clean_from_now_on()
    assert await books.positions() == {"SPY": 100}
    assert (await books.kinds()).count("EXERCISE_PENDING") == 2


def move_to(venue: VenueThread, clock: str, day: Any) -> None:
    answer = requests.post(
        f"{venue.url}/sim/clock", json={"at": at_eastern(clock, day).isoformat()}, timeout=10
    )
    answer.raise_for_status()


async def test_what_no_activity_explains_is_drift(
    executor: Executor, books: Books, venue: VenueThread
) -> None:
    async with executor.tracking():
        await books.clean_from_now_on()
        conjure_cash(venue, Decimal("-12.34"))

        async def drifts() -> bool:
            return bool(await books.drift())

        await eventually(drifts)
        (line,) = await books.drift()
        await books.passes()
        assert await books.drift() == [line], "it does not go away by itself"
        drift = PostgresDrift(books.database)
        (standing,) = await drift.standings()
        assert standing.word is not None
        accepted = await drift.accept(standing.account_id, "someone", "the broker said so", standing.word)
        await books.clean_from_now_on()

    assert line == "cash: the ledger expects 100000.00 USD, the venue has 99987.66"
    assert accepted == standing.drift == [line]
    (explained,) = await drift.explained(standing.account_id, 10)
    assert (explained.kind, explained.cash_usd) == ("ACCEPTED", Decimal("-12.34"))
    assert explained.note.startswith("someone: the broker said so")


def conjure_cash(venue: VenueThread, usd: Decimal) -> None:
    """Let cash vanish as no venue does."""
    venue.desk.account.ledger.portfolio.cash_usd += usd


async def test_readiness_follows_the_listener_and_its_passes(
    executor: Executor, settings: ExecutorSettings, venue: VenueThread
) -> None:
    database = Database(settings.database_url.get_secret_value())
    await database.open()
    number = "PA" + venue.desk.account.account_id.replace("-", "")[:10].upper()
    board = PostgresReadiness(database, lambda: number, reconcile_s=3)

    async def ready() -> bool:
        return await board.readiness() == Readiness(stream_ready=True, reconciled=True)

    async def unready() -> bool:
        now = await board.readiness()
        return not (now.stream_ready or now.reconciled)

    assert await board.readiness() == READINESS_UNKNOWN
    async with executor.tracking():
        await eventually(ready)
    await eventually(unready)
    await database.close()


async def test_a_ticket_waits_for_the_first_clean_pass(
    settings: ExecutorSettings, venue: VenueThread, market: FakeMarket
) -> None:
    market.quotes[CALL] = (2.45, 2.55)
    async with Executor(settings, listens_alone=True) as alone:
        waiting = asyncio.create_task(alone.deliver(ticket_for(venue)))
        async with alone.tracking():
            await waiting
    assert len(venue.desk.account.orders) == 1


async def test_nothing_new_is_sent_while_drift_stands(
    settings: ExecutorSettings, books: Books, venue: VenueThread
) -> None:
    async with Executor(settings, listens_alone=True) as alone, alone.tracking():
        await books.clean_from_now_on()
        conjure_cash(venue, Decimal(-1))

        async def drifts() -> bool:
            return bool(await books.drift())

        await eventually(drifts)
        await alone.deliver(ticket_for(venue))
    assert not venue.desk.account.orders
    assert await books.rows("SELECT code FROM dispatch_executions") == [("DRIFT_UNEXPLAINED",)]


async def test_another_worker_takes_over_and_is_reconciled_before_its_first_order(
    executor: Executor, settings: ExecutorSettings, books: Books
) -> None:
    async with Executor(settings) as second:
        async with executor.tracking():
            await books.clean_from_now_on()
        async with second.tracking():
            await books.clean_from_now_on()
    assert await books.rows(
        "SELECT l.epoch, clean_epoch FROM dispatch_listeners l JOIN dispatch_reconciliation USING (account_id)"
    ) == [(2, 2)]


async def test_a_steady_flow_of_orders_is_never_taken_for_drift(
    executor: Executor, books: Books, market: FakeMarket, venue: VenueThread
) -> None:
    market.quotes[CALL] = (2.30, 2.50)
    venue.desk.faults.inject(Fault(kind=FaultKind.DROP_UPDATES, count=None, probability=0.3, seed=5))
    async with executor.tracking():
        await books.clean_from_now_on(passes=1)
        for n in range(60):
            await executor.deliver(ticket_for(venue, f"signal-{n}", contracts=1 + n % 3))
        await books.clean_from_now_on()

    assert await books.drift() == []
    assert await books.positions() == {CALL: sum(1 + n % 3 for n in range(60))}
    suspects = await books.rows("SELECT count(*) FROM dispatch_reconciliation WHERE clean_at < pass_at")
    assert suspects == [(0,)]
