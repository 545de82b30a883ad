"""The selector's settings; the numbers of the choice stand in the trading parameters."""

from typing import Literal

from pydantic import Field

from kernel.runtime.settings import ServiceSettings


class SelectorSettings(ServiceSettings):
    """Which feeds to read."""

    option_feed: Literal["indicative", "opra"] = Field(
        "indicative",
        alias="DISPATCH_OPTION_FEED",
        description="Option quotes: indicative (free, delayed trades) or opra (needs a subscription).",
    )
    stock_feed: Literal["iex", "sip", "delayed_sip"] = Field(
        "iex",
        alias="DISPATCH_STOCK_FEED",
        description="Prices of the underlying: iex (free), sip (needs a subscription) or delayed_sip.",
    )
