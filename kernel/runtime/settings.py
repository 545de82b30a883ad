"""Settings from the environment: frozen, each with its meaning; secrets never print."""

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from kernel.domain import hosts
from kernel.domain.errors import ConfigError

PAPER_TRADING_URL = hosts.PAPER_TRADING_URL
MARKET_DATA_URL = "https://data.alpaca.markets"
PROJECT_ROOT = Path(__file__).resolve().parents[2]
#: Commit and changes in one answer; it takes no lock that somebody's commit would meet.
_STATUS = ("status", "--porcelain=v2", "--branch", "--untracked-files=no")
_COMMIT = "# branch.oid "


class ServiceSettings(BaseSettings):
    """What every stage needs. The field's alias is the variable's name."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", alias="KAFKA_BOOTSTRAP_SERVERS", description="Kafka, host:port, comma-separated."
    )
    database_url: SecretStr = Field(
        SecretStr("postgresql://dispatch@127.0.0.1:5432/dispatch"),
        alias="DATABASE_URL",
        description="Postgres, postgresql://user:password@host:port/name.",
    )
    apca_api_key_id: SecretStr = Field(
        SecretStr("demo"),
        alias="APCA_API_KEY_ID",
        description="Alpaca paper key; any word for the simulator.",
    )
    apca_api_secret_key: SecretStr = Field(
        SecretStr("demo"),
        alias="APCA_API_SECRET_KEY",
        description="Alpaca paper secret; any word for the simulator.",
    )
    apca_api_base_url: str = Field(
        PAPER_TRADING_URL,
        alias="APCA_API_BASE_URL",
        description="Trading API. Only Alpaca's paper host or a loopback address is accepted.",
    )
    apca_api_data_url: str = Field(MARKET_DATA_URL, alias="APCA_API_DATA_URL", description="Market data API.")
    venue_deadline_s: float = Field(
        10.0,
        alias="DISPATCH_VENUE_DEADLINE_S",
        gt=0,
        description="Longest wait for one answer of the venue, seconds.",
    )
    topic_prefix: str = Field(
        "dispatch.", alias="DISPATCH_TOPIC_PREFIX", description="Put before every topic's name."
    )
    params_file: Path = Field(
        PROJECT_ROOT / "config" / "trading_params.json",
        alias="DISPATCH_PARAMS_FILE",
        description="The strategy's numbers (default: config/trading_params.json).",
    )
    revision: str = Field(
        "",
        alias="DISPATCH_REVISION",
        description="Code revision written into every message (default: git's short hash, `-dirty` after it where files"
        " are changed, else `unknown`).",
    )
    http_host: str = Field(
        "127.0.0.1", alias="DISPATCH_HTTP_HOST", description="Address of health, metrics and webhook."
    )
    http_port: int = Field(
        0,
        alias="DISPATCH_HTTP_PORT",
        ge=0,
        le=65535,
        description="Port of health, metrics and webhook; 0 takes a free one.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", alias="DISPATCH_LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings passes all of them by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the caller alone; pydantic-settings would read the process's environment besides."""
        return (init_settings,)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read from `environ` alone; raises ConfigError naming the variable that is wrong."""
        aliases = [field.alias or name for name, field in cls.model_fields.items()]
        given = {alias: environ[alias] for alias in aliases if alias in environ}
        try:
            return cls.model_validate(given)
        except ValidationError as e:
            problem = e.errors(include_url=False, include_input=False)[0]
            msg = f"{problem['loc'][0]}: {problem['msg']}; see .env.example"
            raise ConfigError(msg) from None

    def code_revision(self) -> str:
        """Return the revision to sign messages with."""
        return self.revision or git_revision()


@cache
def git_revision(checkout: Path = PROJECT_ROOT) -> str:
    """Return the short hash of the checkout this code runs from, or `unknown`.

    It ends in `-dirty` where files that git knows are not as in the commit: another code than the hash stands for.
    """
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(checkout), *_STATUS],
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
            env={"PATH": os.environ.get("PATH", "")},
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    said = done.stdout.splitlines()
    commit = next(line.removeprefix(_COMMIT) for line in said if line.startswith(_COMMIT))
    if commit == "(initial)":
        return "unknown"
    return commit[:12] + ("-dirty" if any(not line.startswith("# ") for line in said) else "")
