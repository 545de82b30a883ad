"""`dispatch demo`."""

import asyncio
import datetime as dt
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from dispatch.connection import (
    Connection,
    connect,
    connection_from,
    demo_folder,
    demo_params_file,
    last_demo_archive,
)
from dispatch.console import err, out, to_json, write_json
from dispatch.demo.limits import write_widened
from dispatch.demo.plan import PlannedSignal, plan_live, plan_recorded
from dispatch.demo.run import DemoRun, utc_run_id
from dispatch.demo.summary import all_accounted_for, describe
from dispatch.stack.options import StackOptions
from dispatch.stack.parts import StackEvent
from dispatch.stack.stack import LocalStack
from dispatch.stack.state import StackState
from dispatch.stack.supervisor import start_background
from dispatch.stories import archive
from kernel.domain.errors import ConfigError
from kernel.runtime.clock import SystemClock
from kernel.runtime.settings import ServiceSettings
from simulator.markets import Market, open_market
from simulator.venue.fills import FillModel

_SERVERS_OF_OTHERS = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "APCA_API_BASE_URL")
_LIVE_PACE_S = 0.4
_SETTLE_S = 60.0
#: Quotes recorded once an hour are up to an hour old; the strategy's limit is meant for live quotes.
_HOURLY_QUOTE_AGE_S = 3600

Signals = Annotated[int, typer.Option("--signals", min=1, help="How many signals to send.")]
MarketSpec = Annotated[str, typer.Option("--market", help="synthetic, or lean:FOLDER for a recorded day.")]
Symbol = Annotated[str | None, typer.Option("--symbol", help="Underlying (recorded markets need one).")]
Day = Annotated[dt.datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Recorded day.")]
Equity = Annotated[float, typer.Option("--equity", min=1, help="The paper account's cash, USD.")]
Speed = Annotated[float, typer.Option("--speed", min=0.01, help="Market seconds per real second.")]
FillRule = Annotated[
    FillModel,
    typer.Option(
        "--fill-model",
        help="mid: a patient limit fills; nbbo: only when marketable, as Alpaca's paper does; honest: part of the spread.",
    ),
]
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", help="Write the summary as JSON to this file (- for standard output)."),
]


def demo(
    signals: Signals = 24,
    market: MarketSpec = "synthetic",
    symbol: Symbol = None,
    date: Day = None,
    equity: Equity = 100_000,
    speed: Speed = 1.0,
    fill_model: FillRule = FillModel.MID,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the synthetic market.")] = 0,
    json_file: JsonFile = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the stack running (stop it with `dispatch down`).")
    ] = False,
    attach: Annotated[
        bool,
        typer.Option(
            "--attach",
            help="Send them through the stack that runs (its scanner off) instead of one of the demo's own.",
        ),
    ] = False,
) -> None:
    """Start everything, send signals, watch them become filled paper orders, account for every one, stop everything."""
    if attach:
        _finish(_run(connect(), plan_live(signals), show=json_file != Path("-")), json_file)
    _require_own_servers(os.environ)
    day, symbol = date.date() if date else None, symbol and symbol.upper()
    source = open_market(market, seed=seed, symbol=symbol, day=day)
    plan = _plan(source, signals, symbol, day, recorded=market != "synthetic")
    options = _options(market, symbol, day, equity, speed, fill_model, seed, plan, source)
    err.print(
        f"[bold]dispatch demo[/bold]: {signals} signals on {source.name}, ${equity:,.0f}, fills by '{fill_model}'"
    )
    err.print(f"limits on volume and losses are widened for it: {options.params_file}", markup=False)
    with _stack(options, keep=keep) as connection:
        summary = _run(connection, plan, show=json_file != Path("-"))
    _finish(summary, json_file)


def _finish(summary: dict[str, Any], json_file: Path | None) -> NoReturn:
    _report(summary, json_file)
    sys.exit(0 if all_accounted_for(summary) else 1)


def _require_own_servers(environ: Mapping[str, str]) -> None:
    """Raise ConfigError if the demo would share a venue, topics or a ledger with something that is no demo."""
    named = [name for name in _SERVERS_OF_OTHERS if environ.get(name)]
    if named:
        raise ConfigError(
            f"the demo runs on servers of its own: unset {', '.join(named)} (to use them: dispatch demo --attach)"
        )


