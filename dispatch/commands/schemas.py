"""`dispatch schemas check|announced`: the contracts of this release, and those that the running stages write with."""

import asyncio
import sys
from typing import Annotated, Any

import typer

from dispatch.connection import connect
from dispatch.console import out, write_json
from kernel.contracts.compatibility import check_contracts
from kernel.contracts.schema_store import SchemaStore, load_store
from kernel.stream.schemas import read_announced

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The contracts of record.")


@app.callback()
def group() -> None:
    """The contracts of record."""


@app.command("check")
def check(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Tell whether every message can be read by every release that ever read it, and models fit their schemas."""
    problems = check_contracts()
    if as_json:
        write_json({"ok": not problems, "problems": problems})
    else:
        for problem in problems:
            out.print(problem, markup=False)
        out.print("all contracts hold" if not problems else f"problems: {len(problems)}")
    sys.exit(1 if problems else 0)


@app.command("announced")
def announced(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Show the schemas that were ever written with on this log, and what this release makes of each."""
    connection = connect()
    entries = asyncio.run(_read(connection.kafka, connection.prefix))
    store = load_store()
    refused = store.learn(entries)
    rows = [_row(store, key, refused.get(key)) for key in entries]
    rows.sort(key=lambda row: (row["message"], row["here"]))
    if as_json:
        write_json(rows)
        return
    for row in rows:
        out.print(f"{row['message']:<12} {row['fingerprint']}  {row['here']}", markup=False)


async def _read(kafka: str, prefix: str) -> dict[str, Any]:
    return {key: entry async for key, entry in read_announced(kafka, prefix)}


def _row(store: SchemaStore, key: str, refusal: str | None) -> dict[str, str]:
    writer = None if refusal else store.writer(bytes.fromhex(key))
    if writer is None:
        return {"message": "?", "fingerprint": key, "here": f"of no use: {refusal}"}
    here = f"version {writer.version}" if writer.version else "of another release, readable here"
    return {"message": writer.name, "fingerprint": key, "here": here}
