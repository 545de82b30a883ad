"""Joins the executor to Alpaca, Postgres and Kafka."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from kernel.adapters.alpaca import AlpacaGateway, require_paper_host
from kernel.adapters.alpaca_account import AlpacaAccount
from kernel.adapters.alpaca_calendar import AlpacaCalendars
from kernel.adapters.postgres import Database
from kernel.adapters.request_buckets import shared_governor
from kernel.contracts.origin import Origin
from kernel.contracts.topics import TICKETS
from kernel.runtime.clock import SystemClock, VenueClock
from kernel.runtime.health import Health
from kernel.runtime.params import load_params
from kernel.runtime.settings import PAPER_TRADING_URL
from kernel.stream.process import Process, Task
from kernel.stream.producer import KafkaPublisher
from services.executor.adapters.alpaca_broker import AlpacaBroker
from services.executor.adapters.alpaca_facts import AlpacaAccounts, AlpacaPrices
from services.executor.adapters.alpaca_quotes import AlpacaQuotes
from services.executor.adapters.alpaca_statement import AlpacaStatement
from services.executor.adapters.alpaca_stream import AlpacaTradeUpdates
from services.executor.adapters.postgres_books import PostgresBooks
from services.executor.adapters.postgres_election import PostgresElection
from services.executor.adapters.postgres_orders import PostgresOrders
from services.executor.adapters.postgres_outbox import OutboxRelay
from services.executor.adapters.postgres_readiness import PostgresReadiness
from services.executor.adapters.postgres_switch import PostgresSwitch
from services.executor.adapters.wire_guard import WireGuard
from services.executor.core.steps import Steps
from services.executor.core.switching import tripped_by_traffic
from services.executor.gathering import Gathering
from services.executor.reconciliation import Reconciler
from services.executor.settings import ExecutorSettings
from services.executor.stage import ExecutorStage
from services.executor.statement_reading import StatementReader
from services.executor.stopping import OrderStopper
from services.executor.stream_watch import StreamWatch
from services.executor.tracking import OrderTracker
from services.executor.walk_conditions import WalkConditions
from services.executor.walking import OrderWalker

NAME = "executor"
#: Sixteen tickets at once, the followers, the relay: more than the default pool, far below the server's limit.
_CONNECTIONS = 8
#: An order on its way holds one of these: the switch must not wait for a connection, nor the ledger for the switch.
_SWITCH_CONNECTIONS = 18


def build(settings: ExecutorSettings) -> Process:
    """Return the executor as a process; raises ConfigError on parameters or a trading host that must not be."""
    require_paper_host(settings.apca_api_base_url)  # the trade updates do not go through the gateway
    params = load_params(settings.params_file)
    clock, health = VenueClock(), Health()
    guard = WireGuard()
    gateway = AlpacaGateway(settings, clock, governor=shared_governor(settings), before_trading=guard.check)
    url = settings.database_url.get_secret_value()
    database, switches = Database(url, size=_CONNECTIONS), Database(url, size=_SWITCH_CONNECTIONS)
    origin = Origin(NAME, settings.code_revision(), params.config_hash)
    publisher = KafkaPublisher(settings.kafka_bootstrap_servers, settings.topic_prefix, NAME)
    relay = OutboxRelay(database, publisher, stage=NAME, health=health)
    most = params.executor.gates.orders_per_minute_max
    orders = PostgresOrders(
        database, relay.kick, guard, lambda traffic: tripped_by_traffic(traffic, most, origin)
    )
    steps = Steps(origin)
    switch = PostgresSwitch(switches, origin, relay.kick, venue_deadline_s=settings.venue_deadline_s)
    broker, account = AlpacaBroker(gateway, switch, guard), AlpacaAccount(gateway)
    stream = StreamWatch(AlpacaTradeUpdates(settings))
    tracker = OrderTracker(
        broker=broker,
        orders=orders,
        updates=stream,
        clock=clock,
        steps=steps,
        sweep_s=settings.sweep_s,
    )
    sessions = AlpacaCalendars(gateway)
    readiness = PostgresReadiness(database, lambda: account.account_id, settings.reconcile_s)
    gathering = Gathering(
        accounts=AlpacaAccounts(gateway),
        prices=AlpacaPrices(gateway, settings.option_feed, settings.stock_feed),
        sessions=sessions,
        readiness=readiness,
        clock=clock,
        clock_skew_s=_skew(settings, clock),
        venue_url=lambda: gateway.trading_url,
        pause=asyncio.sleep,
        params=params,
    )
    walker = OrderWalker(
        broker=broker,
        orders=orders,
        conditions=WalkConditions(
            switch=switch,
            readiness=readiness,
            sessions=sessions,
            quotes=AlpacaQuotes(gateway, settings.option_feed),
            clock=clock,
            params=params,
        ),
        clock=clock,
        pause=asyncio.sleep,
        params=params,
        steps=steps,
    )
    books = PostgresBooks(database)
    reconciler = Reconciler(
        reader=StatementReader(
            statement=AlpacaStatement(gateway),
            books=books,
            sweep=tracker.sweep,
            follow=tracker.follow_order,
            clock=clock,
            account_id=lambda: account.account_id,
        ),
        books=books,
        stream=stream,
        account_id=lambda: account.account_id,
        reconcile_s=settings.reconcile_s,
    )
    stopper = OrderStopper(
        switch=switch, broker=broker, orders=orders, follow=tracker.follow, pause=asyncio.sleep
    )
    stage = ExecutorStage(
        broker=broker,
        orders=orders,
        facts=gathering.facts,
        clock=clock,
        pause=asyncio.sleep,
        params=params,
        steps=steps,
    )
    election = PostgresElection(url, lambda: f"dispatch executor listens to {account.account_id}")
    return Process(
        name=NAME,
        settings=settings,
        publisher=publisher,
        health=health,
        consumes=TICKETS,
        stage=stage,
        resources=[gateway, database, switches],
        start=_start(account, tracker),
        tasks={
            "relay": relay.run,
            "pruning": relay.keep_short,
            "tracking": lambda: election.lead(
                lambda: _all_of(tracker.run, stopper.run, reconciler.run, walker.run)
            ),
            "clock": gateway.follow_clock,
        },
    )


def _skew(settings: ExecutorSettings, venue: VenueClock) -> Callable[[], float] | None:
    """A venue on this machine is a simulator, whose time is its own; only the real one is measured against ours."""
    real = urlsplit(settings.apca_api_base_url).hostname == urlsplit(PAPER_TRADING_URL).hostname
    if not real:
        return None
    machine = SystemClock()

    def ahead_s() -> float:
        return (machine.now() - venue.now()).total_seconds()

    return ahead_s


async def _all_of(*works: Task) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(_awaited(work))


async def _awaited(work: Task) -> None:
    await work()


def _start(account: AlpacaAccount, tracker: OrderTracker) -> Task:
    async def start() -> None:
        await account.connect()
        # No new order before what is already at the venue is known.
        await tracker.sweep()

    return start
