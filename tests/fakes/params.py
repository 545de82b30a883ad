"""The strategy's numbers of record, and variations of them."""

from pathlib import Path
from typing import Any

from dispatch.demo.limits import write_widened
from kernel.domain.params import TradingParams
from kernel.runtime.params import load_params
from kernel.runtime.settings import PROJECT_ROOT

PARAMS = load_params(PROJECT_ROOT / "config" / "trading_params.json")


def widened_params_file(folder: Path) -> Path:
    """Write parameters with volume limits for a load that no person would send."""
    return write_widened(PROJECT_ROOT / "config" / "trading_params.json", folder / "widened-params.json")


def params_with(**selector: Any) -> TradingParams:
    """Return the parameters with other figures in the selector's group."""
    document = PARAMS.model_dump(mode="json")
    return TradingParams.model_validate(document | {"selector": document["selector"] | selector})
