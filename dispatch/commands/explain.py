"""`dispatch explain score|size`: the arithmetic, without sending anything."""

import os
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import typer
from rich.table import Table

from dispatch.console import out, write_json
from dispatch.lazy import LazyGroup
from kernel.domain.errors import ConfigError
from kernel.domain.options import Strategy
from kernel.domain.params import TradingParams
from kernel.runtime.params import load_params
from kernel.runtime.settings import ServiceSettings
from services.selector.core.scoring import score as score_of
from services.sizer.core.explain import Scaling, explain_size


class _Explanations(LazyGroup):
    places: ClassVar = {
        "score": "dispatch.commands.explain:score",
        "size": "dispatch.commands.explain:size",
        "chain": "dispatch.commands.explain_chain:chain",
    }


app = typer.Typer(
    cls=_Explanations, no_args_is_help=True, add_completion=False, help="Show the arithmetic of a decision."
)


@app.callback()
def group() -> None:
    """Show the arithmetic of a decision."""


AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
StrategyOption = Annotated[Strategy, typer.Option("--strategy", help="Whose bands and multiplier apply.")]
_LABELS = {
    "risk_pct": "risk",
    "risk_budget_usd": "risk budget",
    "max_contracts": "at most",
    "total_usd": "total",
    "bound_by": "bound by",
}
_PARTS = ("spread", "volume", "delta", "distance", "total")


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
    params = _params().sizer
    result = explain_size(
        buying_power_usd=_usd("--buying-power", buying_power),
        premium=_usd("--premium", premium),
        strategy=strategy,
        params=params,
        equity_usd=None if equity is None else _usd("--equity", equity),
        scaling=_scaling(scaling),
    )
    if as_json:
        write_json(result)
        return
    scalings: Any = result["scalings"]
    table = Table("", *scalings, box=None)
    for key in next(iter(scalings.values())):
        table.add_row(_LABELS.get(key, key), *(_with_unit(key, by[key]) for by in scalings.values()))
    out.print(table)
    out.print(f"chosen: {result['scaling']}; configured: {params.risk_scaling}")


def _with_unit(key: str, value: Any) -> str:
    if key.endswith("_usd"):
        return f"${value:,.2f}"
    return f"{value:g}%" if key.endswith("_pct") else str(value)


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
