"""`dispatch explain chain`: every candidate of the venue's chain, scored, with the reason of each rejected one."""

import asyncio
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from dispatch.chain_view import ChainView, view_chain
from dispatch.connection import connect
from dispatch.console import out, write_json
from kernel.domain.options import Direction, Strategy
from services.selector.core.ranking import RankedContract


def chain(
    underlying: Annotated[str, typer.Argument(help="Underlying, e.g. SPY.")],
    strategy: Annotated[
        Strategy, typer.Option("--strategy", help="Whose window and bands apply.")
    ] = Strategy.SWING,
    direction: Annotated[
        Direction, typer.Option("--direction", help="bullish looks at calls, bearish at puts.")
    ] = Direction.BULLISH,
    top: Annotated[int, typer.Option("--top", min=1, help="How many to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Score every contract of the venue's chain now, with the reason of each rejected one."""
    connection = connect()
    view = asyncio.run(view_chain(connection.settings, underlying.upper(), direction, strategy))
    if as_json:
        write_json(_chain_json(view, top))
        return
    _show_chain(view, top)


def _chain_json(view: ChainView, top: int) -> dict[str, Any]:
    return {
        "underlying": view.underlying,
        "market_time": view.now.isoformat(),
        "spot": float(view.spot),
        "candidates": view.ranking.candidates,
        "qualified": view.ranking.qualified,
        "rejects": {reason.value: count for reason, count in view.ranking.rejects.items()},
        "contracts": [_contract_json(row) for row in view.ranking.rows(top)],
    }


def _contract_json(row: RankedContract) -> dict[str, Any]:
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
    }


def _show_chain(view: ChainView, top: int) -> None:
    ranking = view.ranking
    out.print(
        f"{view.underlying} ${view.spot:.2f}: {ranking.candidates} candidates, {ranking.qualified} qualify, one may cost ${view.budget_usd:.0f}"
    )
    rows = ranking.rows(top)
    contract = Column(
        "contract", no_wrap=True, min_width=max((len(row.occ_symbol) for row in rows), default=0)
    )
    table = Table(
        contract, "days", "bid", "ask", "spread", "volume", "delta", "dist", "score", "verdict", box=None
    )
    for row in rows:
        table.add_row(
            row.occ_symbol,
            str(row.days_to_expiration),
            f"{row.bid:.2f}",
            f"{row.ask:.2f}",
            _or_dash(row.spread_pct, ".1f", "%"),
            str(row.volume),
            _or_dash(row.delta, ".2f"),
            f"{row.distance_pct:.1f}%",
            _or_dash(row.score.total if row.score else None, ".1f"),
            row.reason.value if row.reason else "ok",
        )
    out.print(table)
    for reason, count in sorted(ranking.rejects.items(), key=lambda item: -item[1]):
        out.print(f"  {count:>5} x {reason.value}")


def _or_dash(value: float | None, spec: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{spec}}{unit}"
