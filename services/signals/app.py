"""Joins the signals stage to the web, Alpaca, Postgres and Kafka."""

import asyncio

from fastapi import FastAPI

from kernel.adapters.alpaca import AlpacaGateway
from kernel.adapters.alpaca_calendar import AlpacaCalendars
from kernel.adapters.postgres import Database
from kernel.adapters.request_buckets import shared_governor
from kernel.contracts.origin import Origin
from kernel.runtime.clock import VenueClock
from kernel.runtime.health import Health
from kernel.runtime.params import load_params
from kernel.stream.process import Process, Task
from kernel.stream.producer import KafkaPublisher
from kernel.stream.retry import retry_in_place
from services.signals.adapters.alpaca_bars import AlpacaBars
from services.signals.adapters.alpaca_time import AlpacaTime
from services.signals.adapters.postgres_alerts import PostgresAlerts
from services.signals.adapters.web import add_alert_route
from services.signals.settings import SignalsSettings
from services.signals.stage import AlertDesk, Scanner, Timetable

NAME = "signals"
#: How long an alert that was kept while the log was down waits at most once the log is back.
RELAY_EVERY_S = 5.0


def build(settings: SignalsSettings) -> Process:
    """Return the signals stage as a process; raises ConfigError on parameters or a trading host that must not be."""
    params = load_params(settings.params_file)
    origin = Origin(NAME, settings.code_revision(), params.config_hash)
    gateway = AlpacaGateway(settings, VenueClock(), governor=shared_governor(settings))
    database = Database(settings.database_url.get_secret_value())
    publisher = KafkaPublisher(settings.kafka_bootstrap_servers, settings.topic_prefix, NAME)
    health = Health()
    time = AlpacaTime(gateway)
    desk = AlertDesk(
        time=time,
        alerts=PostgresAlerts(database),
        publisher=publisher,
        origin=origin,
        params=params.signals,
    )
    tasks = {"relay": _relay(desk, health), "clock": gateway.follow_clock}
    if settings.scanner == "on":
        scanner = Scanner(
            time=time,
            calendars=AlpacaCalendars(gateway),
            bars=AlpacaBars(gateway, feed=settings.stock_feed, params=params.signals),
            publisher=publisher,
            origin=origin,
            params=params.signals,
            underlyings=settings.underlyings,
        )
        tasks["scanner"] = _scans(scanner, Timetable(time=time, interval_s=settings.scan_interval_s), health)

    def routes(app: FastAPI) -> None:
        add_alert_route(app, desk, token=settings.webhook_token, deadline_s=settings.webhook_deadline_s)

    return Process(
        name=NAME,
        settings=settings,
        publisher=publisher,
        health=health,
        resources=[gateway, database],
        start=_start(gateway, desk),
        tasks=tasks,
        routes=routes,
    )


def _start(gateway: AlpacaGateway, desk: AlertDesk) -> Task:
    async def start() -> None:
        await gateway.connect()
        await desk.publish_waiting()

    return start


def _relay(desk: AlertDesk, health: Health) -> Task:
    async def relay() -> None:
        while True:
            await asyncio.sleep(RELAY_EVERY_S)
            await retry_in_place(desk.publish_waiting, stage=NAME, health=health)

    return relay


def _scans(scanner: Scanner, timetable: Timetable, health: Health) -> Task:
    async def scan() -> None:
        await retry_in_place(scanner.scan, stage=NAME, health=health)

    return lambda: timetable.keep_calling(scan)
