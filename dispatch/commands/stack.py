"""`dispatch up`, `down`, `status`, `logs`, `migrate`: the stack in the background."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dispatch.commands.demo import Day, Equity, FillRule, MarketSpec, Speed, Symbol, state_shower
from dispatch.connection import connect, demo_folder, running_stack
from dispatch.console import err, out, write_json
from dispatch.lag import consumer_lags
from dispatch.reconciling import books_here
from dispatch.stack.errors import StackError
from dispatch.stack.options import StackOptions, default_run_folder
from dispatch.stack.state import StackState, part_log, part_statuses, read_state
from dispatch.stack.supervisor import start_background, stop_background
from dispatch.switch import document, headline, standing_switch
from kernel.adapters.migrate import migrate as migrate_database
from kernel.domain.control import Switch
from kernel.domain.errors import DatabaseUnavailable
from kernel.runtime.settings import ServiceSettings
from simulator.venue.fills import FillModel

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_MIB = 1024 * 1024


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


def status(as_json: AsJson = False) -> None:
    """Show whether trading is stopped, each process, its memory and last error, and each stage's lag."""
    state = _running()
    switch, trouble = _switch(state)
    if not as_json:
        out.print(trouble if switch is None else headline(switch), markup=False)
    rows = [
        {
            "part": s.record.name,
            "state": s.record.state if s.alive else "dead",
            "pid": s.record.process.pid,
            "memory_mb": round(s.rss_bytes / _MIB),
            "restarts": s.record.restarts,
            "last_error": s.record.last_error,
        }
        for s in part_statuses(state)
    ]
    connection = connect({**os.environ, **state.environment})
    lags = consumer_lags(connection.kafka, connection.prefix)
    total = sum(int(str(row["memory_mb"])) for row in rows)
    books = books_here(connection.database_url)
    if as_json:
        control = {"trouble": trouble} if switch is None else document(switch)
        write_json(
            {
                "phase": state.phase,
                "control": control,
                "parts": rows,
                "consumer_lag": lags,
                "memory_mb": total,
                "books": books,
            }
        )
        return
    table = Table("part", "state", "pid", "memory", "restarts", "lag", "last error", box=None)
    for row in rows:
        name = str(row["part"])
        lag = lags.get(name.split("-", maxsplit=1)[0])
        table.add_row(
            name,
            str(row["state"]),
            str(row["pid"]),
            f"{row['memory_mb']} MB",
            str(row["restarts"]),
            "" if lag is None else str(lag),
            str(row["last_error"] or ""),
        )
    out.print(table)
    out.print(f"memory in all: {total} MB")
    for line in books:
        out.print(line, markup=False)


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
        raise StackError(f"no stack runs here and none left a log of {part!r}")
    newest = max(left, key=lambda path: path.stat().st_mtime)
    err.print(f"no stack runs; the last one left {newest}", markup=False)
    out.print("\n".join(Path(newest).read_text("utf-8", "replace").splitlines()[-lines:]), markup=False)


def migrate() -> None:
    """Bring the tables of DATABASE_URL to today's version."""
    migrate_database(
        connect().database_url if "DATABASE_URL" not in os.environ else os.environ["DATABASE_URL"]
    )
    err.print("the tables are up to date")


def _switch(state: StackState) -> tuple[Switch | None, str]:
    """Return the switch, or None and why it is not known: the rest of the status is wanted all the more then."""
    url = state.environment.get("DATABASE_URL")
    if url is None:
        return None, "trading: not known, the stack has no database yet"
    try:
        return asyncio.run(standing_switch(url)), ""
    except DatabaseUnavailable as e:
        return None, f"trading: not known, {e}"


def _running() -> StackState:
    state = running_stack()
    if state is None:
        raise StackError("no stack runs here; start one with `dispatch up`")
    return state
