"""The executor's settings: those every stage has, how often it compares its books with the venue, and its quotes."""

from typing import Literal

from pydantic import Field

from kernel.runtime.settings import ServiceSettings


class ExecutorSettings(ServiceSettings):
    """The numbers of execution stand in the trading parameters; this is about running."""

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

    sweep_s: float = Field(
        5.0,
        alias="DISPATCH_EXECUTOR_SWEEP_S",
        gt=0,
        description="Seconds between two comparisons of the orders that have not ended with the venue, while there are any.",
    )
    reconcile_s: float = Field(
        30.0,
        alias="DISPATCH_EXECUTOR_RECONCILE_S",
        gt=0,
        description="Seconds between two comparisons of orders, fills, positions, cash and activities with the venue.",
    )
