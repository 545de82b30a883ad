"""Joins the sizer to Alpaca, Postgres and Kafka."""

from kernel.adapters.alpaca import AlpacaGateway
from kernel.adapters.alpaca_account import AlpacaAccount
from kernel.adapters.decision_log import DecisionLog
from kernel.adapters.postgres import Database
from kernel.adapters.request_buckets import shared_governor
from kernel.contracts.origin import Origin
from kernel.contracts.topics import SELECTIONS
from kernel.runtime.clock import VenueClock
from kernel.runtime.params import load_params
from kernel.stream.process import Process
from kernel.stream.producer import KafkaPublisher
from services.sizer.adapters.postgres_budget import PostgresBudget
from services.sizer.settings import SizerSettings
from services.sizer.stage import SizerStage

NAME = "sizer"


def build(settings: SizerSettings) -> Process:
    """Return the sizer as a process; raises ConfigError on parameters or a trading host that must not be."""
    params = load_params(settings.params_file)
    clock = VenueClock()
    gateway = AlpacaGateway(settings, clock, governor=shared_governor(settings))
    database = Database(settings.database_url.get_secret_value())
    account = AlpacaAccount(gateway)
    stage = SizerStage(
        account=account,
        budget=PostgresBudget(database, DecisionLog(NAME)),
        clock=clock,
        params=params.sizer,
        origin=Origin(NAME, settings.code_revision(), params.config_hash),
    )
    return Process(
        name=NAME,
        settings=settings,
        publisher=KafkaPublisher(settings.kafka_bootstrap_servers, settings.topic_prefix, NAME),
        consumes=SELECTIONS,
        stage=stage,
        resources=[gateway, database],
        start=account.connect,
        tasks={"clock": gateway.follow_clock},
    )
