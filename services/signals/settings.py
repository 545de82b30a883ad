"""The settings of the signals stage: its webhook and its scanner."""

import re
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from kernel.runtime.settings import ServiceSettings

_TICKER = re.compile(r"[A-Z][A-Z0-9.]{0,9}")


class SignalsSettings(ServiceSettings):
    """What a person may want to change about how signals come in."""

    webhook_token: SecretStr = Field(
        SecretStr(""),
        alias="DISPATCH_WEBHOOK_TOKEN",
        description="Bearer token of POST /signals; without one the endpoint refuses everything.",
    )
    webhook_deadline_s: float = Field(
        5.0,
        alias="DISPATCH_WEBHOOK_DEADLINE_S",
        gt=0,
        description="Longest time an alert may take to reach Kafka before its sender is told to try again, seconds.",
    )
    scanner: Literal["on", "off"] = Field(
        "on", alias="DISPATCH_SCANNER", description="Whether the strategies watch the market: on or off."
    )
    watchlist: str = Field(
        "SPY,QQQ,AAPL",
        alias="DISPATCH_WATCHLIST",
        description="Underlyings the scanner watches, comma-separated.",
    )
    scan_interval_s: float = Field(
        60.0,
        alias="DISPATCH_SCAN_INTERVAL_S",
        gt=0,
        description="Time between two scans, seconds of market time.",
    )
    stock_feed: Literal["iex", "sip", "delayed_sip"] = Field(
        "iex",
        alias="DISPATCH_STOCK_FEED",
        description="Prices of the underlying: iex (free), sip (needs a subscription) or delayed_sip.",
    )

    @field_validator("watchlist")
    @classmethod
    def _tickers(cls, text: str) -> str:
        for ticker in _split(text):
            if not _TICKER.fullmatch(ticker):
                raise ValueError(f"{ticker!r} is no ticker; expected e.g. SPY,QQQ")
        return text

    @property
    def underlyings(self) -> tuple[str, ...]:
        """The watchlist's tickers, each once, in the order given."""
        return tuple(dict.fromkeys(_split(self.watchlist)))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
