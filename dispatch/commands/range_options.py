"""The options that name a range of the log, the same wherever a command takes one."""

from typing import Annotated

import typer

from dispatch.replay.span import Span, parse_moment, parse_offsets
from kernel.domain.errors import ConfigError
from kernel.runtime.clock import SystemClock

Since = Annotated[
    str | None, typer.Option("--from", help="First instant: 2026-06-05T14:30:00Z, or back: 30m, 2h.")
]
Until = Annotated[str | None, typer.Option("--to", help="Last instant, written the same way.")]
Trace = Annotated[
    str | None, typer.Option("--trace", help="One signal's, by its id or its first characters.")
]
Offsets = Annotated[
    list[str] | None,
    typer.Option("--offsets", help="PARTITION:FIRST-LAST of the input topic; repeatable."),
]


def span_of(since: str | None, until: str | None, trace: str | None, offsets: list[str] | None) -> Span:
    """Return the range the options name; raises ConfigError."""
    now = SystemClock().now()
    if trace == "":
        raise ConfigError("--trace: name a signal's id, or its first characters")
    return Span(
        since=parse_moment(since, now, "--from") if since is not None else None,
        until=parse_moment(until, now, "--to") if until is not None else None,
        trace=trace,
        offsets=parse_offsets(offsets or []),
    )
