"""The executor's settings: those every stage has, how often it compares its orders with the venue, and its quotes."""

from typing import Literal

from pydantic import Field

from kernel.runtime.settings import ServiceSettings


class ExecutorSettings(ServiceSettings):
    """The numbers of execution stand in the trading parameters; this is about running."""

    sweep_s: float = Field(
        30.0,
        alias="DISPATCH_EXECUTOR_SWEEP_S",
        gt=0,
        description="Seconds between two comparisons of all open orders with the venue.",
    )
    option_feed: Literal["indicative", "opra"] = Field(
        "indicative",
        alias="DISPATCH_OPTION_FEED",
        description="Option quotes: indicative (free, delayed trades) or opra (needs a subscription).",
    )
