"""Two sizers, one account, one real Postgres: no dollar is spent twice."""

import asyncio
import itertools
import json
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from kernel.adapters.decision_log import DecisionLog
from kernel.adapters.migrate import migrate
from kernel.adapters.postgres import Database
from kernel.adapters.reservations import mark_at_venue, release
from kernel.contracts.codec import Codec
from kernel.contracts.messages import RejectionCode, Ticket
from kernel.contracts.origin import Origin
from kernel.contracts.topics import REJECTIONS, SELECTIONS, TICKETS
from kernel.domain.account import AccountReading, parse_account
from kernel.runtime.params import load_params
from kernel.runtime.settings import PROJECT_ROOT
from kernel.testing.builders import NOW, a_leg, a_selection, an_idea
from kernel.testing.clock import FixedClock
from kernel.testing.driver import StageDriver
from services.sizer.adapters.postgres_budget import EXPIRY_GRACE, PostgresBudget
from services.sizer.stage import SizerStage
from tests.fakes.sizer import ACCOUNT_ID, FakeAccountSource, account_answer

pytestmark = pytest.mark.integration
D = Decimal
PARAMS = load_params(PROJECT_ROOT / "config" / "trading_params.json").sizer


@pytest.fixture
async def databases(database_url):
    """Two pools, as two processes have them."""
    migrate(database_url)
    pools = [Database(database_url), Database(database_url)]
    for pool in pools:
        await pool.open()
    yield pools
    for pool in pools:
        await pool.close()


def a_sizer(database, account, clock) -> StageDriver:
    stage = SizerStage(
        account=account,
        budget=PostgresBudget(database, DecisionLog("sizer")),
        clock=clock,
        params=PARAMS,
        origin=Origin("sizer", "rev", "hash"),
    )
    return StageDriver(stage, SELECTIONS)


def selections(underlying: str, count: int):
    leg = a_leg(occ_symbol=f"{underlying}260605C00520000")
    return [a_selection(f"{underlying}-{n}", idea=an_idea(underlying), legs=(leg,)) for n in range(count)]


def rows(url: str, columns: str) -> list[tuple]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            f"SELECT {columns} FROM dispatch_reservations ORDER BY created_at"
        ).fetchall()


async def test_two_sizers_on_two_underlyings_cannot_spend_the_same_dollar(databases, database_url):
    """12 % of what $4,000 leave pay for a contract eight times, each reserving $251; forty selections ask for one each."""
    clock = FixedClock(NOW)
    sizers = [a_sizer(db, FakeAccountSource(clock, account_answer("4000")), clock) for db in databases]
    work = zip(sizers, (selections("SPY", 20), selections("QQQ", 20)), strict=True)
    await asyncio.gather(*(sizer.send(s) for sizer, theirs in work for s in theirs))

    tickets = [t for sizer in sizers for t in sizer.of(TICKETS)]
    rejections = [r for sizer in sizers for r in sizer.of(REJECTIONS)]
    assert sum(t.reserved_usd for t in tickets) == sum(t.contracts for t in tickets) * 251 == 8 * 251
    assert len(tickets) + len(rejections) == 40
    assert {r.code for r in rejections} == {RejectionCode.RISK_BUDGET_TOO_SMALL}
    assert {t.idea.underlying for t in tickets} == {"SPY", "QQQ"}
    reserved = rows(database_url, "ticket_id, reserved_usd, state")
    assert sorted(reserved) == sorted((t.meta.id, t.reserved_usd, "in_flight") for t in tickets)


async def test_one_selection_at_two_sizers_at_once_is_one_ticket(databases, database_url):
    """As in a rebalance, when the old owner of a partition is still at work."""
    clock = FixedClock(NOW)
    sizers = [a_sizer(db, FakeAccountSource(clock), clock) for db in databases]
    (selection,) = selections("SPY", 1)
    answers = await asyncio.gather(*(sizer.send(selection) for sizer in sizers for _ in range(3)))
    codec = Codec()
    assert len({tuple(codec.encode(e.topic, e.message) for e in answer) for answer in answers}) == 1
    assert len(rows(database_url, "ticket_id")) == 1


async def test_a_redelivery_after_a_restart_returns_the_recorded_bytes(databases, database_url):
    clock = FixedClock(NOW)
    (selection,) = selections("SPY", 1)
    first = await a_sizer(databases[0], FakeAccountSource(clock), clock).send(selection)
    clock.advance(timedelta(minutes=4))
    account = FakeAccountSource(clock, account_answer("700"))
    again = await a_sizer(databases[1], account, clock).send(selection)
    codec = Codec()
    assert [codec.encode(e.topic, e.message) for e in again] == [
        codec.encode(e.topic, e.message) for e in first
    ]
    assert account.asked == []
    assert len(rows(database_url, "ticket_id")) == 1


async def test_money_the_venue_holds_or_that_came_back_no_longer_counts(databases):
    clock = FixedClock(NOW)
    sizer = a_sizer(databases[0], FakeAccountSource(clock, account_answer("5000")), clock)
    spy = iter(selections("SPY", 3))
    first = await _ticket(sizer, next(spy))
    assert first.in_flight_usd == 0
    second = await _ticket(sizer, next(spy))
    assert second.in_flight_usd == first.reserved_usd
    async with databases[1].transaction() as connection:
        await mark_at_venue(connection, first.meta.id)
        await release(connection, second.meta.id, "VENUE_REJECTED")
    assert (await _ticket(sizer, next(spy))).in_flight_usd == 0


