"""The commands by name. Exit codes: 0 done, 1 it ran and the answer is no, 2 used wrongly."""

import sys
from typing import NoReturn

import typer

from dispatch.commands import explain, market, run, schemas, stack, topics, why
from dispatch.console import err
from kernel.domain.errors import ConfigError, TradingError

app = typer.Typer(
    name="dispatch",
    help="Options auto-trader on Alpaca paper: run it, ask it why, look back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for part in (run, stack, why, market, topics, schemas):
    part.register(app)
app.add_typer(explain.app, name="explain")
app.add_typer(topics.app, name="topics")
app.add_typer(schemas.app, name="schemas")


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
