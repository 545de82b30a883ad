"""The venue's settings: from the command line, or from SIMULATOR_* environment variables (a container's way)."""

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from kernel.domain.errors import ConfigError
from simulator.account_rules import AccountRules
from simulator.clock import SPEED_MAX
from simulator.feeds.rules import DataPlan, DataRules
from simulator.markets.days import Days, read_days
from simulator.venue.fills import FillModel
from simulator.venue.limits import Limits

_PLANS = frozenset({"one", "by-key"})


class VenueSettings(BaseSettings):
    """Everything a venue is started with; SIMULATOR_EQUITY=5000 sets `equity`."""

    model_config = SettingsConfigDict(env_prefix="SIMULATOR_", frozen=True, extra="forbid")

    #: "synthetic", or "lean:FOLDER" for a recorded day.
    market: str = "synthetic"
    #: Underlying of a recorded market, or several parted by commas; of a synthetic one, None means all.
    symbol: str | None = None
    #: Day of the market, or FIRST..LAST of a recorded one; None lets the market choose.
    date: Annotated[Days | None, NoDecode] = None
    #: Everything random (prices, latencies, partial fills) follows from it.
    seed: int = 0
    #: Instant the clock starts at; None: the market's own suggestion.
    start: AwareDatetime | None = None
    #: Market seconds per real second.
    speed: float = Field(default=1.0, ge=0, le=SPEED_MAX)
    #: Starting cash, USD.
    equity: float = Field(default=100_000, gt=0)
    fill_model: FillModel = FillModel.NBBO
    #: Real time from acceptance to the market, uniform between the two, milliseconds.
    latency_ms: Annotated[tuple[float, float], NoDecode] = (20.0, 60.0)
    #: Percentage of eligible fills that are partial, as Alpaca's paper venue has it.
    partial_fills: float = Field(default=10.0, ge=0, le=100)
    #: Underlyings whose options trade to 4:15 pm, parted by commas; at the exchanges those of some broad funds and indexes.
    late_close: str = ""
    #: Market data plan: "basic" (30 stream symbols; neither sip nor opra) or "plus".
    data_plan: DataPlan = DataPlan.PLUS
    #: Requests an account may make a minute, to trading and to market data each; Alpaca's basic plan has 200.
    rate_limit: int = Field(default=1_000_000, ge=1)
    #: Most contracts expiring today an account may hold and have on order; None: any number. Alpaca has a limit, untold.
    expiring_today_limit: int | None = Field(default=None, ge=0)
    #: Most an order for options may be worth, USD; None: any amount. Alpaca has a limit, untold.
    order_notional_limit: float | None = Field(default=None, gt=0)
    #: Real seconds a data stream's client has to authenticate.
    stream_auth_timeout_s: float = Field(default=10.0, gt=0)
    #: Frames that may wait for a data stream's client before it is told that it is slow.
    stream_queue: int = Field(default=1024, ge=1)
    host: str = "127.0.0.1"
    #: 0 chooses a free one.
    port: int = Field(default=0, ge=0, le=65535)
    #: Journal as JSON lines, beside GET /sim/journal.
    journal: Path | None = None
    #: File that accounts, orders, positions and the clock survive a restart in; None: they live in memory.
    state: Path | None = None
    #: "one": all keys share one account; "by-key": each key has its own; "KEY=USD,…": those keys, and one for the rest.
    accounts: str = "one"
    #: Where to write {"host", "port"} once the server listens.
    ready_file: Path | None = None

    @property
    def account_rules(self) -> AccountRules:
        """Who gets an account, and with how much."""
        listed = () if self.accounts in _PLANS else tuple(_listed(self.accounts))
        equity_usd = Decimal(str(self.equity))
        return AccountRules(equity_usd=equity_usd, by_key=self.accounts == "by-key", listed=listed)

    @field_validator("accounts")
    @classmethod
    def _known_plan(cls, value: str) -> str:
        if value not in _PLANS:
            list(_listed(value))
        return value

    @property
    def late_closing(self) -> frozenset[str]:
        """The underlyings of `late_close`."""
        return frozenset(name.strip().upper() for name in self.late_close.split(",") if name.strip())

    @property
    def limits(self) -> Limits:
        """What orders are limited to."""
        notional = self.order_notional_limit
        return Limits(
            expiring_today=self.expiring_today_limit,
            order_notional_usd=None if notional is None else Decimal(str(notional)),
        )

    @property
    def data_rules(self) -> DataRules:
        """How market data is served."""
        return DataRules(
            plan=self.data_plan, auth_timeout_s=self.stream_auth_timeout_s, queue_max=self.stream_queue
        )

    @field_validator("date", mode="before")
    @classmethod
    def _read_days(cls, value: object) -> object:
        """Read "2014-06-06..2014-06-09"; one day is a span of its own."""
        if isinstance(value, dt.date):
            return Days(value, value)
        return read_days(value) if isinstance(value, str) else value

    @field_validator("latency_ms", mode="before")
    @classmethod
    def _split_range(cls, value: object) -> object:
        """Read "20,60"; one number is a range of its own."""
        if not isinstance(value, str):
            return value
        low, _, high = value.partition(",")
        return (low, high or low)

    @field_validator("latency_ms")
    @classmethod
    def _ordered(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] <= value[1]:
            msg = "LOW,HIGH must be two numbers from 0 up, the lower first"
            raise ValueError(msg)
        return value


def _listed(text: str) -> Iterator[tuple[str, Decimal]]:
    """Read "KEY=5000,OTHER=25000". Raises ValueError."""
    for item in text.split(","):
        key, _, usd = (part.strip() for part in item.partition("="))
        amount = Decimal(usd) if usd.replace(".", "", 1).isdecimal() else Decimal(0)
        if not key or amount <= 0:
            msg = 'must be "one", "by-key" or KEY=USD,KEY=USD,…'
            raise ValueError(msg)
        yield key, amount


def read_settings(given: Mapping[str, Any]) -> VenueSettings:
    """Return the settings: `given` first, then the environment, then defaults. Raises ConfigError naming each fault."""
    try:
        return VenueSettings(**given)
    except ValidationError as e:
        faults = "; ".join(f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in e.errors())
        msg = f"settings are wrong: {faults}"
        raise ConfigError(msg) from e
