"""`dispatch explain chain`: every candidate of the venue's chain, scored, with the reason of each rejected one."""

import asyncio
from typing import Annotated, Any

import typer

from dispatch.candidate_view import candidate_json, terminal_table
from dispatch.chain_view import ChainView, view_chain
from dispatch.connection import connect
from dispatch.console import out, write_json
from kernel.domain.options import Direction, Strategy


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
    ranking = view.candidates.ranking
    return {
        "underlying": view.underlying,
        "market_time": view.now.isoformat(),
        "spot": float(view.spot),
        "candidates": ranking.candidates,
        "qualified": ranking.qualified,
        "rejects": {reason.value: count for reason, count in ranking.rejects.items()},
        "contracts": [candidate_json(candidate) for candidate in view.candidates.best(top)],
    }


def _show_chain(view: ChainView, top: int) -> None:
    ranking = view.candidates.ranking
    out.print(
        f"{view.underlying} ${view.spot:.2f}: {ranking.candidates} candidates, {ranking.qualified} qualify, one may cost ${view.budget_usd:.0f}"
    )
    out.print(terminal_table(view.candidates.best(top)))
    for reason, count in sorted(ranking.rejects.items(), key=lambda item: -item[1]):
        out.print(f"  {count:>5} x {reason.value}")
