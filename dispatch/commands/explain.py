"""`dispatch explain score|size|chain`: the arithmetic, without sending anything."""

import asyncio
import os
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.table import Table

from dispatch.chain_view import ChainView, view_chain
from dispatch.connection import connect
from dispatch.console import out, write_json
from kernel.domain.errors import ConfigError
from kernel.domain.options import Direction, Strategy
from kernel.domain.params import TradingParams
from kernel.runtime.params import load_params
from kernel.runtime.settings import ServiceSettings
from services.selector.core.ranking import RankedContract
from services.selector.core.scoring import score as score_of
from services.sizer.core.explain import Scaling, explain_size

app = typer.Typer(no_args_is_help=True, help="Show the arithmetic of a decision.")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
StrategyOption = Annotated[Strategy, typer.Option("--strategy", help="Whose bands and multiplier apply.")]
_PARTS = ("spread", "volume", "delta", "distance", "total")


@app.command("score")
def score(
    spread_pct: Annotated[float, typer.Option("--spread-pct", min=0, help="(ask - bid) / mid x 100.")],
    volume: Annotated[int, typer.Option("--volume", min=0, help="Contracts traded today.")],
    delta: Annotated[float, typer.Option("--delta", min=-1, max=1, help="Delta per share, either sign.")],
    distance_pct: Annotated[
        float, typer.Option("--distance-pct", min=0, help="|strike - spot| / spot x 100.")
    ],
    strategy: StrategyOption = Strategy.DAY_TRADE,
    as_json: AsJson = False,
) -> None:
    """Show a contract's quality score and its four parts."""
    params = _params().selector
    result = score_of(
        spread_pct=spread_pct,
        volume=volume,
        delta=delta,
        distance_pct=distance_pct,
        strategy=params.strategies[strategy],
        scoring=params.scoring,
    )
    parts = {name: round(getattr(result, name), 1) for name in _PARTS}
    if as_json:
        write_json(parts)
        return
    scoring = params.scoring
    points = (scoring.spread_points, scoring.volume_points, scoring.delta_points, scoring.distance_points)
    for name, most in zip(_PARTS, (*points, sum(points)), strict=True):
        out.print(f"{name:<9} {parts[name]:5.1f} of {most:.0f}")
    verdict = "tradable" if result.total >= params.min_score else "refused"
    out.print(f"{verdict}: the minimum is {params.min_score:g}")


@app.command("size")
def size(
    buying_power: Annotated[str, typer.Option("--buying-power", help="Options buying power, USD.")],
    premium: Annotated[str, typer.Option("--premium", help="The option's mid, USD per share.")],
    strategy: StrategyOption = Strategy.DAY_TRADE,
    equity: Annotated[
        str | None, typer.Option("--equity", help="Equity, USD (default: the buying power).")
    ] = None,
    scaling: Annotated[
        str | None, typer.Option("--scaling", help="step or smooth (default: as configured).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show tier, budget, contracts and what bound them; both scalings side by side."""
    result = explain_size(
        buying_power_usd=_usd("--buying-power", buying_power),
        premium=_usd("--premium", premium),
        strategy=strategy,
        params=_params().sizer,
        equity_usd=None if equity is None else _usd("--equity", equity),
        scaling=_scaling(scaling),
    )
    if as_json:
        write_json(result)
        return
    scalings: Any = result["scalings"]
    table = Table("", *scalings, box=None)
    for key in next(iter(scalings.values())):
        table.add_row(key, *(str(by[key]) for by in scalings.values()))
    out.print(table)
    out.print(f"configured: {result['scaling']}")


@app.command("chain")
def chain(
    underlying: Annotated[str, typer.Argument(help="Underlying, e.g. SPY.")],
    strategy: StrategyOption = Strategy.SWING,
    direction: Annotated[
        Direction, typer.Option("--direction", help="bullish looks at calls, bearish at puts.")
    ] = Direction.BULLISH,
    top: Annotated[int, typer.Option("--top", min=1, help="How many to show.")] = 10,
    as_json: AsJson = False,
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
    table = Table(
        "contract", "days", "bid", "ask", "spread", "volume", "delta", "dist", "score", "verdict", box=None
    )
    for row in ranking.rows(top):
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


def _params() -> TradingParams:
    return load_params(ServiceSettings.from_env(os.environ).params_file)


def _usd(option: str, text: str) -> Decimal:
    try:
        amount = Decimal(text.replace(",", "").lstrip("$"))
    except ArithmeticError:
        raise ConfigError(f"{option}: {text!r} is no amount of dollars") from None
    if not amount.is_finite() or amount <= 0:
        raise ConfigError(f"{option}: must be above zero, was {text}")
    return amount


def _scaling(text: str | None) -> Scaling | None:
    match text:
        case None | "step" | "smooth":
            return text
    raise ConfigError(f"--scaling: must be step or smooth, was {text!r}")
