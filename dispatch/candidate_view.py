"""Candidates as a person reads them (terminal, HTML) and as another program does (JSON)."""

from collections.abc import Sequence
from typing import Any

from rich.table import Column, Table

from dispatch.candidates import Candidate
from dispatch.misses import Miss
from kernel.domain.options import OptionSymbol

#: Heads of `cells`; those after the first and before the last are figures.
HEAD = ("contract", "days", "bid", "ask", "spread", "volume", "delta", "dist", "score", "verdict")


def cells(candidate: Candidate, chosen: str | None = None) -> tuple[str, ...]:
    """Return one candidate's figures, rounded for the eye, in the order of HEAD."""
    row = candidate.contract
    return (
        row.occ_symbol,
        str(row.days_to_expiration),
        f"{row.bid:.2f}",
        f"{row.ask:.2f}",
        _or_dash(row.spread_pct, ".1f", "%"),
        str(row.volume),
        _or_dash(row.delta, ".2f"),
        f"{row.distance_pct:.1f}%",
        _or_dash(candidate.total, ".1f"),
        "chosen" if row.occ_symbol == chosen else verdict(candidate),
    )


def verdict(candidate: Candidate) -> str:
    """Return "ok", or everything that speaks against a contract, the selector's own reason first."""
    if candidate.misses:
        first, *others = candidate.misses
        return "; ".join([f"{first.reason.value}: {first.text}", *(miss.text for miss in others)])
    if candidate.min_score is not None:
        return f"qualifies, but scores {candidate.total:.1f}, at least {candidate.min_score:g}"
    return "ok"


def terminal_table(candidates: Sequence[Candidate], chosen: str | None = None) -> Table:
    """Return a table whose symbols are never cut; `chosen` is the symbol that was bought, if any."""
    width = max((len(c.contract.occ_symbol) for c in candidates), default=0)
    figures = [Column(name, justify="right", no_wrap=True) for name in HEAD[1:-1]]
    table = Table(Column(HEAD[0], no_wrap=True, min_width=width), *figures, HEAD[-1], box=None)
    for candidate in candidates:
        table.add_row(*cells(candidate, chosen))
    return table


def candidate_json(candidate: Candidate) -> dict[str, Any]:
    """Return one candidate as JSON: percentages as in the scores, prices in USD per share."""
    row = candidate.contract
    return {
        "occ_symbol": row.occ_symbol,
        "strike": float(row.strike),
        "days_to_expiration": row.days_to_expiration,
        "bid": float(row.bid),
        "ask": float(row.ask),
        "spread_pct": row.spread_pct,
        "volume": row.volume,
        "volume_basis": row.volume_basis.value,
        "delta": row.delta,
        "open_interest": row.open_interest,
        "distance_pct": row.distance_pct,
        "score": row.score.model_dump() if row.score else None,
        "reason": row.reason.value if row.reason else None,
        "misses": [_miss_json(miss) for miss in candidate.misses],
    }


def contract_name(occ_symbol: str) -> str:
    """Return a contract as traders say it: SPY Jun 18 615 call; an odd symbol stays as it is."""
    try:
        option = OptionSymbol.parse(occ_symbol)
    except ValueError:
        return occ_symbol
    return f"{option.root} {option.expiration:%b %d} {option.strike.normalize():f} {option.right}"


def _miss_json(miss: Miss) -> dict[str, Any]:
    return {
        "reason": miss.reason.value,
        "text": miss.text,
        "value": miss.value,
        "limit": miss.limit,
        "unit": miss.unit,
    }


def _or_dash(value: float | None, spec: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{spec}}{unit}"
