"""The bounds of the gates, out of the parameters."""

from dataclasses import dataclass
from typing import Self

from kernel.domain.params import GateParams, SizerParams, TradingParams


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Minutes before the close on the day of expiration, seconds of clock skew, the tiers, and the gates' own bounds."""

    expiry_day_cutoff_min: float
    clock_skew_s_max: float
    sizer: SizerParams
    gates: GateParams

    @classmethod
    def of(cls, params: TradingParams) -> Self:
        """Return the bounds that the parameters set."""
        return cls(
            expiry_day_cutoff_min=params.selector.expiry_day_cutoff_min,
            clock_skew_s_max=params.executor.clock_skew_s_max,
            sizer=params.sizer,
            gates=params.executor.gates,
        )
