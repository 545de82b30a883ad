"""`dispatch schemas check`: models against schemas, schemas against their history."""

import sys
from typing import Annotated

import typer

from dispatch.console import out, write_json
from kernel.contracts.compatibility import check_contracts

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
        out.print("all contracts hold" if not problems else f"{len(problems)} problems")
    sys.exit(1 if problems else 0)
