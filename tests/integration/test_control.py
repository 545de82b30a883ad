"""The switch on a real Postgres: latched, announced with its change, held by every order on its way."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from io import StringIO
from typing import Any

import pytest

from dispatch import cli
from dispatch.switch import Done, Stop, SwitchMoved, resume_trading, standing_switch, stop_trading, told
from kernel.adapters import postgres
from kernel.adapters.alpaca import AlpacaGateway
from kernel.adapters.control import HoldingTimes, change_switch, drained, held, holding_times, read_switch
from kernel.adapters.migrate import migrate
from kernel.adapters.postgres import Connection, Database
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Control, RejectionCode
from kernel.contracts.origin import Origin
from kernel.contracts.parts import Action
from kernel.contracts.topics import CONTROL
from kernel.domain.control import ControlState, Switch, tightened
from kernel.runtime.clock import VenueClock
from kernel.runtime.settings import ServiceSettings
from kernel.testing.builders import NOW, a_ticket
from services.executor.adapters.alpaca_broker import AlpacaBroker
from services.executor.adapters.postgres_orders import PostgresOrders
from services.executor.adapters.postgres_switch import PostgresSwitch
from services.executor.adapters.wire_guard import WireGuard
from services.executor.core.answers import Accepted, Answer, Stopped
from services.executor.core.gates import Refusal
from services.executor.core.orders import OrderRequest, request_of
from services.executor.core.risk_book import AsOf
from services.executor.core.steps import Steps
from services.executor.ports import Held
from services.executor.settings import ExecutorSettings
from tests.fakes.executor_books import FACTS
from tests.fakes.http import Script, scripted_server

pytestmark = pytest.mark.integration
S = ControlState
ORIGIN = Origin("executor", "test", "test")
SETTINGS = ServiceSettings.from_env({})
DEADLINE_S = 60


@pytest.fixture
def venue() -> Iterator[Script]:
    with scripted_server() as script:
        yield script


async def halt(
    url: str, state: ControlState = S.HALTED, reason: str = "a drill", *, cancel: bool = False
) -> Done:
    stop = Stop(state=state, reason=reason, by="ada", cancel_orders=cancel)
    return await stop_trading(url, SETTINGS, stop, on_committed=lambda _switch: None, cancel_patience_s=0.1)


async def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.transaction() as connection:
        return await (await connection.execute(query.encode())).fetchall()


async def announced(database: Database) -> list[Control]:
    found = await rows(database, "SELECT payload FROM dispatch_outbox WHERE topic = 'control' ORDER BY id")
    return [Codec().decode(CONTROL, bytes(payload)) for (payload,) in found]


async def trip(connection: Connection, state: ControlState, reason: str = "a breaker") -> Switch:
    def tighten(standing: Switch, now: datetime) -> Switch:
        return tightened(standing, state, reason=reason, by="executor", now=now)

    return await change_switch(connection, tighten, ORIGIN)


# Changed, told, latched


async def test_trading_is_active_until_somebody_stops_it(database: Database, database_url: str) -> None:
    switch = await standing_switch(database_url)

    assert (switch.state, switch.version) == (S.ACTIVE, 1)
    assert await announced(database) == []


async def test_a_change_its_history_and_its_message_are_one(database: Database, database_url: str) -> None:
    await halt(database_url, S.REDUCING, "odd quotes")
    await halt(database_url, reason="worse", cancel=True)
    await resume_trading(database_url, SETTINGS, await standing_switch(database_url), "mended", "bob")

    history = await rows(
        database,
        "SELECT version, state, reason, changed_by, cancel_orders FROM dispatch_control_history ORDER BY version",
    )
    assert history == [
        (2, "REDUCING", "odd quotes", "ada", False),
        (3, "HALTED", "worse", "ada", True),
        (4, "ACTIVE", "mended", "bob", False),
    ]
    messages = await announced(database)
    assert [(m.version, m.state.value, m.reason, m.changed_by, m.cancel_orders) for m in messages] == history
    assert len({m.meta.id for m in messages}) == 3
    switch = await standing_switch(database_url)
    assert switch.counts_from == switch.since


async def test_asking_twice_is_one_change_and_keeps_the_first_reason(
    database: Database, database_url: str
) -> None:
    first = await halt(database_url, reason="first")
    again = await halt(database_url, reason="second")

    assert (first.changed, again.changed, again.complete) == (True, False, True)
    assert again.switch == first.switch
    assert "it stood so already" in list(told(again))
    assert len(await announced(database)) == 1


async def test_reducing_what_is_halted_says_that_only_a_resume_loosens(
    database_url: str, database: Database
) -> None:
    await halt(database_url)
    done = await halt(database_url, S.REDUCING)

    assert (done.switch.state, done.complete) == (S.HALTED, False)
    assert "only `dispatch resume`" in next(iter(told(done)))


async def test_many_breakers_at_once_make_one_change(database: Database) -> None:
    async def one(n: int) -> Switch:
        async with database.transaction() as connection:
            return await trip(connection, S.REDUCING, f"breaker {n}")

    switches = await asyncio.gather(*(one(n) for n in range(20)))

    assert len(set(switches)) == 1
    assert len(await announced(database)) == 1


async def test_a_breaker_waits_for_nobody_where_it_would_change_nothing(database: Database) -> None:
    async with database.transaction() as connection:
        await trip(connection, S.REDUCING)
    async with database.transaction() as connection, database.transaction() as holder:
        await holder.execute("SELECT 1 FROM dispatch_control FOR UPDATE")
        assert (await trip(connection, S.REDUCING, "a storm")).reason == "a breaker"


async def test_a_halt_outwaits_a_process_that_stands_still_in_its_own_change(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_STATEMENT_TIMEOUT_MS", 200)
    async with database.transaction() as stopped:
        await trip(stopped, S.REDUCING)
        halting = asyncio.create_task(halt(database_url))
        await waited_beyond(database, "1 second")
        assert not halting.done()

    assert (await halting).changed
    assert [m.state for m in await announced(database)] == [S.REDUCING, S.HALTED]


async def waited_beyond(database: Database, interval: str) -> None:
    """Return once somebody has waited that long for a lock."""
    asked = (
        "SELECT count(*) FROM pg_stat_activity"
        f" WHERE wait_event_type = 'Lock' AND now() - query_start > interval '{interval}'"
    )
    async with asyncio.timeout(DEADLINE_S):
        while not (await rows(database, asked))[0][0]:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.05)


async def test_a_change_that_is_rolled_back_is_not_told(database: Database) -> None:
    with suppress(ZeroDivisionError):
        async with database.transaction() as connection:
            await trip(connection, S.HALTED)
            raise ZeroDivisionError
    async with database.transaction() as connection:
        assert (await read_switch(connection)).active
    assert await announced(database) == []


async def test_a_switch_that_is_gone_lets_nothing_through_until_a_person_resumes(
    database: Database, database_url: str
) -> None:
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM dispatch_control")
    assert (await standing_switch(database_url)).state is S.HALTED

    await resume_trading(database_url, SETTINGS, await standing_switch(database_url), "mended", "bob")

    assert (await standing_switch(database_url)).active


async def test_only_what_was_shown_is_lifted(database: Database, database_url: str) -> None:
    await halt(database_url, S.REDUCING, "odd quotes")
    shown = await standing_switch(database_url)
    await halt(database_url, reason="worse")

    with pytest.raises(SwitchMoved, match=r"HALTED .* worse"):
        await resume_trading(database_url, SETTINGS, shown, "mended", "bob")

    switch = await standing_switch(database_url)
    assert (switch.state, switch.reason) == (S.HALTED, "worse")
    assert [m.state for m in await announced(database)] == [S.REDUCING, S.HALTED]


# Breakers


class Permits(WireGuard):
    """A guard that records what it is told, by a clock of its own."""

    def __init__(self) -> None:
        super().__init__(lambda: self.now_s)
        self.now_s = 1000.0
        self.permitted: list[OrderRequest] = []
        self.decided_at_s: list[float | None] = []
        self.renewed: list[tuple[str, float]] = []

    def permit(
        self, request: OrderRequest, *, replaces: str | None = None, decided_at_s: float | None = None
    ) -> None:
        self.permitted.append(request)
        self.decided_at_s.append(decided_at_s)

    def renew(self, client_order_id: str, decided_at_s: float) -> None:
        self.renewed.append((client_order_id, decided_at_s))


async def begin(orders: PostgresOrders, refusal: Refusal | None = None) -> Held:
    as_of = AsOf(books=await orders.time(), market=NOW)
    return await orders.begin(
        a_ticket(), as_of, lambda _book: Steps(ORIGIN).begin(a_ticket(), FACTS, refusal)
    )


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (RejectionCode.ORDER_RATE_ABOVE_LIMIT, S.REDUCING),
        (RejectionCode.CONSECUTIVE_REJECTS, S.REDUCING),
        (RejectionCode.DAILY_LOSS_ABOVE_LIMIT, S.REDUCING),
        (RejectionCode.DRAWDOWN_ABOVE_LIMIT, S.REDUCING),
        (RejectionCode.TICKET_EXPIRED, S.ACTIVE),
        (RejectionCode.TRADING_HALTED, S.ACTIVE),
    ],
)
async def test_the_refusal_of_a_breaker_trips_the_switch_in_its_own_transaction(
    database: Database, database_url: str, code: RejectionCode, state: ControlState
) -> None:
    guard = Permits()
    orders = PostgresOrders(database, lambda: None, guard)
    refusal = Refusal(code=code, message="too much")

    await begin(orders, refusal)

    switch = await standing_switch(database_url)
    assert switch.state is state
    assert guard.permitted == []
    if state is not S.ACTIVE:
        assert (switch.by, switch.reason) == ("executor", f"{code.value}: too much")
        topics = await rows(database, "SELECT topic FROM dispatch_outbox ORDER BY id")
        assert [topic for (topic,) in topics] == ["evidence", "executions", "rejections", "control"]


async def test_an_intent_is_permitted_once_it_is_committed_and_only_by_who_wrote_it(
    database: Database,
) -> None:
    guard = Permits()
    orders = PostgresOrders(database, lambda: None, guard)

    await begin(orders)
    await begin(orders)

    assert guard.permitted == [request_of(a_ticket())]


async def test_a_permit_is_as_old_as_its_decision_and_renewed_by_a_judgement_that_let_the_order_be(
    database: Database,
) -> None:
    guard = Permits()
    orders = PostgresOrders(database, lambda: None, guard)
    held = await begin(orders)
    assert guard.decided_at_s == [guard.now_s]

    guard.now_s += 60
    kept = await orders.judge(held.order, AsOf(books=NOW, market=NOW), lambda _order, _book: None)
    assert kept is not None
    assert guard.renewed == [(held.order.client_order_id, guard.now_s)]

    other = PostgresOrders(database, lambda: None)
    await other.change(held.order.client_order_id, lambda stored: Steps(ORIGIN).doubt(stored, "?", NOW))
    await orders.judge(held.order, AsOf(books=NOW, market=NOW), lambda _order, _book: None)
    assert len(guard.renewed) == 1, "somebody else moved it meanwhile"


# Held by what is on its way


class Worker:
    """An order desk of its own process: its own connections, its own permits."""

    def __init__(self, database: Database, gateway: AlpacaGateway, guard: WireGuard) -> None:
        self.switch = PostgresSwitch(database, ORIGIN, lambda: None, venue_deadline_s=gateway.deadline_s)
        self.guard = guard
        self.broker = AlpacaBroker(gateway, self.switch, guard)

    async def send(self, cause: str, action: Action = Action.BUY_TO_OPEN) -> Answer:
        request = request_of(a_ticket(cause, action=action))
        self.guard.permit(request)
        return await self.broker.submit(request)


@asynccontextmanager
async def a_worker(url: str, venue: Script, deadline_s: float = 10.0) -> AsyncIterator[Worker]:
    settings = ExecutorSettings.from_env(
        {"APCA_API_BASE_URL": venue.url, "DISPATCH_VENUE_DEADLINE_S": str(deadline_s)}
    )
    guard = WireGuard()
    gateway = AlpacaGateway(settings, VenueClock(), before_trading=guard.check)
    async with Database(url, size=4) as database:
        yield Worker(database, gateway, guard)
    gateway.close()
    gateway.trading._session.close()


def an_order(cause: str) -> dict[str, Any]:
    request = request_of(a_ticket(cause))
    return {
        "id": f"v-{cause}",
        "client_order_id": request.client_order_id,
        "symbol": request.occ_symbol,
        "asset_class": "us_option",
        "side": "buy",
        "qty": "4",
        "filled_qty": "0",
        "limit_price": "2.5",
        "status": "accepted",
        "updated_at": "2026-06-05T14:30:00Z",
    }


async def until(condition: Any) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - what is polled happens in a thread
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("state", [S.HALTED, S.REDUCING])
async def test_a_halt_returns_when_the_order_on_its_way_is_answered_and_the_next_is_refused(
    database: Database, database_url: str, venue: Script, state: ControlState
) -> None:
    venue.say(200, an_order("first"))
    venue.speaks.clear()
    async with a_worker(database_url, venue) as one, a_worker(database_url, venue) as two:
        sending = asyncio.create_task(one.send("first"))
        await until(lambda: venue.asked)
        committed = asyncio.Event()
        stop = Stop(state=state, reason="a drill", by="ada", cancel_orders=False)
        halting = asyncio.create_task(
            stop_trading(database_url, SETTINGS, stop, on_committed=lambda _switch: committed.set())
        )
        await committed.wait()
        assert not halting.done()
        if state is S.HALTED:  # refused at once, though the halt still waits
            assert isinstance(await two.send("second"), Stopped)
            assert not halting.done()
        venue.speaks.set()
        done = await halting
        assert isinstance(await sending, Accepted)
        assert (done.drained, done.complete) == (True, True)
        for worker in (one, two):
            assert isinstance(await worker.send("third"), Stopped)
    assert [method for method, _, _ in venue.asked] == ["POST"]


async def test_what_closes_waits_in_line_while_a_reduction_waits_for_what_opens(
    database: Database, database_url: str, venue: Script
) -> None:
    venue.say(200, an_order("first"))
    venue.say(200, an_order("second"))
    venue.speaks.clear()
    async with a_worker(database_url, venue) as one, a_worker(database_url, venue) as two:
        opening = asyncio.create_task(one.send("first"))
        await until(lambda: venue.asked)
        reducing = asyncio.create_task(halt(database_url, S.REDUCING))
        await waiting_for_the_switch(database, 1)
        closing = asyncio.create_task(two.send("second", Action.SELL_TO_CLOSE))
        await waiting_for_the_switch(database, 2)
        assert len(venue.asked) == 1
        venue.speaks.set()
        assert (await reducing).drained
        assert isinstance(await opening, Accepted)
        assert isinstance(await closing, Accepted)
    assert len(venue.asked) == 2


async def waiting_for_the_switch(database: Database, count: int) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with asyncio.timeout(DEADLINE_S):
        while await rows(database, waiting) != [(count,)]:  # noqa: ASYNC110 - a server's table tells nobody
            await asyncio.sleep(0.02)


async def test_orders_flow_again_after_a_resume(database: Database, database_url: str, venue: Script) -> None:
    async with a_worker(database_url, venue) as worker:
        await halt(database_url)
        assert isinstance(await worker.send("first"), Stopped)
        await resume_trading(database_url, SETTINGS, await standing_switch(database_url), "mended", "bob")
        venue.say(200, an_order("second"))
        assert isinstance(await worker.send("second"), Accepted)


async def test_what_closes_is_sent_while_reducing(
    database: Database, database_url: str, venue: Script
) -> None:
    await halt(database_url, S.REDUCING)
    venue.say(200, an_order("first"))
    async with a_worker(database_url, venue) as worker:
        assert isinstance(await worker.send("first", Action.SELL_TO_CLOSE), Accepted)
        assert isinstance(await worker.send("second"), Stopped)


async def test_two_orders_are_on_their_way_at_once(
    database: Database, database_url: str, venue: Script
) -> None:
    venue.speaks.clear()
    for cause in ("first", "first"):
        venue.say(200, an_order(cause))
    async with a_worker(database_url, venue) as one, a_worker(database_url, venue) as two:
        sending = [asyncio.create_task(one.send("first")), asyncio.create_task(two.send("first"))]
        await until(lambda: len(venue.asked) == 2)
        assert not await drained(database, 0.2)
        venue.speaks.set()
        await asyncio.gather(*sending)
    assert await drained(database, DEADLINE_S)


async def test_a_holder_that_stands_still_loses_the_switch_and_may_not_send_any_more(
    database: Database,
) -> None:
    times = HoldingTimes(lease_s=0.2, at_most_s=0.5, longest_s=1.0)
    async with held(database, times) as lease:
        # Sooner than any other transaction would be ended.
        assert await drained(database, 20.0), "the server has ended the transaction"
        assert lease.over


async def test_what_happens_while_the_switch_is_held_is_not_hidden(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with held(database, holding_times(1.0)):
            raise ZeroDivisionError
    assert await drained(database, DEADLINE_S)


async def test_the_tripped_switch_names_what_was_blocked(
    database: Database, database_url: str, venue: Script
) -> None:
    async with a_worker(database_url, venue) as worker:
        with pytest.raises(Exception, match="ORDERS_ABOVE_DECISIONS"):
            await worker.broker.submit(request_of(a_ticket("nobody asked")))
    switch = await standing_switch(database_url)
    assert (switch.state, switch.by) == (S.HALTED, "executor")
    assert "ORDERS_ABOVE_DECISIONS" in switch.reason
    assert venue.asked == []
    assert [m.state for m in await announced(database)] == [S.HALTED]


# Told


async def test_orders_that_could_not_be_cancelled_are_named(database: Database, database_url: str) -> None:
    orders = PostgresOrders(database, lambda: None)
    held_order = await begin(orders)

    done = await halt(database_url, cancel=True)

    assert [order.client_order_id for order in done.left] == [held_order.order.client_order_id]
    assert not done.complete
    assert any(held_order.order.client_order_id in line for line in told(done))
    assert done.left[0].status == "SENDING"


# As a person types it, with nothing but Postgres


def type_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, *words: str
) -> tuple[int, str, str]:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "APCA_API_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setattr("sys.argv", ["dispatch", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.out, said.err


def test_the_commands_need_postgres_alone(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate(database_url)

    def dispatch(*words: str) -> tuple[int, str, str]:
        return type_in(monkeypatch, capsys, database_url, *words)

    code, out, err = dispatch("halt", "--reason", "a  drill")
    assert (code, out.splitlines()[-1]) == (0, "no order is on its way any more")
    assert out.startswith("trading: HALTED  by ")
    assert "HALTED is committed" in err
    code, out, _ = dispatch("reduce", "--reason", "less", "--json")
    document = json.loads(out)
    assert (code, document["state"], document["reason"], document["changed"]) == (
        1,
        "HALTED",
        "a drill",
        False,
    )
    code, out, _ = dispatch("resume", "--reason", "over", "--json")
    assert (code, json.loads(out)["state"]) == (0, "ACTIVE")


def test_on_a_terminal_a_person_sees_what_he_lifts(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    def resume(answer: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", Terminal(answer))
        return type_in(monkeypatch, capsys, database_url, "resume", "--reason", "over")

    migrate(database_url)
    type_in(monkeypatch, capsys, database_url, "halt", "--reason", "a drill")

    code, out, err = resume("n\n")
    assert (code, out.strip()) == (1, "")
    assert ": a drill" in err.splitlines()[0]
    code, out, err = resume("y\n")
    assert code == 0
    assert "trading: ACTIVE" in out


def test_a_database_that_is_away_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = "postgresql://nobody:none@127.0.0.1:1/none"

    code, out, err = type_in(monkeypatch, capsys, nowhere, "halt", "--reason", "a drill")

    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith("dispatch: not known whether it was done, ask again: the database did not answer")