async def test_the_transitions_are_conditional_and_may_be_repeated(databases, database_url):
    clock = FixedClock(NOW)
    ticket = await _ticket(a_sizer(databases[0], FakeAccountSource(clock), clock), selections("SPY", 1)[0])
    told = []
    for transition in (
        lambda c: mark_at_venue(c, ticket.meta.id),
        lambda c: mark_at_venue(c, ticket.meta.id),
        lambda c: release(c, ticket.meta.id, "FILLED"),
        lambda c: release(c, ticket.meta.id, "CANCELED"),
        lambda c: mark_at_venue(c, ticket.meta.id),
        lambda c: release(c, "no such ticket", "FILLED"),
    ):
        async with databases[1].transaction() as connection:
            told.append(await transition(connection))
    assert told == [True, False, True, False, False, False]
    assert rows(database_url, "state, release_reason") == [("released", "FILLED")]


async def test_a_ticket_lost_on_its_way_holds_its_money_until_its_expiry_and_a_grace(databases, database_url):
    clock = FixedClock(NOW)
    sizer = a_sizer(databases[0], FakeAccountSource(clock, account_answer("5000")), clock)
    lost = await _ticket(sizer, selections("SPY", 1)[0])
    far = an_idea("QQQ", expires_at=NOW + timedelta(hours=2))
    clock.set(lost.expires_at + EXPIRY_GRACE)
    at_the_end = await _ticket(sizer, a_selection("QQQ-0", idea=far))
    assert at_the_end.in_flight_usd == lost.reserved_usd
    clock.advance(timedelta(microseconds=1))
    assert (await _ticket(sizer, a_selection("QQQ-1", idea=far))).in_flight_usd == at_the_end.reserved_usd
    assert rows(database_url, "state, release_reason")[0] == ("released", "TICKET_EXPIRED")


@pytest.mark.parametrize(
    ("status", "state"), [("SENDING", "in_flight"), ("UNKNOWN", "in_flight"), ("REJECTED", "released")]
)
async def test_money_of_an_order_nobody_knows_about_is_held_past_its_ticket(
    databases, database_url, status, state
):
    clock = FixedClock(NOW)
    sizer = a_sizer(databases[0], FakeAccountSource(clock), clock)
    ticket = await _ticket(sizer, selections("SPY", 1)[0])
    async with databases[1].transaction() as connection:
        await connection.execute(
            "INSERT INTO dispatch_orders (client_order_id, ticket_id, signal_id, account_id, ticket, request_hash,"
            " status, sequence, contracts, filled_contracts, expires_at)"
            " VALUES ('o', %s, 's', %s, '', '', %s, 1, 1, 0, now())",
            (ticket.meta.id, ACCOUNT_ID, status),
        )
    clock.advance(timedelta(hours=1))
    await sizer.send(a_selection("late", idea=an_idea(expires_at=NOW + timedelta(hours=2))))
    assert rows(database_url, "state")[0] == (state,)


async def test_an_order_at_the_venue_is_not_released_by_the_passing_of_time(databases, database_url):
    clock = FixedClock(NOW)
    sizer = a_sizer(databases[0], FakeAccountSource(clock), clock)
    ticket = await _ticket(sizer, selections("SPY", 1)[0])
    async with databases[1].transaction() as connection:
        await mark_at_venue(connection, ticket.meta.id)
    clock.advance(timedelta(hours=1))
    await sizer.send(a_selection("late", idea=an_idea(expires_at=NOW + timedelta(hours=2))))
    assert rows(database_url, "state")[0] == ("at_venue",)


async def test_two_accounts_in_one_database_do_not_count_each_others_money(databases):
    class OtherAccount(FakeAccountSource):
        account_id = "PA0000000002"

    clock = FixedClock(NOW)
    await _ticket(a_sizer(databases[0], FakeAccountSource(clock), clock), selections("SPY", 1)[0])
    other = OtherAccount(clock, account_answer("100000", account_number="PA0000000002"))
    assert (await _ticket(a_sizer(databases[1], other, clock), selections("QQQ", 1)[0])).in_flight_usd == 0


class Venue:
    """Takes orders out of its buying power the moment they arrive; an AccountSource like any other."""

    account_id = ACCOUNT_ID

    def __init__(self, clock: FixedClock, buying_power: str) -> None:
        self.clock = clock
        self.buying_power = D(buying_power)

    def accept(self, ticket: Ticket) -> None:
        self.buying_power -= ticket.reserved_usd
        assert self.buying_power >= 0, "the venue was sent an order nobody could pay"

    async def read(self) -> AccountReading:
        answer = account_answer(str(self.buying_power), equity="4000")
        return AccountReading(parse_account(answer, self.clock.now()), json.dumps(answer).encode())


async def test_while_an_executor_sends_the_tickets_off_the_account_is_never_overdrawn(databases):
    clock = FixedClock(NOW)
    venue = Venue(clock, "4000")
    sizers = [a_sizer(db, venue, clock) for db in databases]
    tickets: asyncio.Queue[Ticket | None] = asyncio.Queue()

    async def decide(sizer, theirs):
        for selection in theirs:
            for emission in await sizer.send(selection):
                if emission.topic.name == TICKETS.name:
                    tickets.put_nowait(emission.message)

    async def execute():
        while (ticket := await tickets.get()) is not None:
            venue.accept(ticket)  # first the venue …
            async with databases[0].transaction() as connection:
                await mark_at_venue(connection, ticket.meta.id)  # … then the books

    executing = asyncio.create_task(execute())
    await asyncio.gather(
        *(
            decide(*pair)
            for pair in zip(sizers, map(selections, ("SPY", "QQQ"), itertools.repeat(30)), strict=True)
        )
    )
    tickets.put_nowait(None)
    await executing
    assert venue.buying_power < 4000


async def _ticket(sizer: StageDriver, selection) -> Ticket:
    _, answer = await sizer.send(selection)
    assert answer.topic.name == TICKETS.name, answer.message
    return answer.message
