"""`dispatch halt`, `reduce`, `resume`: the switch that stops trading. They need Postgres, and nothing else."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from dispatch.connection import database_here
from dispatch.console import err, out, write_json
from dispatch.stack.errors import StackError
from dispatch.switch import (
    Done,
    Stop,
    SwitchMoved,
    document,
    headline,
    named_user,
    resume_trading,
    standing_switch,
    stop_trading,
    told,
)
from kernel.domain.control import ControlState, Switch
from kernel.domain.errors import ConfigError, DatabaseUnavailable

Reason = Annotated[
    str, typer.Option("--reason", help="Why: shown by `dispatch status` and in the refusals of this switch.")
]
Cancel = Annotated[
    bool,
    typer.Option("--cancel-orders", help="Also cancel the orders that work at the venue, until `resume`."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def halt(reason: Reason, cancel_orders: Cancel = False, as_json: AsJson = False) -> None:
    """Send no more orders, at once and until `dispatch resume`."""
    _stop(ControlState.HALTED, reason, cancel_orders, as_json)


def reduce(reason: Reason, cancel_orders: Cancel = False, as_json: AsJson = False) -> None:
    """Send only orders that close a position, until `dispatch resume`."""
    _stop(ControlState.REDUCING, reason, cancel_orders, as_json)


def resume(reason: Reason, as_json: AsJson = False) -> None:
    """Let all orders through again; the breakers begin to count anew.

    On a terminal you are shown what stands, and asked. A tighter stop that came meanwhile is not lifted with it.
    """
    why = _said(reason)
    with _nothing_done("nothing was resumed"):
        url, settings = database_here()
        standing = _standing(url)
        if not standing.active and sys.stdin.isatty():
            err.print(headline(standing), markup=False)
            typer.confirm("lift it?", abort=True, err=True)
        done = asyncio.run(resume_trading(url, settings, standing, why, named_user()))
    _tell(done, as_json)


def _stop(state: ControlState, reason: str, cancel_orders: bool, as_json: bool) -> None:
    stop = Stop(state=state, reason=_said(reason), by=named_user(), cancel_orders=cancel_orders)
    with _nothing_done("nothing was stopped"):
        url, settings = database_here()
        done = asyncio.run(stop_trading(url, settings, stop, on_committed=_say_committed))
    _tell(done, as_json)
    if not done.complete:
        sys.exit(1)


def _standing(url: str) -> Switch:
    try:
        return asyncio.run(standing_switch(url))
    except DatabaseUnavailable as e:
        raise StackError(str(e)) from e


@contextmanager
def _nothing_done(said: str) -> Iterator[None]:
    """Begin an error's one line with what it means for trading."""
    try:
        yield
    except (StackError, SwitchMoved) as e:
        raise type(e)(f"{said}: {e}") from e
    except DatabaseUnavailable as e:
        raise DatabaseUnavailable(f"not known whether it was done, ask again: {e}") from e


def _say_committed(switch: Switch) -> None:
    err.print(
        f"{switch.state.value} is committed, new orders are refused; waiting for those that are on their way",
        markup=False,
    )


def _tell(done: Done, as_json: bool) -> None:
    if not as_json:
        for line in told(done):
            out.print(line, markup=False)
        return
    left = [f"{order.occ_symbol} {order.client_order_id}" for order in done.left]
    write_json(
        {**document(done.switch), "changed": done.changed, "drained": done.drained, "not_cancelled": left}
    )


def _said(reason: str) -> str:
    words = " ".join(reason.split())
    if not words:
        raise ConfigError("--reason: say why, in a few words")
    return words
