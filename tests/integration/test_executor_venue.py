"""The executor as it is wired in app.py, on a real Postgres, trading with the simulator over HTTP and websocket.

The referee is the venue's journal.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.adapters.postgres import Database
from kernel.adapters.request_buckets import shared_governor
from kernel.contracts.messages import OrderStatus, RejectionCode, Ticket
from kernel.domain.errors import VenueUnavailable
from kernel.runtime.clock import VenueClock
from services.executor.core.orders import client_order_id_of, request_of
from services.executor.settings import ExecutorSettings
from simulator.faults import Fault, FaultKind
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from simulator.venue.fills import FillModel
from tests.fakes.executor_at_venue import quoted_venue, settings_at, ticket_for
from tests.fakes.executor_process import Executor
from tests.fakes.market import NEXT_FRIDAY, FakeMarket, at_eastern, spy
from tests.fakes.params import widened_params_file
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration
S, C = OrderStatus, RejectionCode
POST = {"path": "/v2/orders", "method": "POST"}
#: Short, so that the tests are: what an unanswered request costs.
DEADLINE_S, SETTLE_S = 0.4, 0.3


@pytest.fixture
def market() -> FakeMarket:
    """SPY options at 2.40 x 2.60: a limit of 2.50 rests until the test moves the quote."""
    return FakeMarket()


@pytest.fixture
def venue(market: FakeMarket) -> Iterator[VenueThread]:
    with quoted_venue(market) as running:
        yield running


@pytest.fixture
def params_file(tmp_path: Path) -> Path:
    params = json.loads(widened_params_file(tmp_path).read_text())
    params["executor"]["lookup_settle_s"] = SETTLE_S
    file = tmp_path / "params.json"
    file.write_text(json.dumps(params))
    return file


@pytest.fixture
def settings(venue: VenueThread, database_url: str, params_file: Path) -> ExecutorSettings:
    return settings_at(venue, database_url, params_file, DISPATCH_VENUE_DEADLINE_S=str(DEADLINE_S))


@pytest.fixture
async def executor(settings: ExecutorSettings) -> AsyncIterator[Executor]:
    async with Executor(settings) as running:
        yield running


@pytest.fixture
async def database(settings: ExecutorSettings) -> AsyncIterator[Database]:
    opened = Database(settings.database_url.get_secret_value())
    await opened.open()
    yield opened
    await opened.close()


def accepted(venue: VenueThread) -> Counter[str]:
    """The orders the venue took, by client order id, as its journal tells."""
    journal = orjson.loads(venue.desk.journal.after(0, 100_000))
    return Counter(row["client_order_id"] for row in journal if row["kind"] == "order_accepted")


def posts(venue: VenueThread) -> int:
    journal = orjson.loads(venue.desk.journal.after(0, 100_000))
    return sum(row["kind"] == "request" and row["method"] == "POST" for row in journal)


async def statuses(database: Database, ticket: Ticket) -> list[str]:
    """The ledger of a ticket."""
    async with database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT status FROM dispatch_executions WHERE ticket_id = %s ORDER BY sequence", (ticket.meta.id,)
        )
        return [row[0] for row in await cursor.fetchall()]


def one_order(ticket: Ticket) -> Counter[str]:
    return Counter({client_order_id_of(ticket.meta.id): 1})


async def test_a_ticket_becomes_an_order_and_the_order_a_fill(
    venue: VenueThread, market: FakeMarket, executor: Executor, database: Database
) -> None:
    ticket = ticket_for(venue)
    async with executor.tracking():
        await executor.deliver(ticket)
        assert await statuses(database, ticket) == [S.SENDING, S.ACKNOWLEDGED]
        market.quotes[spy(520, NEXT_FRIDAY)] = (2.38, 2.48)
        await eventually(lambda: _is(database, ticket, S.FILLED))

    assert accepted(venue) == one_order(ticket)
    async with database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT ticker, action, contracts, notional, simulated_ts::text FROM dispatch_executions"
            " WHERE simulated_ts > NOW() - INTERVAL '30 minutes' ORDER BY simulated_ts DESC LIMIT 10"
        )
        last, *_ = await cursor.fetchall()
    assert last[:4] == ("SPY", "buy_to_open", 4, Decimal(992))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_a_server_error_after_acceptance_ends_with_that_one_order(
    venue: VenueThread, executor: Executor, database: Database, status: int
) -> None:
    ticket = ticket_for(venue)
    venue.desk.faults.inject(Fault(kind=FaultKind.ERROR_AFTER_ACCEPT, status=status, **POST))

    await executor.deliver(ticket)

    assert accepted(venue) == one_order(ticket)
    assert posts(venue) == 1
    assert await statuses(database, ticket) == [S.SENDING, S.UNKNOWN, S.ACKNOWLEDGED]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_server_error_before_acceptance_ends_with_one_order(
    venue: VenueThread, executor: Executor, database: Database, status: int
) -> None:
    ticket = ticket_for(venue)
    venue.desk.faults.inject(Fault(kind=FaultKind.ERROR_BEFORE_ACCEPT, status=status, **POST))

    await executor.deliver(ticket)

    assert accepted(venue) == one_order(ticket)
    assert await statuses(database, ticket) == [S.SENDING, S.UNKNOWN, S.SENDING, S.ACKNOWLEDGED]


async def test_a_time_out_after_acceptance_ends_with_that_one_order(
    venue: VenueThread, executor: Executor, database: Database
) -> None:
    ticket = ticket_for(venue)
    venue.desk.faults.inject(Fault(kind=FaultKind.TIMEOUT, delay_ms=DEADLINE_S * 3000, **POST))

    await executor.deliver(ticket)

    assert accepted(venue) == one_order(ticket)
    assert posts(venue) <= 1
    assert await statuses(database, ticket) == [S.SENDING, S.UNKNOWN, S.ACKNOWLEDGED]


async def test_a_request_that_arrives_after_its_deadline_ends_with_one_order(
    venue: VenueThread, executor: Executor
) -> None:
    """The venue takes the first request up only when the second has been sent."""
    ticket = ticket_for(venue)
    late_ms = (DEADLINE_S + SETTLE_S) * 1000 + 400
    venue.desk.faults.inject(Fault(kind=FaultKind.LATENCY, delay_ms=late_ms, **POST))

    await executor.deliver(ticket)
    await eventually(lambda: posts(venue) == 2)

    assert accepted(venue) == one_order(ticket)


async def test_the_rate_limit_ends_with_one_order_and_no_doubt(
    venue: VenueThread, executor: Executor, database: Database
) -> None:
    ticket = ticket_for(venue)
    venue.desk.faults.inject(Fault(kind=FaultKind.ERROR_BEFORE_ACCEPT, status=429, **POST))

    await executor.deliver(ticket)

    assert accepted(venue) == one_order(ticket)
    assert await statuses(database, ticket) == [S.SENDING, S.ACKNOWLEDGED]


async def test_five_executors_place_a_burst_of_tickets_without_one_429_whoever_reads_beside_them(
    market: FakeMarket, settings: ExecutorSettings
) -> None:
    limited = VenueSettings(latency_ms=(1.0, 5.0), fill_model=FillModel.MID, rate_limit=200)
    with VenueThread(market, limited) as venue:
        mine = settings.model_copy(update={"apca_api_base_url": venue.url, "apca_api_data_url": venue.url})
        tickets = [ticket_for(venue, f"signal-{n}") for n in range(20)]
        async with AsyncExitStack() as stack:
            executors = [await stack.enter_async_context(Executor(mine)) for _ in range(5)]
            await stack.enter_async_context(reading_for_ever(mine))
            await asyncio.gather(*(executors[n % 5].deliver(ticket) for n, ticket in enumerate(tickets)))

        assert accepted(venue) == Counter(client_order_id_of(ticket.meta.id) for ticket in tickets)
        journal = orjson.loads(venue.desk.journal.after(0, 100_000))
        told = Counter((row["method"], row["status"]) for row in journal if row["kind"] == "request")
        assert [key for key in told if key[1] == 429] == []
        assert told["GET", 200] > len(executors) * 3


@asynccontextmanager
async def reading_for_ever(settings: ExecutorSettings) -> AsyncIterator[None]:
    """Another process of the account, which asks as often as it may."""

    async def read(gateway: AlpacaGateway) -> None:
        while True:
            with suppress(VenueUnavailable):
                await gateway.call(gateway.trading.get_account)

    async with AlpacaGateway(settings, VenueClock(), governor=shared_governor(settings)) as gateway:
        readers = [asyncio.create_task(read(gateway)) for _ in range(4)]
        yield
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)


async def test_a_venue_that_is_down_for_a_while_ends_with_one_order(
    venue: VenueThread, executor: Executor
) -> None:
    ticket = ticket_for(venue)
    venue.desk.faults.inject(Fault(kind=FaultKind.DOWN, count=6, path="/v2/orders"))

    await executor.deliver(ticket)

    assert accepted(venue) == one_order(ticket)


@pytest.mark.parametrize("sent", [False, True])
async def test_a_process_killed_between_intent_and_answer_ends_with_one_order(
    venue: VenueThread, settings: ExecutorSettings, database: Database, *, sent: bool
) -> None:
    """The intent is committed, then the process dies: before its request (not sent) or after it."""
    ticket = ticket_for(venue)
    async with Executor(settings) as first:
        stage: Any = first.process.stage
        held = await stage._begin(ticket)
        if sent:
            await stage._broker.submit(request_of(held.order.ticket))

    async with Executor(settings) as second:
        await second.deliver(ticket)
        await second.deliver(ticket)

    assert accepted(venue) == one_order(ticket)
    assert (await statuses(database, ticket))[-1] == S.ACKNOWLEDGED


async def test_an_order_left_in_doubt_is_settled_before_new_orders_are_taken(
    venue: VenueThread, settings: ExecutorSettings, database: Database
) -> None:
    ticket = ticket_for(venue)
    async with Executor(settings) as first:
        stage: Any = first.process.stage
        held = await stage._begin(ticket)
        await stage._broker.submit(request_of(held.order.ticket))

    async with Executor(settings):
        assert await statuses(database, ticket) == [S.SENDING, S.ACKNOWLEDGED]


async def test_two_executors_on_one_ticket_place_one_order(
    venue: VenueThread, settings: ExecutorSettings
) -> None:
    ticket = ticket_for(venue)
    async with Executor(settings) as first, Executor(settings) as second:
        await asyncio.gather(first.deliver(ticket), second.deliver(ticket))

    assert accepted(venue) == one_order(ticket)


async def test_an_order_a_hundred_times_too_large_never_leaves(
    venue: VenueThread, executor: Executor, database: Database
) -> None:
    ticket = ticket_for(venue, contracts=1000, max_contracts=1000)

    await executor.deliver(ticket)

    assert posts(venue) == 0
    assert await statuses(database, ticket) == [S.REJECTED]


async def test_a_ticket_the_venue_refuses_ends_in_its_reason(
    venue: VenueThread, executor: Executor, database: Database
) -> None:
    ticket = ticket_for(venue, limit_price=Decimal("2.505"))

    await executor.deliver(ticket)

    assert not accepted(venue)
    assert await statuses(database, ticket) == [S.SENDING, S.REJECTED]
    async with database.transaction() as connection:
        cursor = await connection.execute("SELECT reason FROM dispatch_orders")
        (reason,) = await cursor.fetchone() or ("",)
    assert "sub-penny" in reason


async def test_an_expired_ticket_is_never_sent(
    venue: VenueThread, executor: Executor, database: Database
) -> None:
    ticket = ticket_for(venue, life_s=-1)

    await executor.deliver(ticket)

    assert posts(venue) == 0
    assert await statuses(database, ticket) == [S.REJECTED]


async def test_an_order_that_finds_nobody_is_cancelled_when_its_ticket_expires(
    venue: VenueThread, executor: Executor, database: Database
) -> None:
    ticket = ticket_for(venue)
    async with executor.tracking():
        await executor.deliver(ticket)
        venue.desk.clock.set(at=ticket.expires_at + timedelta(seconds=1))
        await eventually(lambda: _is(database, ticket, S.CANCELED))

    assert accepted(venue) == one_order(ticket)


async def test_fills_are_found_though_the_stream_drops_and_repeats_updates(
    venue: VenueThread, market: FakeMarket, executor: Executor, database: Database
) -> None:
    tickets = [ticket_for(venue, f"signal-{n}", contracts=2) for n in range(10)]
    for n in range(30):
        kind = FaultKind.DUPLICATE_UPDATES if n % 5 == 4 else FaultKind.DROP_UPDATES
        venue.desk.faults.inject(Fault(kind=kind, path="/stream"))
    async with executor.tracking():
        for ticket in tickets:
            await executor.deliver(ticket)
        market.quotes[spy(520, NEXT_FRIDAY)] = (2.30, 2.40)
        for ticket in tickets:
            await eventually(lambda ticket=ticket: _is(database, ticket, S.FILLED))

    assert sum(accepted(venue).values()) == 10
    async with database.transaction() as connection:
        cursor = await connection.execute("SELECT sum(filled_contracts) FROM dispatch_orders")
        assert await cursor.fetchone() == (20,)
    assert venue.desk.account.positions[spy(520, NEXT_FRIDAY)].qty == 20


async def test_a_fill_comes_by_the_stream_long_before_the_sweep(
    venue: VenueThread, market: FakeMarket, settings: ExecutorSettings, database: Database
) -> None:
    patient = settings.model_copy(update={"sweep_s": 3600.0})
    market.quotes[spy(520, NEXT_FRIDAY)] = (2.30, 2.40)
    async with Executor(patient) as executor, executor.tracking():
        await eventually(
            lambda: venue.desk.hub._subscriber is not None and venue.desk.hub._subscriber.listens
        )
        ticket = ticket_for(venue)
        await executor.deliver(ticket)
        await eventually(lambda: _is(database, ticket, S.FILLED), within_s=5)


async def test_another_executor_listens_on_when_the_listener_stops(
    venue: VenueThread, market: FakeMarket, settings: ExecutorSettings, database: Database
) -> None:
    ticket = ticket_for(venue)
    async with Executor(settings) as second, second.tracking():
        async with Executor(settings) as first, first.tracking():
            await first.deliver(ticket)
        market.quotes[spy(520, NEXT_FRIDAY)] = (2.30, 2.40)
        await eventually(lambda: _is(database, ticket, S.FILLED))


async def _is(database: Database, ticket: Ticket, status: OrderStatus) -> bool:
    return (await statuses(database, ticket))[-1:] == [status]


@pytest.mark.parametrize(
    ("prices", "code"),
    [
        ({"limit_price": Decimal(1)}, C.PRICE_BELOW_COLLAR),
        ({"limit_price": Decimal(25), "price_ceiling": Decimal(25)}, C.PRICE_ABOVE_COLLAR),
        ({"limit_price": Decimal(25)}, C.LIMIT_ABOVE_CEILING),
    ],
    ids=["one dollar", "ten-fold", "ten-fold with an old ceiling"],
)
async def test_a_senseless_limit_never_reaches_the_venue(
    venue: VenueThread,
    executor: Executor,
    database: Database,
    prices: dict[str, Decimal],
    code: RejectionCode,
) -> None:
    ticket = ticket_for(venue, contracts=1, **prices)

    await executor.deliver(ticket)

    assert await _noes(database, ticket) == [code]
    assert posts(venue) == 0


async def test_an_order_before_the_open_never_reaches_the_venue(
    market: FakeMarket, database_url: str, params_file: Path, database: Database
) -> None:
    market.starts_at = at_eastern("09:29")
    with quoted_venue(market) as closed:
        ticket = ticket_for(closed)
        async with Executor(settings_at(closed, database_url, params_file)) as executor:
            await executor.deliver(ticket)

        assert await _noes(database, ticket) == [C.MARKET_CLOSED]
        assert posts(closed) == 0


async def _noes(database: Database, ticket: Ticket) -> list[str]:
    async with database.transaction() as connection:
        cursor = await connection.execute(
            "SELECT code FROM dispatch_executions WHERE ticket_id = %s AND status = 'REJECTED'",
            (ticket.meta.id,),
        )
        return [row[0] for row in await cursor.fetchall()]
