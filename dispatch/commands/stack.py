"""`dispatch up`, `down`, `logs`, `migrate`: the stack in the background."""

import os
from pathlib import Path
from typing import Annotated

import typer

from dispatch.commands.demo import Day, Equity, FillRule, MarketSpec, Speed, Symbol, state_shower
from dispatch.connection import connect, demo_folder, running_stack
from dispatch.console import err, out
from dispatch.stack.errors import StackError
from dispatch.stack.options import StackOptions, default_run_folder
from dispatch.stack.state import part_log, read_state
from dispatch.stack.supervisor import start_background, stop_background
from kernel.adapters.migrate import migrate as migrate_database
from kernel.runtime.settings import ServiceSettings
from simulator.venue.fills import FillModel


def up(
    market: MarketSpec = "synthetic",
    symbol: Symbol = None,
    date: Day = None,
    equity: Equity = 100_000,
    speed: Speed = 1.0,
    fill_model: FillRule = FillModel.MID,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the synthetic market.")] = 0,
    signals_port: Annotated[
        int | None,
        typer.Option(
            "--signals-port",
            envvar="DISPATCH_HTTP_PORT",
            min=0,
            max=65535,
            help="Where alerts are taken (default: a free port).",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget the last run's topics, ledger and venue.")
    ] = False,
) -> None:
    """Start the stack in the background."""
    options = StackOptions.model_validate(
        {
            "run_folder": default_run_folder().path,
            "fresh": fresh,
            "signals_port": signals_port,
            "params_file": ServiceSettings.from_env(os.environ).params_file,
            "market": market,
            "symbol": symbol,
            "date": date.date() if date else None,
            "equity": equity,
            "speed": speed,
            "fill_model": fill_model.value,
            "seed": seed,
        }
    )
    state = start_background(options, on_state=state_shower())
    for name, url in state.urls.items():
        out.print(f"{name:<10} {url}")
    out.print("next: dispatch signal SPY --direction bullish --strategy swing --wait")


def down() -> None:
    """Stop the stack, and a demo that was kept running."""
    stopped = [
        f.path
        for f in (default_run_folder(), demo_folder())
        if read_state(f) is not None and stop_background(f)
    ]
    if not stopped:
        out.print("nothing was running")
    for path in stopped:
        out.print(f"stopped the stack of {path}")


def logs(
    part: Annotated[
        str, typer.Argument(help="signals, selector, sizer, executor, venue, kafka or postgres.")
    ],
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines from the end.")] = 50,
) -> None:
    """Show the end of a part's log."""
    state = running_stack()
    if state is not None:
        out.print(part_log(state, part, lines), markup=False)
        return
    left = [path for path in (f.log(part) for f in (default_run_folder(), demo_folder())) if path.exists()]
    if not left:
        raise StackError(
            f"no stack runs in {default_run_folder().path} and none left a log of {part!r} there"
        )
    newest = max(left, key=lambda path: path.stat().st_mtime)
    err.print(f"no stack runs; the last one left {newest}", markup=False)
    out.print("\n".join(Path(newest).read_text("utf-8", "replace").splitlines()[-lines:]), markup=False)


def migrate() -> None:
    """Bring the tables of DATABASE_URL to today's version."""
    migrate_database(
        connect().database_url if "DATABASE_URL" not in os.environ else os.environ["DATABASE_URL"]
    )
    err.print("the tables are up to date")
