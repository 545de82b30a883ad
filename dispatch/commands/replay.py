"""`dispatch replay`: decide again, and show what differs."""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from typing import Annotated

import structlog
import typer
from rich.progress import Progress

from dispatch.connection import connect, last_demo_archive, running_stack
from dispatch.console import err, out, write_json
from dispatch.replay.deciding import STAGES, LocalDecider, replay_of
from dispatch.replay.overrides import with_overrides
from dispatch.replay.results import StageResult
from dispatch.replay.run import Played
from dispatch.replay.run import replay as run_replay
from dispatch.replay.source import ArchiveSource, KafkaSource, Source
from dispatch.replay.span import Span, parse_moment, parse_offsets
from dispatch.replay.telling import show, to_document
from dispatch.stack.errors import StackError
from kernel.domain.errors import ConfigError
from kernel.domain.params import TradingParams
from kernel.runtime.clock import SystemClock
from kernel.runtime.params import load_params
from kernel.runtime.settings import ServiceSettings

_CHAIN = ".."


def replay(
    stage: Annotated[str, typer.Argument(help=f"{', '.join(STAGES)}, or a chain of them: selector..sizer.")],
    since: Annotated[
        str | None, typer.Option("--from", help="First instant: 2026-06-05T14:30:00Z, or back: 30m, 2h.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last instant, written the same way.")] = None,
    trace: Annotated[str | None, typer.Option("--trace", help="One signal's, by its id.")] = None,
    offsets: Annotated[
        list[str] | None,
        typer.Option("--offsets", help="PARTITION:FIRST-LAST of the input topic; repeatable."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter to change: selector.min_score=60; repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Differing inputs to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Decide again what was decided, from the log alone, and show what differs. Exit code 1 where anything does."""
    now = SystemClock().now()
    span = Span(
        since=parse_moment(since, now, "--from") if since else None,
        until=parse_moment(until, now, "--to") if until else None,
        trace=trace,
        offsets=parse_offsets(offsets or []),
    )
    changes = settings or []
    params = with_overrides(load_params(ServiceSettings.from_env(os.environ).params_file), changes)
    _only_results_speak()
    results = _run(_source(os.environ), _chain(stage), params, span)
    if as_json:
        write_json(to_document(results, changes))
    else:
        show(results, out, limit)
    sys.exit(1 if any(result.differs for result in results) else 0)


def _run(source: Source, names: list[str], params: TradingParams, span: Span) -> list[StageResult]:
    revision = ServiceSettings.from_env(os.environ).code_revision()
    replays = {name: replay_of(name, params, revision) for name in names}
    stages = [Played(name, each, LocalDecider(each)) for name, each in replays.items()]
    with Progress(console=err, transient=True) as bar:
        tasks = {name: bar.add_task(name, total=None) for name in names}
        return asyncio.run(
            run_replay(
                source,
                stages,
                span,
                lambda name, done, total: bar.update(tasks[name], completed=done, total=total),
            )
        )


def _chain(text: str) -> list[str]:
    """Return the stages from the first to the last that `text` names."""
    first, _, last = text.partition(_CHAIN)
    names = list(STAGES)
    for name in (first, last or first):
        if name not in names:
            raise ConfigError(f"there is nothing to replay of {name!r}; stages: {', '.join(names)}")
    begin, end = names.index(first), names.index(last or first)
    if begin > end:
        raise ConfigError(f"{text!r}: a chain runs in the order {' → '.join(names)}")
    return names[begin : end + 1]


def _source(environ: Mapping[str, str]) -> Source:
    """Return the running stack's topics, or the last demo's messages."""
    if "KAFKA_BOOTSTRAP_SERVERS" in environ or running_stack(environ) is not None:
        connection = connect(environ)
        return KafkaSource(connection.kafka, connection.prefix)
    saved = last_demo_archive(environ)
    if not saved.exists():
        raise StackError(
            "there is nothing to replay: run `dispatch demo`, or start a stack with `dispatch up`"
        )
    err.print(f"no stack runs; these are the last demo's messages ({saved})", markup=False)
    return ArchiveSource(saved)


def _only_results_speak() -> None:
    """Keep the stages' log lines off the terminal: a decision taken again is not news."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
