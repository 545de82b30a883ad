"""Limits for runs that send more orders in a minute than a person would in a week: demos, benchmarks, load tests.

The gates themselves are asked as ever; only what limits volume, and losses that such a run brings about, is widened.
"""

import json
from pathlib import Path
from typing import Any

_ENDLESS = 1_000_000_000
_WIDE = {
    **dict.fromkeys(
        ("order_premium_usd_max", "day_premium_usd_max", "risk_usd_max", "underlying_usd_max"), _ENDLESS
    ),
    **dict.fromkeys(("day_premium_pct_max", "risk_pct_max", "underlying_pct_max"), _ENDLESS),
    **dict.fromkeys(("open_positions_max", "orders_per_minute_max", "consecutive_rejects_max"), _ENDLESS),
    "same_order_window_s": 0,
    "daily_loss_pct_max": 100,
    "drawdown_pct_max": 100,
}


def widened(document: dict[str, Any]) -> dict[str, Any]:
    """Return trading parameters, as their file has them, with volume limits that no run reaches."""
    executor = document["executor"]
    return document | {"executor": executor | {"gates": executor.get("gates", {}) | _WIDE}}


def write_widened(given: Path, path: Path) -> Path:
    """Write the parameters of `given`, widened, to `path`; returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(widened(json.loads(given.read_text("utf-8"))), indent=2), "utf-8")
    return path
