"""`dispatch replay`: decide again, and show what differs."""

import asyncio
import os
import sys
from typing import Annotated

import typer
from rich.progress import Progress

from dispatch.commands.range_options import Offsets, Since, Trace, Until, span_of
from dispatch.console import err, only_results_speak, out, write_json
from dispatch.replay.choosing import log_here, stages_named
from dispatch.replay.deciding import STAGES, LocalDecider, replay_of
from dispatch.replay.overrides import with_overrides
from dispatch.replay.results import StageResult
from dispatch.replay.run import Played
from dispatch.replay.run import replay as run_replay
from dispatch.replay.source import Source
from dispatch.replay.span import Span
from dispatch.replay.telling import show, to_document
from kernel.domain.params import TradingParams
from kernel.runtime.params import load_params
from kernel.runtime.settings import ServiceSettings


def replay(
    stage: Annotated[str, typer.Argument(help=f"{', '.join(STAGES)}, or a chain of them: selector..sizer.")],
    since: Since = None,
    until: Until = None,
    trace: Trace = None,
    offsets: Offsets = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter to change: selector.min_score=60; repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Differing inputs to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Decide again what was decided, from the log alone, and show what differs. Exit code 1 where anything does."""
    span = span_of(since, until, trace, offsets)
    changes = settings or []
    params = with_overrides(load_params(ServiceSettings.from_env(os.environ).params_file), changes)
    only_results_speak()
    results = _run(log_here(os.environ), stages_named(stage), params, span)
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
