"""The selector's choice once more, in plain Python over plain rows: no column, no shared formula, one contract at a time.

Knows single bought options in their expiration window on a day that is not theirs: enough to say which decisions a
changed weight changes.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Contract:
    """Prices in USD per share."""

    symbol: str
    strike: float
    bid: float
    ask: float
    volume: int
    delta: float


@dataclass(frozen=True)
class Choice:
    """The best contract and its four parts; `bought` is False where its score is below the least one."""

    symbol: str
    spread: float
    volume: float
    delta: float
    distance: float
    bought: bool


def choose(
    contracts: Iterable[Contract], *, spot: float, strategy: str, budget_usd: float, params: Mapping[str, Any]
) -> Choice | None:
    """Return what a selector chooses on the `selector` part of a parameter file; None where nothing qualifies."""
    windows, scoring = params["strategies"][strategy], params["scoring"]
    best: tuple[Any, ...] | None = None
    for c in contracts:
        mid = (c.bid + c.ask) / 2
        spread_pct = (c.ask - c.bid) / mid * 100
        beyond = max(windows["delta_min"] - abs(c.delta), abs(c.delta) - windows["delta_max"], 0.0)
        if (
            spread_pct >= params["spread_pct_below"]
            or mid < params["premium_usd_min"]
            or c.volume < params["day_volume_min"]
            or beyond >= scoring["delta_falloff"]
            or mid * 100 > budget_usd
        ):
            continue
        away_pct = abs(c.strike - spot) / spot * 100
        outside = max(windows["distance_min_pct"] - away_pct, away_pct - windows["distance_max_pct"], 0.0)
        parts = (
            scoring["spread_points"] * max(0.0, 1 - spread_pct / scoring["spread_pct_zero"]),
            scoring["volume_points"] * (1 - math.exp(-c.volume / scoring["volume_scale"])),
            scoring["delta_points"] * (1 - beyond / scoring["delta_falloff"]),
            scoring["distance_points"] * max(0.0, 1 - outside / scoring["distance_falloff_pct"]),
        )
        place = (-round(sum(parts), 9), spread_pct, -c.volume, away_pct, c.symbol)
        if best is None or place < best[0]:
            best = (place, c.symbol, parts)
    if best is None:
        return None
    _, symbol, parts = best
    return Choice(symbol, *parts, bought=sum(parts) >= params["min_score"])
