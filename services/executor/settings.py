"""The executor's settings: those every stage has, and how often it compares its orders with the venue."""

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
