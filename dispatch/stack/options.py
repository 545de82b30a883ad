"""What a local stack is started with, and where it keeps things."""

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from kernel.contracts.topics import DEFAULT_PREFIX
from kernel.runtime.settings import PROJECT_ROOT

StageName = Literal["signals", "selector", "sizer", "executor"]
STAGES: tuple[StageName, ...] = ("signals", "selector", "sizer", "executor")
SERVERS = ("kafka", "postgres")


class StackOptions(BaseModel):
    """Everything `dispatch up` and `dispatch demo` can choose; the venue's part goes to the simulator as it stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Where data, logs and state.json live.
    run_folder: Path
    #: Begin with empty topics, ledger and venue instead of those of the last run in this folder.
    fresh: bool = False
    stages: tuple[StageName, ...] = STAGES
    #: Processes per stage; a stage that is not named has one.
    workers: Mapping[StageName, int] = Field(default_factory=dict)
    #: Where the signals stage listens; None or 0: a free port, another at every start.
    signals_port: int | None = Field(default=None, ge=0, le=65535)
    topic_prefix: str = DEFAULT_PREFIX
    partitions: int = Field(default=4, ge=1)
    params_file: Path = PROJECT_ROOT / "config" / "trading_params.json"
    #: Whether the strategies watch the market as well; where signals are counted nobody else may send any.
    scanner: bool = True
    #: Code revision to sign messages with; None: git's.
    revision: str | None = None

    #: "synthetic", or "lean:FOLDER" for a recorded day.
    market: str = "synthetic"
    symbol: str | None = None
    date: dt.date | None = None
    #: Instant the venue's clock starts at; None: the market's own suggestion.
    start: AwareDatetime | None = None
    #: Market seconds per real second.
    speed: float = Field(default=1.0, ge=0)
    #: Starting cash of the paper account, USD.
    equity: float = Field(default=100_000, gt=0)
    fill_model: Literal["nbbo", "mid", "honest"] = "nbbo"
    seed: int = 0

    @field_validator("run_folder", "params_file")
    @classmethod
    def _seen_from_here(cls, path: Path) -> Path:
        """The stack's processes run in other folders than the one these options were given in."""
        return path.absolute()

    @field_validator("market")
    @classmethod
    def _market_seen_from_here(cls, market: str) -> str:
        kind, colon, folder = market.partition(":")
        return f"{kind}:{Path(folder).absolute()}" if colon else market

    @property
    def folder(self) -> "RunFolder":
        return RunFolder(self.run_folder)

    def venue_environment(self) -> dict[str, str]:
        """The simulator's settings as it reads them (SIMULATOR_*)."""
        chosen = {
            "MARKET": self.market,
            "SYMBOL": self.symbol,
            "DATE": self.date and self.date.isoformat(),
            "START": self.start and self.start.isoformat(),
            "SPEED": self.speed,
            "EQUITY": self.equity,
            "FILL_MODEL": self.fill_model,
            "SEED": self.seed,
        }
        return {f"SIMULATOR_{name}": str(value) for name, value in chosen.items() if value is not None}

    def stage_environment(self) -> dict[str, str]:
        """The stages' settings as they read them (DISPATCH_*); what is not chosen here stays the environment's."""
        chosen = {
            "TOPIC_PREFIX": self.topic_prefix,
            "PARAMS_FILE": str(self.params_file),
            "REVISION": self.revision,
            "SCANNER": None if self.scanner else "off",
        }
        return {f"DISPATCH_{name}": value for name, value in chosen.items() if value}


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The places inside a run folder."""

    path: Path

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def lock(self) -> Path:
        return self.path / "stack.lock"

    @property
    def options(self) -> Path:
        return self.path / "options.json"

    @property
    def kafka(self) -> Path:
        return self.path / "kafka"

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def venue(self) -> Path:
        return self.path / "venue"

    def log(self, name: str) -> Path:
        """The log of a part (a server's lies beside its data), or of the supervisor."""
        return (self.path / name if name in SERVERS else self.path / "logs") / f"{name}.log"


def default_run_folder(environ: Mapping[str, str] = os.environ) -> RunFolder:
    """`DISPATCH_HOME`, or `.dispatch` in the present folder."""
    return RunFolder(Path(environ.get("DISPATCH_HOME") or ".dispatch").absolute())
