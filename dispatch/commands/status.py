"""`dispatch status`: whether trading is stopped, what runs, what lags, how the books stand."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.table import Table

from dispatch.console import out, write_json
from dispatch.reconciling import line_of
from dispatch.stack.state import PartStatus
from dispatch.standing import Status, status_here
from dispatch.switch import document, headline

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_MIB = 1024 * 1024


def status(as_json: AsJson = False) -> None:
    """Show whether trading is stopped, each process, each stage's lag, the books; exits with 1 if one cannot be asked."""
    found = status_here()
    if as_json:
        write_json(_document(found))
    else:
        _show(found)
    if found.troubles:
        raise typer.Exit(1)


def _show(found: Status) -> None:
    if found.switch is not None:
        out.print(headline(found.switch), markup=False)
    if "trading" in found.troubles:
        out.print(_not_known("trading", found), markup=False)
    if found.phase is None:
        out.print("no stack runs here: `docker compose ps --all` or `kubectl get pods` shows the processes")
        if found.lags:
            out.print(_lags(found))
    else:
        out.print(_parts(found))
        out.print(f"memory in all: {sum(_memory_mb(part) for part in found.parts)} MB")
    for name in [name for name in found.troubles if name != "trading"]:
        out.print(_not_known(name, found), markup=False)
    for line in _books(found):
        out.print(line, markup=False)


def _books(found: Status) -> Iterator[str]:
    if not found.books and not {"trading", "books"} & set(found.troubles):
        yield "books: no executor has listened to a venue yet"
    for line in found.books:
        yield line_of(line)


def _not_known(name: str, found: Status) -> str:
    return f"{name}: not known, {found.troubles[name]}"


def _document(found: Status) -> dict[str, Any]:
    control = {"trouble": _not_known("trading", found)} if found.switch is None else document(found.switch)
    return {
        "phase": found.phase,
        "control": control,
        "parts": [_row(part) for part in found.parts],
        "consumer_lag": found.lags,
        "memory_mb": sum(_memory_mb(part) for part in found.parts),
        "books": list(_books(found)),
        "troubles": found.troubles,
    }


def _row(part: PartStatus) -> dict[str, Any]:
    return {
        "part": part.record.name,
        "state": part.record.state if part.alive else "dead",
        "pid": part.record.process.pid,
        "memory_mb": _memory_mb(part),
        "restarts": part.record.restarts,
        "last_error": part.record.last_error,
    }


def _memory_mb(part: PartStatus) -> int:
    return round(part.rss_bytes / _MIB)


def _parts(found: Status) -> Table:
    table = Table("part", "state", "pid", "memory", "restarts", "lag", "last error", box=None)
    for row in map(_row, found.parts):
        lag = found.lags.get(row["part"].split("-", maxsplit=1)[0], "")
        memory = f"{row['memory_mb']} MB"
        cells = [row["part"], row["state"], row["pid"], memory, row["restarts"], lag, row["last_error"] or ""]
        table.add_row(*map(str, cells))
    return table


def _lags(found: Status) -> Table:
    table = Table("stage", "lag", box=None)
    for stage, lag in found.lags.items():
        table.add_row(stage, str(lag))
    return table
