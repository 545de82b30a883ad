"""The command line of the venue alone: every option is a setting of `VenueSettings`."""

from pathlib import Path
from typing import Annotated

import typer

from kernel.domain.errors import ConfigError
from simulator.feeds.rules import DataPlan
from simulator.server import serve
from simulator.settings import read_settings
from simulator.venue.fills import FillModel


def command(  # noqa: PLR0917  typer calls it by name
    market: Annotated[str | None, typer.Option(help="synthetic, or lean:FOLDER for a recorded day.")] = None,
    symbol: Annotated[
        str | None, typer.Option(help="Underlying of a recorded day, or several: AAPL,GOOG.")
    ] = None,
    date: Annotated[
        str | None, typer.Option(help="Day of the market, YYYY-MM-DD; of a recorded one also FIRST..LAST.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Everything random follows from it.")] = None,
    start: Annotated[
        str | None, typer.Option(help="Instant the clock starts at, ISO 8601 with zone.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(help="Market seconds per real second; 0 stands still.")
    ] = None,
    equity: Annotated[float | None, typer.Option(help="Starting cash, USD.")] = None,
    fill_model: Annotated[
        FillModel | None,
        typer.Option(
            help="nbbo: Alpaca's paper rule; mid: a limit at the mid fills too; honest: part of the spread, by size."
        ),
    ] = None,
    latency_ms: Annotated[str | None, typer.Option(help="Order latency in real ms, LOW,HIGH.")] = None,
    partial_fills: Annotated[float | None, typer.Option(help="Percentage of fills that are partial.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 chooses a free one.")] = None,
    journal: Annotated[Path | None, typer.Option(help="File for the journal, JSON lines.")] = None,
    state: Annotated[
        Path | None, typer.Option(help="File that the venue's state survives a restart in.")
    ] = None,
    accounts: Annotated[
        str | None,
        typer.Option(help="one for all keys, by-key, or KEY=USD,KEY=USD,… beside one for the rest."),
    ] = None,
    late_close: Annotated[
        str | None, typer.Option(help="Underlyings whose options trade to 4:15 pm: SPY,QQQ.")
    ] = None,
    data_plan: Annotated[
        DataPlan | None, typer.Option(help="Market data plan: basic has neither sip nor opra; plus has all.")
    ] = None,
    rate_limit: Annotated[int | None, typer.Option(help="Requests an account may make a minute.")] = None,
    expiring_today_limit: Annotated[
        int | None, typer.Option(help="Contracts expiring today that an account may hold and order.")
    ] = None,
    order_notional_limit: Annotated[
        float | None, typer.Option(help="Most an order for options may be worth, USD.")
    ] = None,
    stream_auth_timeout_s: Annotated[
        float | None, typer.Option(help="Real seconds a data stream's client has to authenticate.")
    ] = None,
    stream_queue: Annotated[
        int | None, typer.Option(help="Frames that may wait for a data stream's client.")
    ] = None,
    ready_file: Annotated[Path | None, typer.Option(help="File that tells the port once it listens.")] = None,
) -> None:
    """Run an Alpaca-compatible paper venue until interrupted; SIMULATOR_* variables set what is not given."""
    given = {name: value for name, value in locals().items() if value is not None}
    try:
        serve(read_settings(given))
    except (ConfigError, OSError) as e:
        typer.echo(f"simulator: {e}", err=True)
        raise typer.Exit(2) from e


def main() -> None:
    """Run the command line."""
    typer.run(command)
