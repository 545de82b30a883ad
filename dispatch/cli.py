"""The commands by name. Exit codes: 0 done, 1 it ran and the answer is no, 2 used wrongly."""

import logging
import sys
from typing import NoReturn

import typer
from pydantic import ValidationError

from dispatch.console import err
from dispatch.lazy import LazyGroup
from kernel.domain.errors import ConfigError, TradingError

#: Command → where it is. A module is imported when its command is used: `explain score` needs no Kafka client.
COMMANDS = {
    "demo": "dispatch.commands.demo:demo",
    "up": "dispatch.commands.stack:up",
    "down": "dispatch.commands.stack:down",
    "status": "dispatch.commands.status:status",
    "logs": "dispatch.commands.stack:logs",
    "halt": "dispatch.commands.control:halt",
    "reduce": "dispatch.commands.control:reduce",
    "resume": "dispatch.commands.control:resume",
    "signal": "dispatch.commands.signal:signal",
    "explain": "dispatch.commands.explain:app",
    "trace": "dispatch.commands.trace:trace",
    "report": "dispatch.commands.report:report",
    "reconcile": "dispatch.commands.reconcile:reconcile",
    "replay": "dispatch.commands.replay:replay",
    "shadow": "dispatch.commands.shadow:shadow",
    "case": "dispatch.commands.case:app",
    "topics": "dispatch.commands.topics:app",
    "schemas": "dispatch.commands.schemas:app",
    "migrate": "dispatch.commands.stack:migrate",
    "simulator": "simulator.cli:command",
}

#: Libraries whose errors say that something outside failed; not imported here, because most commands need none of them.
_OUTSIDE = frozenset({"aiokafka", "psycopg", "psycopg_pool", "sqlalchemy", "httpx", "requests"})


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
    for library in ("aiokafka", "psycopg.pool"):
        logging.getLogger(library).setLevel(logging.CRITICAL)  # it would tell a failure a second time
    try:
        app()
    except Exception as e:
        said = _one_line(e)
        if said is None:
            raise
        err.print(f"dispatch: {said}", markup=False)
        sys.exit(2 if isinstance(e, (ConfigError, ValidationError)) else 1)
    sys.exit(0)


def _one_line(error: Exception) -> str | None:
    """Return what a person needs to know of a known failure; None for a defect of ours, whose traceback is needed."""
    if isinstance(error, ValidationError):
        problem = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']} (was {problem['input']!r})"
    if isinstance(error, TradingError):
        return str(error)
    kind = type(error)
    if kind.__module__.partition(".")[0] not in _OUTSIDE:
        return None
    return f"{kind.__name__}: {' '.join(str(error).split())}"
