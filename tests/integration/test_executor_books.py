"""The books in a real Postgres: an event counts once, and a pass only on what it read."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from kernel.adapters.migrate import migrate
from kernel.adapters.postgres import Database
from kernel.contracts.parts import Action, Side
from kernel.testing.builders import a_leg, a_ticket, an_account
from services.executor.adapters.postgres_books import PostgresBooks
from services.executor.adapters.postgres_drift import PostgresDrift
from services.executor.adapters.postgres_orders import PostgresOrders
from services.executor.adapters.postgres_readiness import PostgresReadiness
from services.executor.core.orders import request_of
from services.executor.core.readiness import Readiness
from services.executor.core.reconciling.activities import Kind
from services.executor.core.reconciling.books import (
    Baseline,
    Difference,
    Event,
    Outcome,
    Suspect,
    order_key,
)
from services.executor.core.reconciling.found import ForeignOrder
from services.executor.ports import PassRecord
from tests.fakes.executor_books import acknowledge, begin, fill
from tests.fakes.statement import CALL, NOW

pytestmark = pytest.mark.integration
ACCOUNT = "PA1"
CLEAN = Outcome(events=(), suspects=())


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    migrate(database_url)
    async with Database(database_url) as opened:
        yield opened


@pytest.fixture
async def books(database: Database) -> PostgresBooks:
    """The books of an account with two contracts and $1,000."""
    books = PostgresBooks(database)
    assert await books.lead(ACCOUNT) == 1
    first = Baseline(positions={CALL: Decimal(2)}, cash_usd=Decimal(1000), events=[])
    assert await books.begin(first, {}, a_record(version=0))
    return books


def a_record(version: int, epoch: int = 1, read_at: datetime = NOW) -> PassRecord:
    return PassRecord(
        account_id=ACCOUNT,
        version=version,
        epoch=epoch,
        read_at=read_at,
        market_now=NOW,
        fills_since=NOW,
        duration_ms=3.0,
    )


def an_event(name: str = "event-1", kind: Kind = Kind.FOREIGN_FILL) -> Event:
    return Event(id=name, kind=kind, at=NOW, symbol=CALL, quantity=Decimal(3), cash_usd=Decimal("-750.25"))


async def keep(books: PostgresBooks, events: Sequence[Event], record: PassRecord) -> bool:
    return await books.keep(Outcome(events=events, suspects=()), [], record)


async def figures(books: PostgresBooks) -> tuple[dict[str, Decimal], Decimal]:
    ledger = (await books.read(ACCOUNT)).ledger
    return dict(ledger.positions), ledger.cash_usd


async def test_the_baseline_is_taken_once(books: PostgresBooks) -> None:
    second = Baseline(positions={}, cash_usd=Decimal(1), events=[])
    assert not await books.begin(second, {}, a_record(version=0))
    assert await figures(books) == ({CALL: 2}, 1000)


async def test_an_event_moves_positions_and_cash_once(books: PostgresBooks) -> None:
    assert await keep(books, [an_event()], a_record(version=1))
    assert await keep(books, [an_event()], a_record(version=2))
    assert await figures(books) == ({CALL: 5}, Decimal("249.75"))
    assert await books.quantities(ACCOUNT) == {CALL: 5}
    assert await books.unknown(ACCOUNT, ["event-1", "event-2"]) == {"event-2"}


async def test_a_fill_of_our_own_moves_what_the_venue_says_and_not_what_the_ledger_says(
    books: PostgresBooks,
) -> None:
    assert await keep(books, [an_event(kind=Kind.FILL)], a_record(version=1))
    assert (await figures(books))[0] == {CALL: 5}
    assert await books.quantities(ACCOUNT) == {CALL: 2}


async def test_a_fraction_of_a_share_keeps_its_nine_decimals(books: PostgresBooks) -> None:
    share = replace(
        an_event(), symbol="AAPL", quantity=Decimal("0.123456789"), cash_usd=Decimal("-23.12962961715")
    )
    assert await keep(books, [share], a_record(version=1))
    assert await figures(books) == (
        {CALL: 2, "AAPL": Decimal("0.123456789")},
        Decimal("976.87037038285"),
    )


async def test_a_pass_that_read_older_books_does_not_count(books: PostgresBooks) -> None:
    assert await keep(books, [an_event("first")], a_record(version=1))
    assert not await keep(books, [an_event("second")], a_record(version=1))
    assert (await figures(books))[0] == {CALL: 5}


async def test_a_pass_of_a_listener_that_was_replaced_does_not_count(books: PostgresBooks) -> None:
    assert await books.lead(ACCOUNT) == 2
    assert not await keep(books, [an_event()], a_record(version=1, epoch=1))
    assert await keep(books, [an_event()], a_record(version=1, epoch=2))


async def test_a_confirmed_event_expects_nothing_any_more(books: PostgresBooks) -> None:
    pending = replace(an_event("gone", Kind.EXPIRY_PENDING), expects=Decimal(3), expects_usd=Decimal(7))
    assert await keep(books, [pending], a_record(version=1))
    (waiting,) = (await books.read(ACCOUNT)).ledger.expected
    assert (waiting.event_id, waiting.quantity, waiting.cash_usd) == ("gone", 3, 7)

    told = Event(
        id="told", kind=Kind.EXPIRY, at=NOW, expects=Decimal(-3), expects_usd=Decimal(-7), confirms="gone"
    )
    assert await keep(books, [told], a_record(version=2))
    assert not (await books.read(ACCOUNT)).ledger.expected


async def test_fills_between_the_reading_and_the_baseline_are_not_lost(
    database: Database,
) -> None:
    """The ledger had one contract when it was read, the venue two; one more was filled before the commit."""
    books = PostgresBooks(database)
    await books.lead(ACCOUNT)
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO dispatch_positions (account_id, symbol, quantity) VALUES (%s, %s, 2)",
            (ACCOUNT, CALL),
        )
    first = Baseline(positions={CALL: Decimal(2)}, cash_usd=Decimal(0), events=[])
    assert await books.begin(first, {CALL: Decimal(1)}, a_record(version=0))
    assert await books.quantities(ACCOUNT) == {CALL: 3}


async def test_a_foreign_order_is_kept_with_its_last_word(books: PostgresBooks, database: Database) -> None:
    for version, word in ((1, "new"), (2, "filled")):
        order = ForeignOrder(
            venue_order_id="v", client_order_id="c", symbol=CALL, side="buy", contracts=Decimal(1), word=word
        )
        assert await books.keep(Outcome(events=[], suspects=()), [order], a_record(version))
    async with database.transaction() as connection:
        cursor = await connection.execute("SELECT client_order_id, status FROM dispatch_foreign_orders")
        assert await cursor.fetchall() == [("c", "filled")]
    assert await books.foreign(ACCOUNT, ["v", "w"]) == {"v"}


async def test_a_pass_that_began_before_the_stream_was_up_reconciles_nothing(
    books: PostgresBooks, database: Database
) -> None:
    board = PostgresReadiness(database, lambda: ACCOUNT, reconcile_s=3600)
    read_at = (await books.read(ACCOUNT)).ledger.read_at
    await books.beat(ACCOUNT, 1, stream_ready=True)
    assert await books.keep(CLEAN, [], a_record(1, read_at=read_at))
    assert await board.readiness() == Readiness(stream_ready=True, reconciled=False)

    reading = await books.read(ACCOUNT)
    assert reading.pass_at == read_at
    assert await books.keep(CLEAN, [], a_record(2, read_at=reading.ledger.read_at))
    assert await board.readiness() == Readiness(stream_ready=True, reconciled=True)


async def test_a_stale_heartbeat_is_nobodys(books: PostgresBooks, database: Database) -> None:
    await books.lead(ACCOUNT)
    await books.beat(ACCOUNT, 1, stream_ready=True)
    async with database.transaction() as connection:
        cursor = await connection.execute("SELECT epoch, stream_ready FROM dispatch_listeners")
        assert await cursor.fetchall() == [(2, False)]


@pytest.mark.parametrize(
    ("side", "action", "left"), [(Side.BUY, Action.BUY_TO_OPEN, 4), (Side.SELL, Action.SELL_TO_CLOSE, 0)]
)
async def test_an_order_that_is_accepted_moves_what_the_ledger_holds_to_its_side(
    books: PostgresBooks, database: Database, side: Side, action: Action, left: int
) -> None:
    """The ledger had two contracts filled of which the venue knows nothing; a person says the venue is right."""
    orders, drift = PostgresOrders(database, lambda: None), PostgresDrift(database)
    ticket = a_ticket(
        legs=(a_leg(occ_symbol=CALL, side=side),), action=action, account=an_account(account_id=ACCOUNT)
    )
    await begin(orders, ticket)
    await acknowledge(orders, ticket)
    await fill(orders, 2, ticket)
    assert (await books.quantities(ACCOUNT))[CALL] == left

    name = request_of(ticket).client_order_id
    assert await books.keep(Outcome(events=(), suspects=[a_drift(name)]), [], a_record(version=1))
    (standing,) = await drift.standings()
    assert standing.word is not None
    assert await drift.accept(ACCOUNT, "someone", "why", "another word") == []
    assert (await books.quantities(ACCOUNT))[CALL] == left
    assert await drift.accept(ACCOUNT, "someone", "why", standing.word) == standing.drift

    assert (await books.quantities(ACCOUNT))[CALL] == 2
    assert await drift.accept(ACCOUNT, "someone", "why", standing.word) == []


def a_drift(client_order_id: str) -> Suspect:
    return Suspect(
        difference=Difference(key=order_key(client_order_id), expected=Decimal(2), found=Decimal(0)),
        passes=2,
        quiet=2,
        is_drift=True,
        first_at=NOW,
        counted_at=NOW,
    )
