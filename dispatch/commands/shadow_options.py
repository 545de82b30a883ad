"""The options of `dispatch shadow`."""

from pathlib import Path
from typing import Annotated

import typer

from dispatch.replay.deciding import STAGES

Stage = Annotated[str, typer.Argument(help=f"One of {', '.join(STAGES)}.")]
Rev = Annotated[
    str | None,
    typer.Option(
        "--rev",
        metavar="REV",
        help="Who decides: a git revision, a .whl file, a ./folder of code or of an environment."
        " Default: the code of this command.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="A parameter to change for it: selector.min_score=60; repeatable."),
]
For = Annotated[
    str | None, typer.Option("--for", metavar="SPAN", help="Stop after 10m, 2h; else it runs on.")
]
Decisions = Annotated[
    int | None, typer.Option("--decisions", min=1, help="Stop after so many were compared.")
]
MinAgreement = Annotated[
    float, typer.Option("--min-agreement", min=0, max=100, help="Percent; below it the exit code is 1.")
]
Patience = Annotated[
    str, typer.Option("--patience", metavar="SPAN", help="How long to wait for the live stage's answer.")
]
As = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="What its group and topics are named by.")
]
Anew = Annotated[bool, typer.Option("--anew", help="Begin with what comes now, and not where it stopped.")]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Of /metrics, /livez and /readyz; 0 takes a free one.")
]
Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write a report that opens offline, besides.")
]
Limit = Annotated[int, typer.Option("--limit", min=0, help="Differing decisions to show.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
