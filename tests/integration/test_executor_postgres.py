"""Orders, ledger, outbox, election: on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from kernel.adapters.postgres import Database
from kernel.contracts.base import Message
from kernel.contracts.messages import Evidence, Execution, OrderStatus, Rejection
from kernel.domain.errors import TransientError, UnprocessableError
from kernel.runtime.health import Health
from kernel.testing.builders import NOW, a_ticket
from kernel.testing.clock import FixedClock
from kernel.testing.driver import RecordingPublisher
from services.executor.adapters.postgres_orders import PostgresOrders
from services.executor.adapters.postgres_outbox import OutboxRelay
from services.executor.core.gates import check
from services.executor.core.orders import request_of
from services.executor.ports import Held
from services.executor.replay import ExecutorReplay
from tests.fakes.executor import FakeBroker
from tests.fakes.executor_books import FACTS, LEG, STEPS, TICKET, acknowledge, as_of, begin, fill, known, rows
from tests.fakes.executor_facts import LIMITS
from tests.fakes.params import PARAMS
from tests.fakes.waiting import eventually

pytestmark = pytest.mark.integration

S = OrderStatus
#: The first query of docs/how-to/read-the-ledger.md, to the letter.
LEDGER_QUERY = (
    "SELECT ticker, action, contracts, notional, simulated_ts::text FROM dispatch_executions WHERE simulated_ts >"
    " NOW() - INTERVAL '30 minutes' ORDER BY simulated_ts DESC LIMIT 10"
)


async def reserve(database: Database, ticket_id: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO dispatch_accounts VALUES ('PA0000000001') ON CONFLICT DO NOTHING"
        )
        await connection.execute(
            "INSERT INTO dispatch_reservations (ticket_id, account_id, signal_id, underlying, occ_symbol,"
            " reserved_usd, risk_usd, state, expires_at)"
            " VALUES (%s, 'PA0000000001', 's', 'SPY', 'SPY260612C00520000', 1004, 1000, 'in_flight', now())",
            (ticket_id,),
        )


# Orders and their ledger


async def test_an_order_comes_back_as_it_was_written(orders: PostgresOrders) -> None:
    written = await begin(orders)
    again = await begin(orders)
    filled = await fill(orders, 3)

    assert written.written
    assert again == Held(written.order, written=False)
    assert filled.order.average_fill_price == Decimal("2.48")
    assert await orders.unsettled() == [filled.order]


async def test_the_ledger_query_of_record_runs_as_it_stands(
    database: Database, orders: PostgresOrders
) -> None:
    await begin(orders)
    await acknowledge(orders)
    await fill(orders, 4)

    found = await rows(database, LEDGER_QUERY)

    assert [row[:4] for row in found] == [
        ("SPY", "buy_to_open", 4, Decimal(992)),
        ("SPY", "buy_to_open", 4, Decimal(1000)),
        ("SPY", "buy_to_open", 4, Decimal(1000)),
    ]
    assert all(isinstance(row[4], str) for row in found)


async def test_every_step_is_one_ledger_row_and_its_messages_in_the_outbox(
    database: Database, orders: PostgresOrders
) -> None:
    await begin(orders)
    await acknowledge(orders)
    await fill(orders, 1)
    await fill(orders, 1)

    ledger = await rows(
        database, "SELECT sequence, status, filled_contracts, price FROM dispatch_executions ORDER BY 1"
    )
    assert ledger == [
        (1, "SENDING", 0, Decimal("2.50")),
        (2, "ACKNOWLEDGED", 0, Decimal("2.50")),
        (3, "PARTIALLY_FILLED", 1, Decimal("2.48")),
    ]
    outbox = await rows(database, "SELECT topic, key FROM dispatch_outbox ORDER BY id")
    assert outbox == [("evidence", TICKET.meta.id), *[("executions", "SPY")] * 3]


async def test_an_order_that_ended_is_not_unsettled(orders: PostgresOrders) -> None:
    await begin(orders)
    await fill(orders, 4)

    assert await orders.unsettled() == []


async def test_a_claimed_id_is_remembered_and_keeps_its_money(
    database: Database, orders: PostgresOrders
) -> None:
    await reserve(database, TICKET.meta.id)
    await begin(orders)

    await known(orders, TICKET, lambda order: STEPS.claim(order, "the id is taken", NOW))

    (order,) = await orders.unsettled()
    assert (order.status, order.current.id_claimed) == (S.UNKNOWN, True)
    assert await rows(database, "SELECT state FROM dispatch_reservations") == [("in_flight",)]


async def test_a_ticket_of_other_content_under_the_same_id_is_refused(orders: PostgresOrders) -> None:
    await begin(orders)

    with pytest.raises(UnprocessableError):
        await begin(orders, TICKET.model_copy(update={"contracts": 3}))


async def test_an_order_nobody_began_is_none(orders: PostgresOrders) -> None:
    assert await orders.change("nobody's", lambda _order: None) is None


async def test_the_reservation_moves_with_the_order(database: Database, orders: PostgresOrders) -> None:
    await reserve(database, TICKET.meta.id)
    states = []
    for move in (lambda: begin(orders), lambda: acknowledge(orders), lambda: fill(orders, 4)):
        await move()
        states += await rows(database, "SELECT state, release_reason FROM dispatch_reservations")

    assert states == [("in_flight", None), ("at_venue", None), ("released", "FILLED")]


async def test_a_refused_ticket_frees_its_money_and_says_why_in_one_commit(
    database: Database, orders: PostgresOrders
) -> None:
    await reserve(database, TICKET.meta.id)
    late = replace(FACTS, now=TICKET.expires_at.replace(hour=19), clock_skew_s=None)
    refusal = check(TICKET, late, LIMITS)

    await orders.begin(TICKET, await as_of(orders), lambda _book: STEPS.begin(TICKET, late, refusal))

    assert await rows(database, "SELECT status FROM dispatch_orders") == [("REJECTED",)]
    assert await rows(database, "SELECT state FROM dispatch_reservations") == [("released",)]
    assert await rows(database, "SELECT topic FROM dispatch_outbox ORDER BY id") == [
        ("evidence",),
        ("executions",),
        ("rejections",),
    ]


async def test_a_step_is_written_whole_or_not_at_all(database: Database, orders: PostgresOrders) -> None:
    """The ledger refuses the row: then order, outbox and reservation stay as they were."""
    await reserve(database, TICKET.meta.id)
    await begin(orders)
    async with database.transaction() as connection:
        await connection.execute("UPDATE dispatch_executions SET sequence = 2")

    with pytest.raises(psycopg.errors.UniqueViolation):
        await acknowledge(orders)

    assert await rows(database, "SELECT status, sequence FROM dispatch_orders") == [("SENDING", 1)]
    assert await rows(database, "SELECT state FROM dispatch_reservations") == [("in_flight",)]
    assert len(await rows(database, "SELECT id FROM dispatch_outbox")) == 2


async def test_two_workers_that_begin_one_ticket_write_one_order(
    database: Database, orders: PostgresOrders
) -> None:
    held = await asyncio.gather(*(begin(orders) for _ in range(8)))

    assert sum(h.written for h in held) == 1
    assert await rows(database, "SELECT count(*) FROM dispatch_executions") == [(1,)]


async def test_reports_that_race_make_one_step_each_way_forward(
    database: Database, orders: PostgresOrders
) -> None:
    await begin(orders)

    await asyncio.gather(*(fill(orders, n % 4 + 1) for n in range(16)))

    ledger = await rows(database, "SELECT sequence, filled_contracts FROM dispatch_executions ORDER BY 1")
    assert [sequence for sequence, _ in ledger] == list(range(1, len(ledger) + 1))
    fills = [filled for _, filled in ledger]
    assert fills == sorted(set(fills))
    assert await rows(database, "SELECT status, filled_contracts FROM dispatch_orders") == [("FILLED", 4)]


# The outbox


def a_relay(database: Database, publisher: RecordingPublisher) -> OutboxRelay:
    return OutboxRelay(database, publisher, stage="executor", health=Health())


async def test_the_relay_publishes_everything_once_in_order(
    database: Database, orders: PostgresOrders
) -> None:
    await begin(orders)
    await acknowledge(orders)
    await fill(orders, 4)
    publisher = RecordingPublisher()
    relay = a_relay(database, publisher)

    assert [await relay.publish_waiting(), await relay.publish_waiting()] == [4, 0]

    evidence, *executions = [emission.message for emission in publisher.published]
    assert isinstance(evidence, Evidence)
    assert [e.sequence for e in executions] == [1, 2, 3]


async def test_every_decision_leaves_the_outbox_after_evidence_that_decides_it_again(
    database: Database, orders: PostgresOrders
) -> None:
    late = replace(FACTS, now=TICKET.expires_at, clock_skew_s=0.25)
    refusal = check(TICKET, late, LIMITS)
    await begin(orders)
    await known(orders, TICKET, lambda order: STEPS.doubt(order, "time-out", NOW))
    await known(orders, TICKET, lambda order: STEPS.send_again(order, FACTS, None))
    await known(orders, TICKET, lambda order: STEPS.send_again(order, late, refusal))
    publisher = RecordingPublisher()
    await a_relay(database, publisher).publish_waiting()
    published = [emission.message for emission in publisher.published]

    replay = ExecutorReplay(PARAMS, "test")
    decided: list[int] = []
    for place, evidence in enumerate(published):
        if isinstance(evidence, Evidence):
            again = [e.message for e in await replay.decide(TICKET, evidence)]
            wrote = published[place + 1 : place + 1 + len(again)]
            assert [unsigned(m) for m in again] == [unsigned(m) for m in wrote]
            decided.append(again[0].sequence)
    assert decided == [1, 3, 4]
    assert [type(m) for m in published] == [Evidence, Execution, Execution] + [Evidence, Execution] * 2 + [
        Rejection
    ]


def unsigned(message: Message) -> Message:
    """Return a message without what says whose it is."""
    return message.model_copy(update={"meta": message.meta.model_copy(update={"config_hash": ""})})


async def test_what_the_log_did_not_take_is_published_again(
    database: Database, orders: PostgresOrders
) -> None:
    await begin(orders)
    publisher = RecordingPublisher()
    publisher.fails_with = TransientError("no acknowledgement")
    relay = a_relay(database, publisher)

    with pytest.raises(TransientError):
        await relay.publish_waiting()

    assert await relay.publish_waiting() == 2


async def test_only_rows_published_more_than_a_day_ago_are_deleted(
    database: Database, orders: PostgresOrders
) -> None:
    await begin(orders)
    await acknowledge(orders)
    await fill(orders, 4)
    relay = a_relay(database, RecordingPublisher())
    async with database.transaction() as connection:
        await connection.execute(
            "UPDATE dispatch_outbox SET created_at = now() - interval '1 year', published_at = CASE topic"
            " WHEN 'evidence' THEN now() - interval '25 hours' ELSE NULL END"
        )
    await relay.publish_waiting()

    assert [await relay.prune(), await relay.prune()] == [1, 0]
    assert await rows(database, "SELECT DISTINCT topic FROM dispatch_outbox") == [("executions",)]


async def test_rows_that_wait_are_kept_however_old(database: Database, orders: PostgresOrders) -> None:
    await begin(orders)
    async with database.transaction() as connection:
        await connection.execute("UPDATE dispatch_outbox SET created_at = now() - interval '1 year'")

    assert await a_relay(database, RecordingPublisher()).prune() == 0
    assert await rows(database, "SELECT count(*) FROM dispatch_outbox") == [(2,)]


async def test_relays_of_several_workers_publish_each_message_once(
    database: Database, orders: PostgresOrders
) -> None:
    tickets = [a_ticket(f"signal-{n}", legs=(LEG,)) for n in range(20)]
    publisher = RecordingPublisher()
    relays = [a_relay(database, publisher) for _ in range(3)]

    async def work(ticket: Any) -> None:
        await begin(orders, ticket)
        await acknowledge(orders, ticket)
        await fill(orders, 4, ticket)

    for ticket in tickets:
        await asyncio.gather(work(ticket), *(relay.publish_waiting() for relay in relays))
    await relays[0].publish_waiting()

    ids = [emission.message.meta.id for emission in publisher.published]
    assert len(ids) == len(set(ids)) == 80
    by_order: dict[str, list[int]] = {}
    for emission in publisher.published:
        if isinstance(emission.message, Execution):
            by_order.setdefault(emission.message.ticket_id, []).append(emission.message.sequence)
    assert all(sequences == [1, 2, 3] for sequences in by_order.values())


async def test_a_committed_step_is_published_without_waiting_for_the_poll(database: Database) -> None:
    publisher = RecordingPublisher()
    relay = a_relay(database, publisher)
    orders = PostgresOrders(database, relay.kick)
    async with running(relay.run()):
        await begin(orders)
        await eventually(lambda: len(publisher.published) == 2)


async def test_a_rejection_is_said_once_even_if_an_order_ends_so_twice(
    database: Database, orders: PostgresOrders
) -> None:
    """Closed by our own word, shown by the venue after all, and then rejected by it."""
    await begin(orders)
    broker = FakeBroker(FixedClock())
    accepted = broker.accept(request_of(TICKET))
    rejected = broker.end(request_of(TICKET).client_order_id, S.REJECTED)
    late = replace(FACTS, now=TICKET.expires_at.replace(hour=19), clock_skew_s=None)
    refusal = check(TICKET, late, LIMITS)
    assert refusal is not None

    await known(orders, TICKET, lambda order: STEPS.refuse(order, refusal, NOW))
    await known(orders, TICKET, lambda order: STEPS.report(order, accepted, NOW))
    await known(orders, TICKET, lambda order: STEPS.report(order, rejected, NOW))

    publisher = RecordingPublisher()
    await a_relay(database, publisher).publish_waiting()
    said = [e.message for e in publisher.published]
    assert len([m for m in said if isinstance(m, Rejection)]) == 1
    assert [m.status for m in said if isinstance(m, Execution)] == [
        S.SENDING,
        S.REJECTED,
        S.ACKNOWLEDGED,
        S.REJECTED,
    ]


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