def _plan(
    source: Market, count: int, symbol: str | None, day: dt.date | None, *, recorded: bool
) -> list[PlannedSignal]:
    if not recorded:
        indexes = source.indexes()
        listed = tuple(name for name in source.underlyings() if name not in indexes)
        if symbol and symbol not in listed:
            raise ConfigError(f"--symbol: {source.name} has no {symbol}; it has {', '.join(listed)}")
        return plan_live(count, (symbol,) if symbol else listed)
    session = source.calendar.session_on(day) if day else None
    if session is None or symbol is None:
        raise ConfigError("a recorded market needs --symbol and --date of a trading day")
    return plan_recorded(count, symbol, session)


def _options(
    market: str,
    symbol: str | None,
    day: dt.date | None,
    equity: float,
    speed: float,
    fill_model: FillModel,
    seed: int,
    plan: list[PlannedSignal],
    source: Market,
) -> StackOptions:
    folder = demo_folder()
    return StackOptions.model_validate(
        {
            "run_folder": folder.path,
            "fresh": True,
            "scanner": False,
            "params_file": _params_file(source),
            "market": market,
            "symbol": symbol,
            "date": day,
            "start": plan[0].market_at,
            "speed": speed,
            "equity": equity,
            "fill_model": fill_model.value,
            "seed": seed,
        }
    )


def _params_file(source: Market) -> Path:
    """Write the numbers to run with: volume limits for more orders than a person sends, quotes as old as the record's."""
    path = write_widened(ServiceSettings.from_env(os.environ).params_file, demo_params_file())
    if source.quote_interval_s > 60:
        document: dict[str, Any] = json.loads(path.read_text())
        for group in (document["selector"], document["executor"]["gates"]):
            group["quote_age_s_max"] = max(_HOURLY_QUOTE_AGE_S, group.get("quote_age_s_max", 0))
        path.write_text(json.dumps(document, indent=2))
    return path


@contextmanager
def _stack(options: StackOptions, *, keep: bool) -> Iterator[Connection]:
    if keep:
        state = start_background(options, on_state=state_shower())
        yield connection_from({**os.environ, **state.environment})
        return
    with LocalStack(options, on_event=_show_event) as stack:
        yield connection_from({**os.environ, **stack.environment})
        err.print("stopping")


def _run(connection: Connection, plan: list[PlannedSignal], *, show: bool) -> dict[str, Any]:
    run = DemoRun(
        connection=connection,
        plan=plan,
        pace_s=_LIVE_PACE_S if plan[0].market_at is None else 0.0,
        settle_s=_SETTLE_S,
        show=lambda story: err.print(f"  {describe(story)}", markup=False) if show else None,
        run_id=utc_run_id(SystemClock().now()),
    )
    try:
        return asyncio.run(run.execute())
    finally:
        archive.save(last_demo_archive(), run.records)


def _show_event(event: StackEvent) -> None:
    detail = f"  {event.detail}" if event.detail else ""
    err.print(f"  {event.elapsed_s:5.1f} s  {event.part:<10} {event.state}{detail}", markup=False)


def state_shower() -> Callable[[StackState], None]:
    """Return a callback that tells each part's state once."""
    shown: set[tuple[str, str]] = set()

    def show(state: StackState) -> None:
        for part in state.parts:
            if (part.name, part.state) not in shown:
                shown.add((part.name, part.state))
                err.print(f"  {part.name:<10} {part.state}", markup=False)

    return show


def _report(summary: dict[str, Any], json_file: Path | None) -> None:
    if json_file == Path("-"):
        write_json(summary)
        return
    if json_file is not None:
        json_file.write_bytes(to_json(summary))
    latency = summary["latency_ms"]
    out.print(
        f"\n{summary['signals']} signals = {summary['orders']} orders ({summary['fills']} filled)"
        f" + {sum(summary['rejections'].values())} rejections; duplicate orders: {summary['duplicate_orders']}"
    )
    for code, count in summary["rejections"].items():
        out.print(f"  {count:>4} x {code}")
    if latency["p50"] is not None:
        out.print(
            f"signal to order accepted: p50 {latency['p50']:.0f} ms, p99 {latency['p99']:.0f} ms, max {latency['max']:.0f} ms"
        )
    ordered = (
        next((row for row in summary["executions"] if row["occ_symbol"]), None) or summary["executions"][0]
    )
    out.print(f"next: dispatch trace {ordered['signal_id']}")
    if not all_accounted_for(summary):
        out.print(
            "[bold red]not every signal is accounted for[/bold red]: look at dispatch logs and dispatch topics dead"
        )
