"""Reads the strategy's numbers."""

from pathlib import Path

from pydantic import ValidationError

from kernel.domain.errors import ConfigError
from kernel.domain.params import TradingParams


def load_params(path: Path) -> TradingParams:
    """Return the parameters of a JSON file; raises ConfigError naming the value that is wrong."""
    try:
        text = path.read_text("utf-8")
    except OSError as e:
        msg = f"trading parameters cannot be read: {e.strerror}: {path} (set DISPATCH_PARAMS_FILE)"
        raise ConfigError(msg) from e
    return parse_params(text, path.name)


def parse_params(text: str, name: str) -> TradingParams:
    """Return the parameters in JSON text; raises ConfigError naming the value that is wrong, and `name`."""
    try:
        return TradingParams.model_validate_json(text)
    except ValidationError as e:
        problem = e.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "the file"
        msg = f"{name}: {where}: {problem['msg']}"
        raise ConfigError(msg) from None
