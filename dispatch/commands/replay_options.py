"""The options of `dispatch replay` that follow, write and report."""

from pathlib import Path
from typing import Annotated

import typer

Params = Annotated[
    str | None,
    typer.Option(
        "--params",
        metavar="FILE|then",
        help="Parameters to decide with instead of the present ones; then: with each decision's own, found by hash.",
    ),
]
Rev = Annotated[
    str | None,
    typer.Option(
        "--rev",
        metavar="REV",
        help="Compare with another revision: a git revision, a .whl file, a ./folder of code or of an environment.",
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        min=0,
        help="Processes that decide; 0: one per core. Pays from thousands of decisions on.",
    ),
]
Speed = Annotated[
    float,
    typer.Option("--speed", min=0, help="0: as fast as it goes; 1: at the log's own pace; N: N times that."),
]
Step = Annotated[bool, typer.Option("--step", help="Show one decision at a time and wait for Enter.")]
Halt = Annotated[
    str | None,
    typer.Option("--until", metavar="ID|TIME", help="Halt at a signal, or at the first input since a time."),
]
Break = Annotated[
    str | None,
    typer.Option(
        "--break",
        metavar="CONDITION",
        help="Halt where it is true, like \"answer.score.total < 60 and status != 'same'\".",
    ),
]
Into = Annotated[
    str | None,
    typer.Option(
        "--into", metavar="PREFIX", help="Write what is decided to topics of this prefix, like shadow.monday."
    ),
]
Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write a report that opens offline, besides.")
]
