"""`dispatch reconcile`: how the books stand against the venue; and a person's word where nothing explains it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table

from dispatch.connection import database_here
from dispatch.console import err, out, write_json
from dispatch.reconciling import BookLine, book_lines, line_of, reconcile_s_here
from dispatch.switch import named_user
from kernel.adapters.postgres import Database
from kernel.domain.errors import ConfigError
from services.executor.adapters.postgres_drift import Explained, PostgresDrift

T = TypeVar("T")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def reconcile(
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept", metavar="REASON", help="Take the venue's figures where drift stands, and say why."
        ),
    ] = None,
    word: Annotated[
        str | None,
        typer.Option("--drift", metavar="WORD", help="Which drift is accepted: the word shown with it."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many explanations are shown.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show how the books stand against the venue; exits with 1 while something is unexplained."""
    if accept is not None:
        _accept(" ".join(accept.split()), word)
    found = asyncio.run(_with_database(lambda database: _read(database, limit)))
    if as_json:
        write_json([_document(line, rows) for line, rows in found])
    else:
        _show(found)
    if any(line.standing.drift for line, _ in found):
        raise typer.Exit(1)


def _accept(reason: str, word: str | None) -> None:
    if not reason:
        raise ConfigError("--accept: say why, in a few words")
    if word is None:
        raise ConfigError(
            "--accept: add --drift with the word that `dispatch reconcile` shows with the drift"
        )

    async def accept_shown(database: Database) -> list[str]:
        drift = PostgresDrift(database)
        shown = [standing.account_id for standing in await drift.standings() if standing.word == word]
        return [line for a in shown for line in await drift.accept(a, named_user(), reason, word)]

    lines = asyncio.run(_with_database(accept_shown))
    if not lines:
        msg = f"--drift {word}: this is not what stands as drift now; look again with `dispatch reconcile`"
        raise ConfigError(msg)
    for line in lines:
        err.print(f"accepted: {line}", markup=False)


async def _read(database: Database, limit: int) -> list[tuple[BookLine, list[Explained]]]:
    drift, lines = PostgresDrift(database), await book_lines(database, reconcile_s_here())
    return [(line, await drift.explained(line.standing.account_id, limit)) for line in lines]


async def _with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    url, _ = database_here()
    async with Database(url, size=1) as database:
        return await work(database)


def _document(line: BookLine, rows: list[Explained]) -> dict[str, Any]:
    return {
        **asdict(line.standing),
        "refusal": line.refusal,
        "explained": [asdict(row) for row in rows],
    }


def _show(found: list[tuple[BookLine, list[Explained]]]) -> None:
    if not found:
        out.print("no executor has listened to a venue yet")
    for line, rows in found:
        out.print(line_of(line), markup=False)
        for each in line.standing.drift:
            out.print(f"  drift: {each}", markup=False)
        if (shown := line.standing.word) is not None:
            out.print(f"  to accept it: dispatch reconcile --accept REASON --drift {shown}", markup=False)
        for each in line.standing.unconfirmed:
            out.print(f"  not explained yet: {each}", markup=False)
        if rows:
            out.print(_table(rows))


def _table(rows: list[Explained]) -> Table:
    table = Table("market time", "kind", "symbol", "quantity", "cash", "note", box=None)
    for row in rows:
        cells: list[Any] = [
            f"{row.venue_at:%Y-%m-%d %H:%M:%S}",
            row.kind,
            row.symbol or "",
            f"{row.quantity.normalize():f}" if row.quantity else "",
            f"{row.cash_usd:.2f}" if row.cash_usd else "",
            row.note,
        ]
        table.add_row(*cells)
    return table
