"""Joins the selector to Alpaca, Postgres and Kafka."""

from kernel.adapters.alpaca import AlpacaGateway
from kernel.adapters.alpaca_account import AlpacaAccount
from kernel.adapters.alpaca_calendar import AlpacaCalendars
from kernel.adapters.decision_log import DecisionLog
from kernel.adapters.postgres import Database
from kernel.adapters.request_buckets import shared_governor
from kernel.contracts.origin import Origin
from kernel.contracts.topics import SIGNALS
from kernel.runtime.clock import VenueClock
from kernel.runtime.params import load_params
from kernel.stream.process import Process
from kernel.stream.producer import KafkaPublisher
from services.selector.adapters.alpaca_chain import AlpacaChains
from services.selector.adapters.postgres_decisions import PostgresDecisions
from services.selector.core.validation import CALENDAR_DAYS_BACK, calendar_days_ahead
from services.selector.settings import SelectorSettings
from services.selector.stage import SelectorStage

NAME = "selector"


def build(settings: SelectorSettings) -> Process:
    """Return the selector as a process; raises ConfigError on parameters or a trading host that must not be."""
    params = load_params(settings.params_file)
    clock = VenueClock()
    gateway = AlpacaGateway(settings, clock, governor=shared_governor(settings))
    database = Database(settings.database_url.get_secret_value())
    publisher = KafkaPublisher(settings.kafka_bootstrap_servers, settings.topic_prefix, NAME)
    stage = SelectorStage(
        chains=AlpacaChains(gateway, settings.option_feed, settings.stock_feed),
        accounts=AlpacaAccount(gateway),
        calendars=AlpacaCalendars(
            gateway, days_back=CALENDAR_DAYS_BACK, days_ahead=calendar_days_ahead(params.selector)
        ),
        decisions=PostgresDecisions(database, DecisionLog(NAME)),
        evidence=publisher,
        clock=clock,
        params=params,
        origin=Origin(NAME, settings.code_revision(), params.config_hash),
    )
    return Process(
        name=NAME,
        settings=settings,
        publisher=publisher,
        consumes=SIGNALS,
        stage=stage,
        resources=[gateway, database],
        start=gateway.connect,
        tasks={"clock": gateway.follow_clock},
    )
