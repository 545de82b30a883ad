"""The commands by name. Exit codes: 0 done, 1 it ran and the answer is no, 2 used wrongly."""

import sys
from typing import NoReturn

import typer

from dispatch.console import err
from dispatch.lazy import LazyGroup
from kernel.domain.errors import ConfigError, TradingError

#: Command → where it is. A module is imported when its command is used: `explain score` needs no Kafka client.
COMMANDS = {
    "demo": "dispatch.commands.demo:demo",
    "up": "dispatch.commands.stack:up",
    "down": "dispatch.commands.stack:down",
    "status": "dispatch.commands.stack:status",
    "logs": "dispatch.commands.stack:logs",
    "signal": "dispatch.commands.signal:signal",
    "explain": "dispatch.commands.explain:app",
    "trace": "dispatch.commands.why:trace",
    "report": "dispatch.commands.why:report",
    "topics": "dispatch.commands.topics:app",
    "schemas": "dispatch.commands.schemas:app",
    "migrate": "dispatch.commands.stack:migrate",
    "simulator": "simulator.cli:command",
}


class _Commands(LazyGroup):
    places = COMMANDS


app = typer.Typer(
    name="dispatch",
    cls=_Commands,
    help="Options auto-trader on Alpaca paper: run it, ask it why, look back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Options auto-trader on Alpaca paper: run it, ask it why, look back."""


def main() -> NoReturn:
    """Run the command line; a known failure is one line on standard error, never a traceback."""
    try:
        app()
    except ConfigError as e:
        err.print(f"dispatch: {e}", markup=False)
        sys.exit(2)
    except TradingError as e:
        err.print(f"dispatch: {e}", markup=False)
        sys.exit(1)
    sys.exit(0)
