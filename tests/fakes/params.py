"""The strategy's numbers of record, and variations of them."""

from typing import Any

from kernel.domain.params import TradingParams
from kernel.runtime.params import load_params
from kernel.runtime.settings import PROJECT_ROOT

PARAMS = load_params(PROJECT_ROOT / "config" / "trading_params.json")


def params_with(**selector: Any) -> TradingParams:
    """Return the parameters with other figures in the selector's group."""
    document = PARAMS.model_dump(mode="json")
    return TradingParams.model_validate(document | {"selector": document["selector"] | selector})
